"""The gate in the admin: rules and verdicts to look at, and a version to be judged again."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from classifier.access import require_gate
from classifier.admin.person import staff_person
from classifier.exceptions import PlatformError
from classifier.models import GateDecision, GateRequest, GateRule, ModelVersion
from classifier.services.gate_requests import ask_judgement
from mriplatform.audit.admin import ReadOnlyAdmin


def have_judged(
    model_admin: admin.ModelAdmin[Any], request: HttpRequest, versions: Iterable[ModelVersion]
) -> None:
    """Ask the gate about versions, and say of each whether it is in line."""
    require_gate(request.user)
    for version in versions:
        try:
            ask_judgement(actor=staff_person(request), version=version)
            model_admin.message_user(request, f"Version {version.number} is in line to be judged.")
        except PlatformError as refusal:
            model_admin.message_user(request, refusal.sentence, messages.WARNING)


@admin.register(GateRule)
class GateRuleAdmin(ReadOnlyAdmin[GateRule]):
    list_display = ("number", "written_by", "created_at", "page")
    list_select_related = ("written_by",)
    readonly_fields = ("page",)

    @admin.display(description="")
    def page(self, rule: GateRule) -> str:
        return format_html('<a href="{}">Rules, and to write the next one…</a>', reverse("gate-rules"))


@admin.register(GateDecision)
class GateDecisionAdmin(ReadOnlyAdmin[GateDecision]):
    list_display = ("candidate", "incumbent", "verdict", "rule", "created_at", "page")
    list_filter = ("verdict",)
    list_select_related = ("candidate", "incumbent", "rule")
    readonly_fields = ("page",)
    exclude = ("figures",)
    actions = ("judge_again",)

    @admin.display(description="")
    def page(self, decision: GateDecision) -> str:
        address = reverse("gate-decision", args=[decision.pk])
        return format_html('<a href="{}">In full</a>', address)

    @admin.action(description="Judge the candidates again beside what is in force")
    def judge_again(self, request: HttpRequest, queryset: QuerySet[GateDecision]) -> None:
        asked = {
            decision.candidate_id: decision.candidate for decision in queryset.select_related("candidate")
        }
        have_judged(self, request, asked.values())


@admin.register(GateRequest)
class GateRequestAdmin(ReadOnlyAdmin[GateRequest]):
    list_display = ("kind", "status", "version", "training_run", "asked_by", "created_at", "failure_reason")
    list_filter = ("kind", "status")
    list_select_related = ("version", "training_run", "asked_by")
