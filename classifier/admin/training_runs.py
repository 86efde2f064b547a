"""Training runs in the admin: state and figures, refreshed while one is active, and its cancelling."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import ActionLocation
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from classifier.admin.person import staff_person
from classifier.exceptions import PlatformError
from classifier.models import ModelVersion, TrainingRun
from classifier.selectors.training_runs import ACTIVE, may_change_run, sees_run_labels
from classifier.services.gate_requests import ask_curve
from classifier.services.training import cancel_run
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import collections_of, has_anywhere
from mriplatform.audit.admin import ReadOnlyAdmin

_FIELDS = ("number", "state", "watch", "comparison", "base_version", "candidate", "of_collection", "recipe", "seed",
           "rule", "manifest_sha256", "counts", "curve", "trace", "trigger", "started_by", "created_at",
           "started_at", "finished_at", "attempt", "cancelled_by", "failure_reason")  # fmt: skip
_REFRESH_SECONDS = "2"


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin[TrainingRun]):
    list_display = ("number", "state", "of_collection", "trigger", "started_by", "created_at", "finished_at",
                    "candidate", "watch")  # fmt: skip
    list_filter = ("status", "trigger")
    list_select_related = ("started_by", "base_version")
    fields = _FIELDS
    readonly_fields = (
        "state",
        "watch",
        "comparison",
        "of_collection",
        "candidate",
        "counts",
        "curve",
        "trace",
    )
    change_form_template = "admin/classifier/trainingrun/change_form.html"
    actions = ("cancel", "draw_curve")

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<uuid:pk>/cancel/",
            self.admin_site.admin_view(self.cancel_view),
            name="classifier_trainingrun_cancel",
        )
        return [own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        # Reports, curves and logs are large: a list of runs would otherwise carry all of them.
        runs = super().get_queryset(request).defer("report", "progress", "log", "base_version__metadata")
        # Whose labels made a version is for those who are of that collection; versions are everybody's.
        own = Collection.objects.filter(
            pk=OuterRef("collection"), pk__in=collections_of(request.user).values("pk")
        )
        runs = runs.annotate(collection_told=Subquery(own.values("name")))
        return runs.prefetch_related(Prefetch("versions", ModelVersion.objects.defer("metadata")))

    def get_fields(self, request: HttpRequest, obj: TrainingRun | None = None) -> Any:
        """Without the way to the labels of others. Readers are never staff, so that the rest may be shown to all."""
        if obj is not None and not sees_run_labels(request.user, obj):
            return [name for name in _FIELDS if name != "trace"]
        return _FIELDS

    def get_actions(
        self, request: HttpRequest, action_location: ActionLocation = ActionLocation.CHANGE_LIST
    ) -> dict[str, Any]:
        actions = super().get_actions(request, action_location)
        if not has_anywhere(request.user, Permission.TRAIN):
            actions.pop("cancel", None)
            actions.pop("draw_curve", None)
        return actions

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        active = run is not None and run.status in ACTIVE
        context = {"may_cancel": active and run is not None and may_change_run(request.user, run)}
        response = super().change_view(request, object_id, form_url, (extra_context or {}) | context)
        if active:
            response["Refresh"] = _REFRESH_SECONDS
        return response

    @admin.action(description="Cancel the training run…")
    def cancel(self, request: HttpRequest, queryset: QuerySet[TrainingRun]) -> HttpResponse | None:
        """Lead to the confirmation for the one active run among those chosen."""
        run = queryset.filter(status__in=ACTIVE).first()
        if run is None:
            self.message_user(
                request, "None of these is active, so there is nothing to cancel.", messages.WARNING
            )
            return None
        return HttpResponseRedirect(reverse("admin:classifier_trainingrun_cancel", args=[run.pk]))

    @admin.action(description="Draw the learning curve")
    def draw_curve(self, request: HttpRequest, queryset: QuerySet[TrainingRun]) -> None:
        require_anywhere(request.user, Permission.TRAIN)
        for run in queryset:
            try:
                ask_curve(actor=staff_person(request), run=run)
                self.message_user(request, f"The learning curve of {run} is in line to be drawn.")
            except PlatformError as refusal:
                self.message_user(request, f"{run}: {refusal.sentence}", messages.WARNING)

    def cancel_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Ask once more, then cancel."""
        run = self.get_queryset(request).filter(pk=pk).first()
        if run is None or not may_change_run(request.user, run):
            raise Http404
        address = reverse("admin:classifier_trainingrun_change", args=[pk])
        if request.method != "POST":
            context = self.admin_site.each_context(request) | {
                "title": f"Cancel {run}",
                "opts": self.model._meta,
                "run": run,
                "active": run.status in ACTIVE,
            }
            return TemplateResponse(request, "admin/classifier/trainingrun/cancel.html", context)
        try:
            cancel_run(actor=staff_person(request), run=run)
            self.message_user(request, f"{run} is being cancelled. Nothing of it is kept but its record.")
        except PlatformError as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
        return HttpResponseRedirect(address)

    @admin.display(description="state", ordering="status")
    def state(self, run: TrainingRun) -> str:
        return str(run.get_status_display())

    @admin.display(description="collection")
    def of_collection(self, run: TrainingRun) -> str:
        return str(getattr(run, "collection_told", None) or "–")

    @admin.display(description="live")
    def watch(self, run: TrainingRun) -> str:
        return format_html('<a href="{}">Open its page</a>', reverse("training-run", args=[run.pk]))

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
        if not run.trace_lines.exists():
            return "–"
        address = reverse("training-run-trace", args=[run.pk])
        return format_html('<a href="{}">What became of each, and why</a>', address)

    def _render(self, part: str, run: TrainingRun) -> str:
        return render_to_string(
            f"admin/classifier/trainingrun/{part}.html", {"run": run, "report": run.report}
        )
