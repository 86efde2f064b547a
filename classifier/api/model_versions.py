"""Model versions, and which of them was in force when."""

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_collection_to_choose
from classifier.api.shown_versions import shown_version, shown_whole_version
from classifier.api.version_serializers import (
    InForceSerializer,
    ModelVersionDetailSerializer,
    ModelVersionSerializer,
)
from classifier.exceptions import StateConflict
from classifier.selectors import model_versions, version_in_force, version_reading_for
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.api.schema import problems
from mriplatform.api.views import ApiView


class ModelVersions(ApiView):
    serializer_class = ModelVersionSerializer
    paged = True

    @extend_schema(
        operation_id="list_model_versions",
        summary="List the model versions, newest first",
        responses={200: ModelVersionSerializer(many=True), **problems(400, 401, 403)},
    )
    def get(self, request: Request) -> Response:
        require_anywhere(request.user, Permission.VIEW_MODELS)
        current = version_in_force()
        return self.paged_response([shown_version(row, current) for row in self.page_of(model_versions())])


class OneModelVersion(ApiView):
    serializer_class = ModelVersionDetailSerializer

    @extend_schema(
        operation_id="get_model_version",
        summary="One model version, with its figures and promotions",
        responses={200: ModelVersionDetailSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, version_id: UUID) -> Response:
        require_anywhere(request.user, Permission.VIEW_MODELS)
        version = model_versions().filter(pk=version_id).first()
        if version is None:
            raise Http404
        return Response(ModelVersionDetailSerializer(shown_whole_version(version, version_in_force())).data)


class InForce(ApiView):
    serializer_class = ModelVersionDetailSerializer
    query_serializer = InForceSerializer

    @extend_schema(
        operation_id="get_model_version_in_force",
        summary="The model version in force, now or at a moment, on the platform or for a collection",
        parameters=[InForceSerializer],
        responses={200: ModelVersionDetailSerializer, **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(request)
        require_anywhere(request.user, Permission.VIEW_MODELS)
        at, collection_id = asked.get("at"), asked.get("collection")
        if collection_id is None:
            version = version_in_force(at)
        else:
            collection = get_collection_to_choose(request.user, collection_id)
            version = version_reading_for(collection.pk, at)
        if version is None:
            raise StateConflict("No model was in force at that moment.", code="no_model_in_force", status=404)
        whole = model_versions().get(pk=version.pk)
        return Response(ModelVersionDetailSerializer(shown_whole_version(whole, version_in_force())).data)
