"""Proposals and promotions in the admin: what was decided and why, and the decision on a proposal."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from classifier.admin.person import staff_person
from classifier.exceptions import PlatformError
from classifier.models import LoadCheck, ModelVersion, Promotion, Proposal
from classifier.selectors import version_in_force
from classifier.selectors.load_checks import newest_load_check
from classifier.selectors.proposals import newest_decision, outcome, proposals
from classifier.services.promotion import approve, decline
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import has_anywhere
from mriplatform.audit.admin import ReadOnlyAdmin

_VERSIONS = "admin:classifier_modelversion_changelist"


def entered(request: HttpRequest, name: str) -> str:
    """What was entered, without the one character that Postgres takes in no text."""
    return request.POST.get(name, "").replace("\0", "")


def decide(
    model_admin: admin.ModelAdmin[Any], request: HttpRequest, decision: Callable[[], Any], done: str
) -> HttpResponse:
    """Decide, say what came of it or why nothing did, and show the versions."""
    try:
        model_admin.message_user(request, done.format(decision()))
    except PlatformError as refusal:
        model_admin.message_user(request, refusal.sentence, messages.ERROR)
    return HttpResponseRedirect(reverse(_VERSIONS))


def confirm(
    model_admin: admin.ModelAdmin[Any], request: HttpRequest, title: str, version: ModelVersion, **more: Any
) -> HttpResponse:
    """The page that asks for the reason, with the figures of the version beside those of the one in force."""
    current = version_in_force()
    context = model_admin.admin_site.each_context(request) | {
        "title": title,
        "version": version,
        "current": current,
        "figures": version.evaluations.first(),
        "current_figures": current.evaluations.first() if current else None,
        "decision": newest_decision(version, current),
        "load_check": newest_load_check(version),
        "opts": model_admin.model._meta,
        "back": _VERSIONS,
    }
    return TemplateResponse(request, "admin/classifier/modelversion/decide.html", context | more)


@admin.register(Promotion)
class PromotionAdmin(ReadOnlyAdmin[Promotion]):
    list_display = ("sequence", "kind", "model_version", "promoted_by", "at", "reason", "override_reason")
    list_filter = ("kind",)
    list_select_related = ("model_version", "promoted_by")


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin[Proposal]):
    list_display = ("version", "proposed_by", "at", "reason", "state", "decide_link")
    list_select_related = ("version", "proposed_by", "promotion", "decline")

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<uuid:pk>/decide/",
            self.admin_site.admin_view(self.decide_view),
            name="classifier_proposal_decide",
        )
        return [own, *super().get_urls()]

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = list(super().get_list_display(request))
        return shown if has_anywhere(request.user, Permission.PROMOTE) else shown[:-1]

    @admin.display(description="state")
    def state(self, proposal: Proposal) -> str:
        return outcome(proposal).capitalize()

    @admin.display(description="")
    def decide_link(self, proposal: Proposal) -> str:
        if outcome(proposal) != "open":
            return ""
        return format_html(
            '<a href="{}">Decide…</a>', reverse("admin:classifier_proposal_decide", args=[proposal.pk])
        )

    def decide_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        require_anywhere(request.user, Permission.PROMOTE)
        proposal = get_object_or_404(proposals(), pk=pk)
        if request.method != "POST":
            return confirm(
                self, request, f"Put version {proposal.version.number} in force", proposal.version,
                proposal=proposal, gate_matters=True, may_override=True, asks_worker=True, other="Decline",
            )  # fmt: skip
        said: dict[str, Any] = {
            "actor": staff_person(request),
            "proposal": proposal,
            "reason": entered(request, "reason"),
        }
        if "decline" in request.POST:
            return decide(self, request, lambda: decline(**said), "{0.proposal} was declined.")
        override = entered(request, "override_reason")
        done = "{0.model_version} is in force; the next image is read by it."
        return decide(self, request, lambda: approve(**said, override_reason=override), done)


@admin.register(LoadCheck)
class LoadCheckAdmin(ReadOnlyAdmin[LoadCheck]):
    list_display = (
        "model_version",
        "asked_at",
        "asked_by",
        "answered_at",
        "passed",
        "words",
        "worker",
        "runtime",
    )
    list_filter = ("passed",)
    list_select_related = ("model_version", "asked_by")
