"""The backlog of a collection, read again by the version that reads there now."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_collection_to_choose, get_version
from mriplatform.accounts.roles import Permission
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from reviews.access import get_rescore
from reviews.api.serializers import AnsweringVersionSerializer
from reviews.models import Rescore
from reviews.selectors.rescoring import progress_of, rescores_of
from reviews.services.rescoring import (
    MOST_PER_MINUTE,
    cancel_rescore,
    pause_rescore,
    resume_rescore,
    start_rescore,
)


class NewRescoreSerializer(StrictSerializer):
    model_version = serializers.UUIDField(
        help_text="The version that reads for the collection; no other may."
    )
    per_minute = serializers.IntegerField(
        min_value=1, max_value=MOST_PER_MINUTE, required=False, default=120, help_text="Images, at most."
    )
    reason = serializers.CharField(max_length=500, help_text="Do not name a person.")


class RescoreSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    collection = serializers.UUIDField()
    model_version = AnsweringVersionSerializer()
    status = serializers.ChoiceField(choices=Rescore.Status.choices)
    per_minute = serializers.IntegerField()
    reason = serializers.CharField()
    asked = serializers.IntegerField(help_text="Images that the version was asked about.")
    replaced = serializers.IntegerField(help_text="Answers whose place its own took.")
    left = serializers.IntegerField(help_text="Images that it has yet to be asked about.")
    in_line = serializers.IntegerField(help_text="Images whose new answer is not in place yet.")
    failed = serializers.IntegerField(help_text="Images that it could not read; they keep their answer.")
    minutes_left = serializers.IntegerField(help_text="At its rate; slower workers take longer.")
    held = serializers.CharField(help_text="Why it cannot go on; empty where it can.")
    started_by = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class Rescores(ApiView):
    serializer_class = RescoreSerializer
    paged = True

    @extend_schema(
        operation_id="list_rescores",
        summary="The passes over a collection's backlog, newest first",
        description="Refused to readers of the collection.",
        responses={200: RescoreSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_choose(request.user, collection_id)
        return self.paged_response([_shown(row) for row in self.page_of(rescores_of(collection))])

    @extend_schema(
        operation_id="start_rescore",
        summary="Have the version that reads here read the backlog again",
        description=(
            "Backlog is what nobody has begun to read. Each new answer takes the place of the old one, which stays "
            "beside it. 409 where the version does not read here, or a pass is under way."
        ),
        request=NewRescoreSerializer,
        responses={201: RescoreSerializer, **problems(400, 401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_choose(request.user, collection_id, Permission.TRAIN)
        sent = self.sent(NewRescoreSerializer, request.data)
        version = get_version(request.user, sent.pop("model_version"))
        rescore = start_rescore(actor=person(request), collection=collection, version=version, **sent)
        return Response(RescoreSerializer(_shown(rescore)).data, status=201)


class OneRescore(ApiView):
    @extend_schema(
        operation_id="get_rescore",
        summary="One pass over a backlog: how far it is",
        responses={200: RescoreSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, rescore_id: UUID) -> Response:
        rescore = get_rescore(request.user, rescore_id, Permission.VIEW_MODELS)
        return Response(RescoreSerializer(_shown(rescore)).data)


class _ChangeRescore(ApiView):
    change: ClassVar[Callable[..., Rescore]]

    def changed(self, request: Request, rescore_id: UUID) -> Response:
        rescore = get_rescore(request.user, rescore_id, Permission.TRAIN)
        self.sent(StrictSerializer, request.data)
        now = type(self).change(actor=person(request), rescore=rescore)
        return Response(RescoreSerializer(_shown(now)).data)


_ANSWERS = {200: RescoreSerializer, **problems(400, 401, 403, 404, 409)}


class PauseRescore(_ChangeRescore):
    change = staticmethod(pause_rescore)

    @extend_schema(
        operation_id="pause_rescore",
        summary="Ask about no further image for now",
        request=StrictSerializer,
        responses=_ANSWERS,
    )
    def post(self, request: Request, rescore_id: UUID) -> Response:
        return self.changed(request, rescore_id)


class ResumeRescore(_ChangeRescore):
    change = staticmethod(resume_rescore)

    @extend_schema(
        operation_id="resume_rescore",
        summary="Go on after the image that was asked about last",
        request=StrictSerializer,
        responses=_ANSWERS,
    )
    def post(self, request: Request, rescore_id: UUID) -> Response:
        return self.changed(request, rescore_id)


class CancelRescore(_ChangeRescore):
    change = staticmethod(cancel_rescore)

    @extend_schema(
        operation_id="cancel_rescore",
        summary="End a pass where it is; answers that were replaced stay",
        request=StrictSerializer,
        responses=_ANSWERS,
    )
    def post(self, request: Request, rescore_id: UUID) -> Response:
        return self.changed(request, rescore_id)


CHANGES: dict[str, type[_ChangeRescore]] = {
    "pause": PauseRescore,
    "resume": ResumeRescore,
    "cancel": CancelRescore,
}


def _shown(rescore: Rescore) -> dict[str, Any]:
    progress = progress_of(rescore)
    return {
        "id": rescore.pk,
        "collection": rescore.collection_id,
        "model_version": rescore.model_version,
        "status": rescore.status,
        "per_minute": rescore.per_minute,
        "reason": rescore.reason,
        "asked": rescore.asked,
        "replaced": rescore.replaced,
        "left": progress.left,
        "in_line": progress.in_line,
        "failed": progress.failed,
        "minutes_left": progress.minutes,
        "held": progress.held,
        "started_by": rescore.started_by.get_username() if rescore.started_by else None,
        "started_at": rescore.created_at,
        "finished_at": rescore.finished_at,
    }
