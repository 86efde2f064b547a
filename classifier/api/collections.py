"""The collections that one is a member of, and which version reads for one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_collection_to_choose, get_version
from classifier.api.serializers import (
    ChooseVersionSerializer,
    CollectionSerializer,
    MomentSerializer,
    NewCollectionSerializer,
    ReadingVersionSerializer,
)
from classifier.api.shown import shown_choice, shown_name
from classifier.models import JobStatus
from classifier.selectors import choice_of, reading_versions, study_counts
from classifier.services.choices import choose_version
from mriplatform.accounts.access import get_platform_administrator
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import collections_of, roles_of
from mriplatform.accounts.services import make_collection
from mriplatform.api.conditions import if_match, version_seen
from mriplatform.api.schema import problems
from mriplatform.api.views import ApiView, person

IN_FORCE = "the version that reads here"


class Collections(ApiView):
    serializer_class = CollectionSerializer
    paged = True

    @extend_schema(
        operation_id="list_collections",
        summary="List your collections, with your roles in them",
        responses={200: CollectionSerializer(many=True), **problems(400, 401)},
    )
    def get(self, request: Request) -> Response:
        return self.paged_response(_shown(request, self.page_of(collections_of(request.user))))

    @extend_schema(
        operation_id="make_collection",
        summary="Make a collection; you become its administrator",
        description="Administrators of the platform.",
        request=NewCollectionSerializer,
        responses={201: CollectionSerializer, **problems(400, 401, 403)},
    )
    def post(self, request: Request) -> Response:
        sent = self.sent(NewCollectionSerializer, request.data)
        made = make_collection(actor=get_platform_administrator(request.user), **sent)
        (shown,) = _shown(request, [made])
        return Response(CollectionSerializer(shown).data, status=201)


def _shown(request: Request, collections: Sequence[Collection]) -> list[dict[str, Any]]:
    counts, roles = study_counts(request.user), roles_of(request.user)
    reads = reading_versions(collection.pk for collection in collections)
    none = {status.value: 0 for status in JobStatus}
    return [
        {
            "id": collection.pk,
            "name": collection.name,
            "description": collection.description,
            "roles": sorted(roles.get(collection.pk, frozenset())),
            "studies": counts.get(collection.pk, none),
            "model_version": shown_name(reads[collection.pk]),
        }
        for collection in collections
    ]


class CollectionVersion(ApiView):
    serializer_class = ReadingVersionSerializer
    query_serializer = MomentSerializer

    @extend_schema(
        operation_id="get_collection_version",
        summary="The version that reads for a collection, now or at a moment, and why",
        description="Not for readers of the collection: reasons may speak of what the machine answers there.",
        parameters=[MomentSerializer],
        responses={200: ReadingVersionSerializer, **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_choose(request.user, collection_id)
        return _reading_version(collection, self.asked(request).get("at"))

    @extend_schema(
        operation_id="choose_collection_version",
        summary="Name the version that reads what comes into a collection from now on, or follow what is in force",
        description=(
            "What is there already keeps its answer. Approvers and administrators of the collection. 412 where "
            "something else was chosen since the ETag was fetched."
        ),
        parameters=[if_match(IN_FORCE)],
        request=ChooseVersionSerializer,
        responses={200: ReadingVersionSerializer, **problems(400, 401, 403, 404, 412, 422, 428)},
    )
    def put(self, request: Request, collection_id: UUID) -> Response:
        sent = self.sent(ChooseVersionSerializer, request.data)
        collection = get_collection_to_choose(request.user, collection_id, Permission.PROMOTE)
        named = sent["model_version"]
        choose_version(
            actor=person(request),
            collection=collection,
            version=get_version(request.user, named) if named else None,
            reason=sent["reason"],
            if_sequence=version_seen(request, IN_FORCE),
        )
        return _reading_version(collection)


def _reading_version(collection: Collection, at: datetime | None = None) -> Response:
    last = choice_of(collection.pk)
    shown = ReadingVersionSerializer(shown_choice(collection, at)).data
    return Response(shown, headers={"ETag": f'"{last.sequence if last else 0}"'})
