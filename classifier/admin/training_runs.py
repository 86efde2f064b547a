"""Training runs in the admin: state, figures, curve and trace."""

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from classifier.models import (
    ModelVersion,
    RunStatus,
    TrainingRun,
)
from mriplatform.audit.admin import ReadOnlyAdmin


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
            pk=object_id, status__in=[RunStatus.QUEUED, RunStatus.RUNNING]
        ).exists():
            response["Refresh"] = "2"
        return response

    @admin.display(description="state", ordering="status")
    def state(self, run: TrainingRun) -> str:
        return str(run.get_status_display())

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
