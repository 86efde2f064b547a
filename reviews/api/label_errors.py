"""Likely label errors of a label set, and sending them back to be read."""

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ml.labels import CLASSES
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import AnyFormat, ApiView, person
from mriplatform.audit.recording import record
from reviews.access import get_label_set, get_label_set_to_correct
from reviews.models import LabelErrorSearch, LabelSet
from reviews.selectors.label_set_export import as_zip, export_members
from reviews.selectors.likely_errors import (
    LikelyError,
    found_count,
    newest_found,
    newest_search,
    ranked_errors,
)
from reviews.services.label_errors import ask_for_label_errors
from reviews.services.sending_back import LIKELY_WRONG, MAX_AT_ONCE, send_back


class RankingQuerySerializer(StrictSerializer):
    start = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False, default=0)
    size = serializers.IntegerField(min_value=1, max_value=500, required=False, default=50)


class LikelyErrorSerializer(serializers.Serializer[Any]):
    rank = serializers.IntegerField()
    image = serializers.UUIDField()
    label = serializers.ChoiceField(choices=CLASSES)  # type: ignore[assignment]  # the framework's own attribute
    suggested = serializers.ChoiceField(choices=CLASSES)
    probability = serializers.FloatField(help_text="Of the label, by heads that never saw the image.")
    suggested_probability = serializers.FloatField()
    score = serializers.FloatField(help_text="0 sure of the label, 1 sure of the class suggested.")
    likely = serializers.BooleanField(help_text="Whether confident learning takes it for wrong.")
    blinded_reads = serializers.ListField(
        child=serializers.CharField(), help_text="What readers said unaware of the machine's answer."
    )
    sent_back = serializers.BooleanField()


class LikelyErrorsSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(
        choices=["none", *LabelErrorSearch.Status.values],
        help_text="Of the newest search; `none` without any.",
    )
    failure_reason = serializers.CharField()
    found_at = serializers.DateTimeField(
        allow_null=True, help_text="When the ranking that is shown was made."
    )
    model_version = serializers.IntegerField(
        allow_null=True, help_text="Number of the version whose embeddings."
    )
    likely = serializers.IntegerField()
    used = serializers.IntegerField(help_text="How many labels were looked at.")
    without_embedding = serializers.IntegerField()
    joint = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()),
        help_text="The confident joint, in labels: rows what was given, columns what it is taken for.",
    )
    seconds = serializers.FloatField(allow_null=True)
    total = serializers.IntegerField()
    labels = LikelyErrorSerializer(many=True)


class SendBackSerializer(StrictSerializer):
    images = serializers.ListField(
        child=serializers.UUIDField(), required=False, min_length=1, max_length=MAX_AT_ONCE
    )
    top = serializers.IntegerField(required=False, min_value=1, max_value=MAX_AT_ONCE)
    reason = serializers.CharField(required=False, max_length=300, default=LIKELY_WRONG)


class KeptSerializer(serializers.Serializer[Any]):
    image = serializers.UUIDField()
    reason = serializers.CharField()


class SentSerializer(serializers.Serializer[Any]):
    sent = serializers.ListField(child=serializers.UUIDField())
    kept = KeptSerializer(many=True, help_text="What was not sent back, and why.")


class LikelyErrors(ApiView):
    serializer_class = LikelyErrorsSerializer
    query_serializer = RankingQuerySerializer

    @extend_schema(
        operation_id="get_likely_label_errors",
        summary="Which labels of a label set are likely wrong, the likeliest first",
        description=(
            "By confident learning on heads that are trained without the image and its group, beside what blinded "
            "readers said. Never for readers of its images."
        ),
        parameters=[RankingQuerySerializer],
        responses={200: LikelyErrorsSerializer, **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, label_set_id: UUID) -> Response:
        asked = self.asked(request)
        return Response(_shown(get_label_set(request.user, label_set_id), **asked))

    @extend_schema(
        operation_id="find_likely_label_errors",
        summary="Have the likely errors looked for; a worker does it in seconds",
        request=None,
        responses={202: LikelyErrorsSerializer, **problems(401, 403, 404)},
    )
    def post(self, request: Request, label_set_id: UUID) -> Response:
        self.sent(StrictSerializer, request.data)
        label_set = get_label_set_to_correct(request.user, label_set_id)
        ask_for_label_errors(actor=person(request), label_set=label_set)
        return Response(_shown(label_set), status=202)


class SentBackLabels(ApiView):
    serializer_class = SentSerializer

    @extend_schema(
        operation_id="send_labels_back",
        summary="Send labels back to be read by somebody who has not read them",
        description=(
            "Name `images`, or the `top` of the ranking. Each gets one more place in the worklist; until that reader "
            "has finished it has no final label, unless an adjudicator decided. The reader is not told."
        ),
        request=SendBackSerializer,
        responses={200: SentSerializer, **problems(400, 401, 403, 404, 422)},
    )
    def post(self, request: Request, label_set_id: UUID) -> Response:
        sent = self.sent(SendBackSerializer, request.data)
        label_set = get_label_set_to_correct(request.user, label_set_id)
        sending = send_back(
            actor=person(request), label_set=label_set, images=sent.get("images"), top=sent.get("top"),
            reason=sent["reason"],
        )  # fmt: skip
        shown = {
            "sent": [row.image_id for row in sending.sent],
            "kept": [{"image": image, "reason": reason} for image, reason in sending.kept.items()],
        }
        return Response(SentSerializer(shown).data)


class LabelSetExport(ApiView):
    content_negotiation_class = AnyFormat

    @extend_schema(
        operation_id="export_label_set",
        summary="A label set with its pixels, as a ZIP archive that can be imported again to the same hash",
        description="Refused where the user may not have the labels of the collection, or reads any of its images.",
        responses={(200, "application/zip"): OpenApiTypes.BINARY, **problems(401, 403, 404)},
    )
    def get(self, request: Request, label_set_id: UUID) -> StreamingHttpResponse:
        label_set = get_label_set(request.user, label_set_id)
        record(
            action="label_set.exported", actor=person(request), target=label_set,
            collection_id=label_set.collection_id, door="api",
        )  # fmt: skip
        return StreamingHttpResponse(
            as_zip(export_members(label_set)),
            content_type="application/zip",
            headers={
                "Content-Disposition": f'attachment; filename="label-set-{label_set.number}.zip"',
                "Cache-Control": "private, no-store",
            },
        )


def _shown(label_set: LabelSet, *, start: int = 0, size: int = 50) -> dict[str, Any]:
    newest, found = newest_search(label_set), newest_found(label_set)
    result: dict[str, Any] = (found.result or {}) if found else {}
    shown = {
        "status": newest.status if newest else "none",
        "failure_reason": newest.failure_reason if newest else "",
        "found_at": found.finished_at if found else None,
        "model_version": found.model_version.number if found and found.model_version else None,
        "likely": result.get("likely", 0),
        "used": result.get("used", 0),
        "without_embedding": result.get("without", 0),
        "joint": result.get("joint", []),
        "seconds": result.get("seconds"),
        "total": found_count(found) if found else 0,
        "labels": [_row(row) for row in ranked_errors(found, start=start, size=size)] if found else [],
    }
    return dict(LikelyErrorsSerializer(shown).data)


def _row(row: LikelyError) -> dict[str, Any]:
    same = (
        "rank",
        "label",
        "suggested",
        "probability",
        "suggested_probability",
        "score",
        "likely",
        "sent_back",
    )
    return {name: getattr(row, name) for name in same} | {
        "image": row.image.pk, "blinded_reads": list(row.blinded),
    }  # fmt: skip
