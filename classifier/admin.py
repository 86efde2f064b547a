"""The machine reader in the admin: records to look at, and the few actions an engineer or an approver may take."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from classifier.exceptions import PlatformError
from classifier.models import (
    Evaluation,
    Image,
    JobStatus,
    ModelVersion,
    Prediction,
    Promotion,
    Study,
    TrainingRun,
    VersionChoice,
)
from classifier.selectors import version_before, version_in_force
from classifier.services.predictions import retry_prediction
from classifier.services.registry import promote, roll_back
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.models import User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin, OwnRowsFilter
from mriplatform.accounts.selectors import collections_of, has_anywhere
from mriplatform.audit.admin import ReadOnlyAdmin


def _staff(request: HttpRequest) -> User:
    """The signed-in person; the admin lets nobody else this far."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _reason(request: HttpRequest) -> str:
    """What was entered as the reason, without the one character that Postgres takes in no text."""
    return request.POST.get("reason", "").replace("\0", "")


def _number(request: HttpRequest, name: str) -> int | None:
    """A number of a form; None where it holds none."""
    text = request.POST.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


@admin.register(Study)
class StudyAdmin(OwnCollectionsAdmin[Study]):
    list_display = (
        "short_id",
        "collection",
        "origin",
        "uploaded_by",
        "created_at",
        "finalised_at",
        "purged_at",
    )
    list_filter = (("collection", OwnRowsFilter), "origin")
    list_select_related = ("collection", "uploaded_by")
    date_hierarchy = "created_at"


@admin.register(Image)
class ImageAdmin(OwnCollectionsAdmin[Image]):
    list_display = ("short_id", "study", "width", "height", "bits", "created_at", "hidden_at")
    list_filter = (("collection", OwnRowsFilter), "bits")
    search_fields = ("pixel_sha256",)
    list_select_related = ("study",)


@admin.register(Prediction)
class PredictionAdmin(OwnCollectionsAdmin[Prediction]):
    collection_path = "image__collection"
    permission = Permission.VIEW_PREDICTIONS
    list_display = ("id", "image", "status", "label", "model_version", "for_comparison", "attempt", "queued_at",
                    "finished_at")  # fmt: skip
    list_filter = ("status", "for_comparison", "not_assessable", "model_version", "failure_code")
    list_select_related = ("image", "model_version")
    date_hierarchy = "queued_at"
    exclude = ("maps", "embedding")
    actions = ("try_again",)

    @admin.action(description="Try failed predictions again")
    def try_again(self, request: HttpRequest, queryset: QuerySet[Prediction]) -> None:
        require_anywhere(request.user, Permission.RETRY_PREDICTIONS)
        retried = 0
        for prediction in queryset.filter(
            image__collection__in=collections_of(request.user, Permission.RETRY_PREDICTIONS)
        ):
            try:
                retry_prediction(actor=_staff(request), prediction_id=prediction.pk)
                retried += 1
            except PlatformError as refusal:
                self.message_user(request, f"{prediction.pk}: {refusal.sentence}", messages.WARNING)
        self.message_user(request, f"{retried} predictions are in line again.")


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
                lambda: promote(actor=_staff(request), version=version, reason=_reason(request)),
            )
        return self._confirm(request, f"Put version {version.number} in force", version)

    def roll_back_view(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST":
            return self._decide(
                request,
                lambda: roll_back(
                    actor=_staff(request), reason=_reason(request), expected=_number(request, "version")
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


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin[TrainingRun]):
    list_display = (
        "number",
        "state",
        "started_by",
        "created_at",
        "finished_at",
        "candidate",
        "failure_reason",
    )
    list_filter = ("status",)
    list_select_related = ("started_by", "base_version")
    fields = ("number", "state", "comparison", "base_version", "candidate", "recipe", "seed", "manifest_sha256",
              "counts", "curve", "trace", "started_by", "created_at", "started_at", "finished_at", "attempt",
              "failure_reason")  # fmt: skip
    readonly_fields = ("state", "comparison", "candidate", "counts", "curve", "trace")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        # A report traces every label: a list of runs would otherwise carry all labels of all of them.
        runs = super().get_queryset(request).defer("report", "progress", "base_version__metadata")
        return runs.prefetch_related(Prefetch("versions", ModelVersion.objects.defer("metadata")))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        if TrainingRun.objects.filter(
            pk=object_id, status__in=[JobStatus.QUEUED, JobStatus.RUNNING]
        ).exists():
            response["Refresh"] = "2"
        return response

    @admin.display(description="state", ordering="status")
    def state(self, run: TrainingRun) -> str:
        return "Finished" if run.status == JobStatus.SUCCEEDED else run.get_status_display()

    @admin.display(description="candidate beside incumbent, on the reference part")
    def comparison(self, run: TrainingRun) -> str:
        return self._render("comparison", run)

    @admin.display(description="what became of the labels")
    def counts(self, run: TrainingRun) -> str:
        counted = [f"{count} {used_as}" for used_as, count in run.report.get("counts", {}).items()]
        made = run.report.get("embeddings", {})
        counted += [f"{count} embeddings {how}" for how, count in made.items() if count]
        return ", ".join(counted) or "–"

    @admin.display(description="loss by step")
    def curve(self, run: TrainingRun) -> str:
        return self._render("curve", run)

    @admin.display(description="each label")
    def trace(self, run: TrainingRun) -> str:
        return self._render("trace", run)

    def _render(self, part: str, run: TrainingRun) -> str:
        return render_to_string(
            f"admin/classifier/trainingrun/{part}.html", {"run": run, "report": run.report}
        )
