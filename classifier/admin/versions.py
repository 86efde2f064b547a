"""Model versions in the admin: figures, which is in force, which reads for a collection, promotion and roll-back."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from classifier.admin.person import staff_person
from classifier.exceptions import PlatformError
from classifier.models import (
    Evaluation,
    ModelVersion,
    Promotion,
    VersionChoice,
)
from classifier.selectors import version_before, version_in_force
from classifier.services.registry import promote, roll_back
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin, OwnRowsFilter
from mriplatform.accounts.selectors import has_anywhere
from mriplatform.audit.admin import ReadOnlyAdmin


def _reason(request: HttpRequest) -> str:
    """What was entered as the reason, without the one character that Postgres takes in no text."""
    return request.POST.get("reason", "").replace("\0", "")


def _number(request: HttpRequest, name: str) -> int | None:
    """A number of a form; None where it holds none."""
    text = request.POST.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin[Evaluation]):
    list_display = ("model_version", "part", "accuracy", "created_at")
    list_filter = ("part",)
    list_select_related = ("model_version",)

    @admin.display(description="accuracy")
    def accuracy(self, evaluation: Evaluation) -> str:
        return f"{evaluation.figures['accuracy']:.3f}"


@admin.register(Promotion)
class PromotionAdmin(ReadOnlyAdmin[Promotion]):
    list_display = ("sequence", "kind", "model_version", "promoted_by", "at", "reason")
    list_select_related = ("model_version", "promoted_by")


@admin.register(VersionChoice)
class VersionChoiceAdmin(OwnCollectionsAdmin[VersionChoice]):
    permission = Permission.VIEW_MODELS
    list_display = ("collection", "reads", "chosen_by", "at", "reason", "decide")
    list_filter = (("collection", OwnRowsFilter),)
    list_select_related = ("collection", "model_version", "chosen_by")

    @admin.display(description="reads from then on", ordering="model_version")
    def reads(self, choice: VersionChoice) -> str:
        return str(choice.model_version or "What is in force")

    @admin.display(description="")
    def decide(self, choice: VersionChoice) -> str:
        return format_html(
            '<a href="{}">Now…</a>', reverse("collection-version", args=[choice.collection_id])
        )


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin[ModelVersion]):
    list_display = ("number", "name", "in_force", "figures", "training_run", "created_at", "put_in_force")
    list_display_links = ("number", "name")
    list_select_related = ("training_run",)
    # A checkpoint has no address to be fetched from; its hash says which one it is.
    exclude = ("checkpoint",)
    change_list_template = "admin/classifier/modelversion/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<uuid:pk>/promote/", self.admin_site.admin_view(self.promote_view),
                name="classifier_modelversion_promote",
            ),
            path(
                "roll-back/", self.admin_site.admin_view(self.roll_back_view),
                name="classifier_modelversion_roll_back",
            ),
        ]  # fmt: skip
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        newest = Promotion.objects.order_by("-sequence").values("model_version_id")[:1]
        return (
            super()
            .get_queryset(request)
            .annotate(in_force_id=Subquery(newest))
            .prefetch_related("evaluations")
        )

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = list(super().get_list_display(request))
        return shown if has_anywhere(request.user, Permission.PROMOTE) else shown[:-1]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = (extra_context or {}) | {"may_promote": has_anywhere(request.user, Permission.PROMOTE)}
        return super().changelist_view(request, context)

    @admin.display(boolean=True)
    def in_force(self, version: Any) -> bool:
        return bool(version.in_force_id == version.pk)

    @admin.display(description="accuracy on its reference part")
    def figures(self, version: ModelVersion) -> str:
        evaluations = version.evaluations.all()
        return f"{evaluations[0].figures['accuracy']:.3f}" if evaluations else "not measured"

    @admin.display(description="")
    def put_in_force(self, version: ModelVersion) -> str:
        if self.in_force(version):
            return ""
        address = reverse("admin:classifier_modelversion_promote", args=[version.pk])
        return format_html('<a href="{}">Put in force…</a>', address)

    def promote_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        version = get_object_or_404(ModelVersion, pk=pk)
        if request.method == "POST":
            return self._decide(
                request,
                lambda: promote(actor=staff_person(request), version=version, reason=_reason(request)),
            )
        return self._confirm(request, f"Put version {version.number} in force", version)

    def roll_back_view(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST":
            return self._decide(
                request,
                lambda: roll_back(
                    actor=staff_person(request), reason=_reason(request), expected=_number(request, "version")
                ),
            )
        require_anywhere(request.user, Permission.PROMOTE)
        before = version_before()
        if before is None:
            self.message_user(request, "There is no earlier version to go back to.", messages.ERROR)
            return HttpResponseRedirect(reverse("admin:classifier_modelversion_changelist"))
        return self._confirm(request, f"Roll back to version {before.number}", before)

    def _decide(self, request: HttpRequest, decision: Any) -> HttpResponse:
        require_anywhere(request.user, Permission.PROMOTE)
        try:
            promotion = decision()
            self.message_user(
                request, f"{promotion.model_version} is in force; the next image is read by it."
            )
        except PlatformError as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:classifier_modelversion_changelist"))

    def _confirm(self, request: HttpRequest, title: str, version: ModelVersion) -> HttpResponse:
        require_anywhere(request.user, Permission.PROMOTE)
        current = version_in_force()
        context = self.admin_site.each_context(request) | {
            "title": title,
            "version": version,
            "current": current,
            "figures": version.evaluations.first(),
            "current_figures": current.evaluations.first() if current else None,
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/classifier/modelversion/promote.html", context)
