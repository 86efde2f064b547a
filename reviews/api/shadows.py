"""Versions that answer a collection's images unseen, and how they do beside the answer."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_version
from classifier.models import Shadow
from classifier.selectors.shadows import shadows_of
from classifier.services.shadow import end_shadow, start_shadow
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from reviews.access import get_collection_with_shadows, get_shadow
from reviews.api.figures import FigureSerializer
from reviews.api.serializers import AnsweringVersionSerializer
from reviews.selectors.figure_files import figures_as_json
from reviews.selectors.figures import of_shadow


class NewShadowSerializer(StrictSerializer):
    model_version = serializers.UUIDField()
    reason = serializers.CharField(max_length=500, help_text="Do not name a person.")


class ShadowSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    collection = serializers.UUIDField()
    model_version = AnsweringVersionSerializer()
    reason = serializers.CharField()
    started_by = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField()
    ended_by = serializers.CharField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Null while it goes on.")
    asked = serializers.IntegerField(help_text="Images that came in its time, and that it was asked about.")
    answered = serializers.IntegerField()
    computed_at = serializers.DateTimeField(allow_null=True, help_text="Of the figures; null before any.")
    figures = FigureSerializer(
        many=True,
        help_text="It beside the answer on the same images, from the newest snapshot of the collection's figures: "
        "against first reads, which are blind to both, and against final labels. All its shadows here together.",
    )


class Shadows(ApiView):
    serializer_class = ShadowSerializer
    paged = True

    @extend_schema(
        operation_id="list_shadows",
        summary="The versions that answer a collection's images unseen, newest first, with their figures",
        description="Refused to readers of the collection's images, here or in another one.",
        responses={200: ShadowSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_with_shadows(request.user, collection_id)
        found = self.page_of(shadows_of(collection))
        return self.paged_response([_shown(collection, shadow) for shadow in found])

    @extend_schema(
        operation_id="start_shadow",
        summary="Have a version answer, unseen, what comes into a collection from now on",
        description=(
            "After every answer that readers wait for. 409 where it reads there itself or is in the shadow already."
        ),
        request=NewShadowSerializer,
        responses={201: ShadowSerializer, **problems(400, 401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_with_shadows(request.user, collection_id, Permission.TRAIN)
        sent = self.sent(NewShadowSerializer, request.data)
        version = get_version(request.user, sent["model_version"])
        shadow = start_shadow(
            actor=person(request), version=version, collection=collection, reason=sent["reason"]
        )
        return Response(_row(shadow), status=201)


class EndShadow(ApiView):
    @extend_schema(
        operation_id="end_shadow",
        summary="End a shadow: the version is asked about no image that comes from now on",
        description="What came in its time is still answered and counted. Ending twice changes nothing.",
        request=StrictSerializer,
        responses={200: ShadowSerializer, **problems(400, 401, 403, 404)},
    )
    def post(self, request: Request, shadow_id: UUID) -> Response:
        shadow = get_shadow(request.user, shadow_id, Permission.TRAIN)
        self.sent(StrictSerializer, request.data)
        return Response(_row(end_shadow(actor=person(request), shadow=shadow)))


def _row(shadow: Shadow) -> dict[str, Any]:
    counted = shadows_of(shadow.collection).get(pk=shadow.pk)
    return dict(ShadowSerializer(_shown(shadow.collection, counted)).data)


def _shown(collection: Collection, shadow: Any) -> dict[str, Any]:
    figures = of_shadow(collection, shadow.model_version.number)
    return {
        "id": shadow.pk,
        "collection": shadow.collection_id,
        "model_version": shadow.model_version,
        "reason": shadow.reason,
        "started_by": shadow.started_by.get_username() if shadow.started_by else None,
        "started_at": shadow.started_at,
        "ended_by": shadow.ended_by.get_username() if shadow.ended_by else None,
        "ended_at": shadow.ended_at,
        "asked": shadow.asked,
        "answered": shadow.answered,
        "computed_at": figures.snapshot.computed_at if figures.snapshot else None,
        "figures": figures_as_json(collection, figures)["figures"],
    }
