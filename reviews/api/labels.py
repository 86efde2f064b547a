"""What was labelled: downloads and label sets."""

from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mriplatform.api.rendering import AS_TABLE, TABLE_RENDERERS, FormatNegotiation
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from mriplatform.audit.recording import record
from mriplatform.tables import serve_table
from reviews.access import (
    get_collection_with_labels,
    get_label_set,
)
from reviews.api.label_serializers import LabelsSerializer
from reviews.api.serializers import (
    LabelSetSerializer,
)
from reviews.selectors import (
    label_count,
    label_sets_of,
    labels,
    labels_in,
    manifest_of,
)


class FormatSerializer(StrictSerializer):
    format = serializers.CharField(required=False)


class Labels(ApiView):
    query_serializer = FormatSerializer
    renderer_classes = TABLE_RENDERERS
    content_negotiation_class = FormatNegotiation

    @extend_schema(
        operation_id="download_labels",
        summary="Every verdict in force and every adjudication, as JSON, CSV or JSON Lines",
        description=(
            "Who, when, which model version answered, and whether the reader had seen its answer. Refused to readers "
            "of the collection: it says what the machine and the others answered on images they have yet to read. "
            "Images that you read in another collection as well are left out. "
            "By image, then by time; the columns are in docs/results.md."
        ),
        parameters=[OpenApiParameter("format", str, enum=["json", "csv", "jsonl"])],
        responses={
            (200, "application/json"): LabelsSerializer,
            **AS_TABLE,
            **problems(401, 403, 404, 406),
        },
    )
    def get(self, request: Request, collection_id: UUID) -> StreamingHttpResponse:
        collection = get_collection_with_labels(request.user, collection_id)
        form = request.accepted_renderer.format
        record(
            action="labels.downloaded", actor=person(request), target=collection, collection_id=collection.pk,
            rows=label_count(collection, request.user), form=form,
        )  # fmt: skip
        pieces = labels_in(form, collection, labels(collection, request.user))
        return serve_table(pieces, form=form, name=f"labels-{collection.pk}")


class LabelSets(ApiView):
    serializer_class = LabelSetSerializer
    paged = True

    @extend_schema(
        operation_id="list_label_sets",
        summary="List the label sets of your collections, newest first",
        responses={200: LabelSetSerializer(many=True), **problems(400, 401)},
    )
    def get(self, request: Request) -> Response:
        return self.paged_response(self.page_of(label_sets_of(request.user)))


class Manifest(ApiView):
    @extend_schema(
        operation_id="get_manifest",
        summary="A label set's manifest: JSON Lines, byte for byte what was frozen",
        description="403 where you read any of the collection's images in another one, as for all of a label set.",
        responses={(200, "application/x-ndjson"): OpenApiTypes.STR, **problems(401, 403, 404)},
    )
    def get(self, request: Request, label_set_id: UUID) -> HttpResponse:
        label_set = get_label_set(request.user, label_set_id)
        return HttpResponse(
            manifest_of(label_set),
            content_type="application/x-ndjson",
            headers={
                "Content-Disposition": f'attachment; filename="label-set-{label_set.number}.jsonl"',
                "ETag": f'"{label_set.manifest_sha256}"',
            },
        )
