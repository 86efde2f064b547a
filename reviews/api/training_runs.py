"""Training runs: started from a label set, watched, cancelled, and followed image by image."""

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.models import ModelVersion, RunStatus, TraceLine, TrainingRun
from classifier.selectors.training_runs import (
    collection_told,
    seconds_left,
    sees_run_figures,
    trace_of,
    training_runs,
)
from classifier.services.training import cancel_run
from ml.labels import CLASSES
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor
from mriplatform.api.pagination import CursorPagination
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from reviews.access import (
    get_training_run,
    get_training_run_to_change,
    get_training_run_with_trace,
)
from reviews.selectors.trace_files import traced_values


class VersionNamedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    name = serializers.CharField()


class TrainingRunSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    status = serializers.ChoiceField(choices=RunStatus.choices)
    recipe = serializers.DictField()
    seed = serializers.IntegerField()
    trigger = serializers.ChoiceField(choices=TrainingRun.Trigger.choices)
    collection = serializers.UUIDField(
        allow_null=True, help_text="Where its images lie, for whoever is of it."
    )
    manifest_sha256 = serializers.CharField(help_text="Empty for those who read any of its images.")
    base_version = VersionNamedSerializer()
    candidate = VersionNamedSerializer(allow_null=True, help_text="Null until it has succeeded.")
    gate_rule = serializers.IntegerField(
        allow_null=True, help_text="Number of the rule that judges its candidate."
    )
    started_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    attempt = serializers.IntegerField()
    url = serializers.CharField(help_text="Where the run is.")


class LogEntrySerializer(serializers.Serializer[Any]):
    at = serializers.CharField()
    text = serializers.CharField()


class TrainingRunDetailSerializer(TrainingRunSerializer):
    failure = serializers.CharField(help_text="Why it failed; empty where it did not.")
    cancelled_by = serializers.CharField(allow_null=True)
    seconds_left = serializers.FloatField(
        allow_null=True, help_text="Of a running run, as far as anything says so."
    )
    steps = serializers.IntegerField(
        help_text="Of `progress` as a whole; send it as `since` to get what is new."
    )
    progress = serializers.ListField(child=serializers.DictField(), help_text="The curve, a step an object.")
    log = LogEntrySerializer(many=True)
    counts = serializers.DictField(help_text="Lines of the manifest, by what they were used as.")
    report = serializers.DictField(help_text="Figures of both sides; the trace has an address of its own.")


class TraceLineSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Of the manifest's line, from 1.")
    image = serializers.UUIDField(allow_null=True, help_text="Null where the platform has none.")
    pixel_sha256 = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # no attribute
    used_as = serializers.ChoiceField(choices=TraceLine.Used.choices)
    reason = serializers.CharField(help_text="Why it was left out; else empty.")


class SinceSerializer(StrictSerializer):
    since = serializers.IntegerField(
        min_value=0, required=False, default=0, help_text="How many steps of `progress` you have."
    )


class TraceQuerySerializer(StrictSerializer):
    used_as = serializers.ChoiceField(choices=TraceLine.Used.choices, required=False)
    label = serializers.ChoiceField(choices=CLASSES, required=False)  # type: ignore[assignment]  # no attribute
    reason = serializers.CharField(required=False, max_length=300)


class InOrder(CursorPagination):
    """Pages in the order of the manifest."""

    ordering = "id"
    turns = False


class TrainingRuns(ApiView):
    serializer_class = TrainingRunSerializer
    paged = True

    @extend_schema(
        operation_id="list_training_runs",
        summary="List the training runs, newest first",
        responses={200: TrainingRunSerializer(many=True), **problems(400, 401, 403)},
    )
    def get(self, request: Request) -> Response:
        require_anywhere(request.user, Permission.VIEW_MODELS)
        return self.paged_response([shown_run(request.user, run) for run in self.page_of(training_runs())])


class OneTrainingRun(ApiView):
    serializer_class = TrainingRunDetailSerializer
    query_serializer = SinceSerializer

    @extend_schema(
        operation_id="get_training_run",
        summary="One training run, with its curve from a step on",
        description=(
            "Ask again with `since` while `status` is `queued` or `running`. What a run made of its labels "
            "(curve, log, counts, figures, the reason of a failure) is empty for those who read any of its images."
        ),
        parameters=[SinceSerializer],
        responses={200: TrainingRunDetailSerializer, **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        asked = self.asked(request)
        run = get_training_run(request.user, run_id)
        shown = shown_whole_run(request.user, run, since=asked.get("since", 0))
        return Response(TrainingRunDetailSerializer(shown).data)


class CancelTrainingRun(ApiView):
    @extend_schema(
        operation_id="cancel_training_run",
        summary="Cancel a training run; nothing half-made is kept",
        description="A queued run is cancelled at once, a running one at its next step. 409 where it has ended.",
        request=None,
        responses={202: TrainingRunDetailSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        run = get_training_run_to_change(request.user, run_id)
        self.sent(StrictSerializer, request.data)
        cancel_run(actor=person(request), run=run)
        now = get_training_run(request.user, run_id)
        return Response(TrainingRunDetailSerializer(shown_whole_run(request.user, now)).data, status=202)


class Trace(ApiView):
    serializer_class = TraceLineSerializer
    query_serializer = TraceQuerySerializer
    pagination_class = InOrder
    paged = True

    @extend_schema(
        operation_id="list_trace",
        summary="What a training run made of each line of its manifest",
        description="Refused to those who may not download the labels of its collection, or read any image there.",
        parameters=[TraceQuerySerializer],
        responses={200: TraceLineSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = get_training_run_with_trace(request.user, run_id)
        lines = trace_of(run, **self.asked(request))
        return self.paged_response([traced_values(line) for line in self.page_of(lines)])


def shown_run(user: Visitor, run: TrainingRun) -> dict[str, Any]:
    """A run in a line. The hash of its manifest stands for its labels, and goes to those alone who may know of them."""
    collection = collection_told(user, run)
    return {
        "id": run.pk,
        "number": run.number,
        "status": run.status,
        "recipe": run.recipe,
        "seed": run.seed,
        "trigger": run.trigger,
        "collection": collection.pk if collection else None,
        "manifest_sha256": run.manifest_sha256 if sees_run_figures(user, run) else "",
        "base_version": named(run.base_version),
        "candidate": named(run.candidate),
        "gate_rule": run.rule.number if run.rule else None,
        "started_by": run.started_by.get_username() if run.started_by else None,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "attempt": run.attempt,
        "url": reverse("api-training-run", args=[run.pk]),
    }


def shown_whole_run(user: Visitor, run: TrainingRun, *, since: int = 0) -> dict[str, Any]:
    """A run as one person may see it, with its curve from a step on."""
    figures = sees_run_figures(user, run)
    report = {name: value for name, value in run.report.items() if name not in ("trace", "counts")}
    return shown_run(user, run) | {
        "failure": run.failure_reason if figures else "",
        "cancelled_by": run.cancelled_by.get_username() if run.cancelled_by else None,
        "seconds_left": seconds_left(run),
        "steps": len(run.progress) if figures else 0,
        "progress": run.progress[since:] if figures else [],
        "log": run.log if figures else [],
        "counts": run.report.get("counts", {}) if figures else {},
        "report": report if figures else {},
    }


def named(version: ModelVersion | None) -> dict[str, Any] | None:
    return {"id": version.pk, "number": version.number, "name": version.name} if version else None
