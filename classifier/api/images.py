"""Images: looked at, fetched, hidden."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_image
from classifier.api.serializers import ImageSerializer, NothingSerializer
from classifier.api.shown import shown_image_to
from classifier.selectors import stored_png
from classifier.services.removal import hide_image
from mriplatform.accounts.roles import Permission
from mriplatform.api.schema import problems
from mriplatform.api.views import AnyFormat, ApiView, person
from mriplatform.served import serve_png


class OneImage(ApiView):
    serializer_class = ImageSerializer

    @extend_schema(
        operation_id="get_image",
        summary="One image",
        responses={200: ImageSerializer, **problems(401, 404)},
    )
    def get(self, request: Request, image_id: UUID) -> Response:
        image = get_image(request.user, image_id)
        shown = shown_image_to(request.user, image)
        return Response(ImageSerializer(shown).data)


class ImagePixels(ApiView):
    content_negotiation_class = AnyFormat

    @extend_schema(
        operation_id="get_image_pixels",
        summary="The canonical pixels, as a greyscale PNG of 8 or 16 bit",
        responses={(200, "image/png"): OpenApiTypes.BINARY, **problems(401, 404)},
    )
    def get(self, request: Request, image_id: UUID) -> HttpResponse:
        image = get_image(request.user, image_id)
        return serve_png(request._request, stored_png(image), sha256=image.pixel_sha256, name=str(image.pk))


class HideImage(ApiView):
    serializer_class = NothingSerializer

    @extend_schema(
        operation_id="hide_image",
        summary="Contains identity: hide an image's pixels from everybody, at once",
        request=None,
        responses={200: ImageSerializer, **problems(400, 401, 403, 404)},
    )
    def post(self, request: Request, image_id: UUID) -> Response:
        self.sent(NothingSerializer, request.data)
        image = get_image(request.user, image_id, Permission.HIDE_IMAGES)
        hidden = hide_image(actor=person(request), image=image)
        shown = shown_image_to(request.user, hidden)
        return Response(ImageSerializer(shown).data)
