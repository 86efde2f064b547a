"""Predictions, for those who may see them; to everybody else they are not there."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_image, get_prediction, get_study, get_study_to_compare, get_version
from classifier.api.examples import PREDICTION_EXAMPLE
from classifier.api.serializers import (
    AskedSerializer,
    AskVersionSerializer,
    NothingSerializer,
    PredictionDetailSerializer,
    PredictionQuerySerializer,
    PredictionSerializer,
)
from classifier.api.shown import shown_prediction
from classifier.models import Prediction
from classifier.selectors import predictions_of
from classifier.selectors.prediction_table import PREDICTION_COLUMNS, prediction_rows
from classifier.services.comparison import ask_version
from classifier.services.predictions import retry_prediction
from mriplatform.accounts.access import get_collection, require_in
from mriplatform.accounts.roles import Permission
from mriplatform.api.rendering import AS_TABLE, TABLE_RENDERERS, FormatNegotiation, table_asked
from mriplatform.api.schema import problems
from mriplatform.api.views import ApiView, person
from mriplatform.audit.recording import record
from mriplatform.tables import serve_table, table


class Predictions(ApiView):
    serializer_class = PredictionSerializer
    query_serializer = PredictionQuerySerializer
    renderer_classes = TABLE_RENDERERS
    content_negotiation_class = FormatNegotiation
    paged = True

    @extend_schema(
        operation_id="list_predictions",
        summary="List the predictions that you may see, newest first",
        parameters=[PredictionQuerySerializer],
        description=(
            "In pages as JSON. Whole as CSV and JSON Lines, with the image's replaced UIDs where it came as DICOM, the "
            "version's threshold, and the final label where there is one; the columns are in docs/results.md."
        ),
        responses={
            (200, "application/json"): PredictionSerializer(many=True),
            **AS_TABLE,
            **problems(400, 401, 404, 406),
        },
        examples=[PREDICTION_EXAMPLE],
    )
    def get(self, request: Request) -> Response | StreamingHttpResponse:
        asked = self.asked(request)
        found = _filtered(request, asked)
        if form := table_asked(request):
            record(
                action="predictions.downloaded", actor=person(request), collection_id=asked.get("collection"),
                rows=found.count(), form=form, door="api",
            )  # fmt: skip
            pieces = table(form, PREDICTION_COLUMNS, prediction_rows(request.user, found))
            return serve_table(pieces, form=form, name="predictions")
        light = found.defer("maps", "embedding", "model_version__metadata")
        rows = self.page_of(light)
        return self.paged_response([shown_prediction(row, row.image) for row in rows])

    @extend_schema(
        operation_id="ask_version",
        summary="Ask another model version about a study; what it says stands beside the answer and changes nothing",
        description=(
            "Idempotent: what the version has read or has in line is not queued again; what has failed is tried again. "
            "202 where something was queued, else 200. Engineers and administrators, never readers of these images."
        ),
        request=AskVersionSerializer,
        responses={202: AskedSerializer, 200: AskedSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request) -> Response:
        sent = self.sent(AskVersionSerializer, request.data)
        study = get_study_to_compare(request.user, sent["study"], Permission.ASK_VERSIONS)
        version = get_version(request.user, sent["model_version"])
        asked = ask_version(actor=person(request), study=study, version=version)
        rows = predictions_of(request.user).filter(image__study=study, model_version=version)
        shown = [
            shown_prediction(row, row.image)
            for row in rows.defer("maps", "embedding").order_by("image__position")
        ]
        body = {"queued": asked.queued, "known": asked.known, "predictions": shown}
        return Response(AskedSerializer(body).data, status=202 if asked.queued else 200)


def _filtered(request: Request, asked: dict[str, Any]) -> QuerySet[Prediction]:
    rows = predictions_of(request.user)
    if "collection" in asked:
        get_collection(request.user, asked["collection"], Permission.VIEW_STUDIES)
        rows = rows.filter(image__collection=asked["collection"])
    if "study" in asked:
        rows = rows.filter(image__study=get_study(request.user, asked["study"]))
    if "image" in asked:
        rows = rows.filter(image=get_image(request.user, asked["image"]))
    if "not_assessable" in asked:
        rows = rows.filter(not_assessable=asked["not_assessable"])
    if "model_version" in asked:
        rows = rows.filter(model_version=asked["model_version"])
    if "status" in asked:
        rows = rows.filter(status=asked["status"])
    return rows


class OnePrediction(ApiView):
    serializer_class = PredictionDetailSerializer

    @extend_schema(
        operation_id="get_prediction",
        summary="One prediction, with its class maps",
        responses={200: PredictionDetailSerializer, **problems(401, 404)},
    )
    def get(self, request: Request, prediction_id: UUID) -> Response:
        prediction = get_prediction(request.user, prediction_id)
        shown = shown_prediction(prediction, prediction.image, maps=True)
        return Response(PredictionDetailSerializer(shown).data)


class RetryPrediction(ApiView):
    serializer_class = NothingSerializer

    @extend_schema(
        operation_id="retry_prediction",
        summary="Queue a failed prediction again",
        description=(
            "An image's answer comes from the version that reads for its collection now. Where that version was asked "
            "about the image before, its prediction, with an id of its own, becomes the answer and is returned."
        ),
        request=None,
        responses={202: PredictionSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, prediction_id: UUID) -> Response:
        self.sent(NothingSerializer, request.data)
        prediction = get_prediction(request.user, prediction_id)
        require_in(request.user, prediction.image.collection_id, Permission.RETRY_PREDICTIONS)
        retried = retry_prediction(actor=person(request), prediction_id=prediction.pk)
        again = get_prediction(request.user, retried.pk)
        return Response(PredictionSerializer(shown_prediction(again, again.image)).data, status=202)
