"""The quarantine: what waits there, its pixels, and what a reviewer of the intake decides about it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_quarantined
from classifier.api.quarantine_serializers import (
    MASK_EXAMPLE,
    QUARANTINED_EXAMPLE,
    WHY_EXAMPLE,
    MaskSerializer,
    QuarantineCountsSerializer,
    QuarantinedSerializer,
    QuarantineQuerySerializer,
    WhySerializer,
    shown_quarantined,
)
from classifier.models import QuarantinedImage
from classifier.selectors.quarantine import own_waiting, quarantined_of, quarantined_png, waiting_counts
from classifier.services.quarantine_decisions import (
    mask_quarantined,
    reject_quarantined,
    release_quarantined,
)
from mriplatform.accounts.access import get_collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import permissions_in
from mriplatform.api.schema import problems
from mriplatform.api.views import AnyFormat, ApiView, person
from mriplatform.served import serve_png


class Quarantine(ApiView):
    serializer_class = QuarantinedSerializer
    query_serializer = QuarantineQuerySerializer
    paged = True

    @extend_schema(
        operation_id="list_quarantined",
        summary="List what is or was in quarantine, newest first",
        description="Of the collections whose intake you review; empty for everybody else.",
        parameters=[QuarantineQuerySerializer],
        responses={200: QuarantinedSerializer(many=True), **problems(400, 401, 403, 404)},
        examples=[QUARANTINED_EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(request)
        rows = quarantined_of(request.user)
        if "collection" in asked:
            get_collection(request.user, asked["collection"], Permission.REVIEW_INTAKE)
        rows = rows.filter(**asked)
        return self.paged_response([shown_quarantined(row) for row in self.page_of(rows)])


class CollectionQuarantine(ApiView):
    serializer_class = QuarantineCountsSerializer

    @extend_schema(
        operation_id="count_quarantined",
        summary="How many images of a collection wait in quarantine",
        responses={200: QuarantineCountsSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        found = get_collection(request.user, collection_id, Permission.VIEW_STUDIES)
        reviews = Permission.REVIEW_INTAKE in permissions_in(request.user, found.pk)
        waiting = waiting_counts(request.user).get(found.pk, 0) if reviews else None
        counts = {"waiting": waiting, "own_waiting": own_waiting(request.user, found)}
        return Response(QuarantineCountsSerializer(counts).data)


class OneQuarantined(ApiView):
    serializer_class = QuarantinedSerializer

    @extend_schema(
        operation_id="get_quarantined",
        summary="One image that is or was in quarantine",
        responses={200: QuarantinedSerializer, **problems(401, 404)},
        examples=[QUARANTINED_EXAMPLE],
    )
    def get(self, request: Request, quarantined_id: UUID) -> Response:
        return _answer(get_quarantined(request.user, quarantined_id))


class QuarantinedPixels(ApiView):
    content_negotiation_class = AnyFormat

    @extend_schema(
        operation_id="get_quarantined_pixels",
        summary="The pixels of an image that waits, as a greyscale PNG of 8 or 16 bit",
        description="They may name a patient: do not keep them. Once the image is decided there are none (404).",
        responses={(200, "image/png"): OpenApiTypes.BINARY, **problems(401, 404)},
    )
    def get(self, request: Request, quarantined_id: UUID) -> HttpResponse:
        found = get_quarantined(request.user, quarantined_id)
        response = serve_png(
            request._request,
            quarantined_png(found),
            sha256=found.pixel_sha256,
            name=f"quarantined-{found.pk}",
        )
        response["Cache-Control"] = "private, no-store"
        return response


class ReleaseQuarantined(ApiView):
    serializer_class = QuarantinedSerializer

    @extend_schema(
        operation_id="release_quarantined",
        summary="Let an image in as it is: what is written names nobody",
        request=WhySerializer,
        responses={200: QuarantinedSerializer, **problems(400, 401, 404, 409)},
        examples=[WHY_EXAMPLE],
    )
    def post(self, request: Request, quarantined_id: UUID) -> Response:
        return _decided(request, quarantined_id, release_quarantined, self.sent(WhySerializer, request.data))


class MaskQuarantined(ApiView):
    serializer_class = QuarantinedSerializer

    @extend_schema(
        operation_id="mask_quarantined",
        summary="Let an image in with rectangles of it blackened, for good",
        request=MaskSerializer,
        responses={200: QuarantinedSerializer, **problems(400, 401, 404, 409)},
        examples=[MASK_EXAMPLE],
    )
    def post(self, request: Request, quarantined_id: UUID) -> Response:
        sent = self.sent(MaskSerializer, request.data)
        sides = ("left", "top", "width", "height")
        masks = [tuple(mask[side] for side in sides) for mask in sent["masks"]]
        return _decided(request, quarantined_id, mask_quarantined, sent | {"masks": masks})


class RejectQuarantined(ApiView):
    serializer_class = QuarantinedSerializer

    @extend_schema(
        operation_id="reject_quarantined",
        summary="Keep an image out: its pixels are deleted, and not taken again",
        request=WhySerializer,
        responses={200: QuarantinedSerializer, **problems(400, 401, 404, 409)},
        examples=[WHY_EXAMPLE],
    )
    def post(self, request: Request, quarantined_id: UUID) -> Response:
        return _decided(request, quarantined_id, reject_quarantined, self.sent(WhySerializer, request.data))


def _decided(
    request: Request, quarantined_id: UUID, decide: Callable[..., QuarantinedImage], sent: dict[str, Any]
) -> Response:
    found = get_quarantined(request.user, quarantined_id)
    decide(actor=person(request), quarantined=found, **sent)
    return _answer(get_quarantined(request.user, quarantined_id))


def _answer(row: QuarantinedImage) -> Response:
    return Response(QuarantinedSerializer(shown_quarantined(row)).data)
