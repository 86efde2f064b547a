"""What waits for a reader, for programs: the worklist's head and the reader's own progress."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from reviews.access import get_collection_to_read
from reviews.api.serializers import ReadImageSerializer
from reviews.api.shown import shown_image
from reviews.selectors import worklist, worklist_counts
from reviews.selectors.narrowing import SHAPES, narrowed
from reviews.selectors.worklist import not_begun

MOST = 200


class WorklistQuerySerializer(StrictSerializer):
    study = serializers.UUIDField(required=False)
    since = serializers.DateField(required=False, help_text="Arrived on this day or later.")
    shape = serializers.ChoiceField(choices=[shape for shape in SHAPES if shape], required=False)
    bits = serializers.ChoiceField(choices=[8, 16], required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=50)


class ProgressSerializer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField(help_text="For a claim of yours; about, where the protocol says so.")
    mine_open = serializers.IntegerField(help_text="Begun by you and not finished.")
    set_aside = serializers.IntegerField(
        help_text="Images without a class that wait in a list of their own; only where that is not blind."
    )
    done = serializers.IntegerField()
    total = serializers.IntegerField()


class WorklistSerializer(serializers.Serializer[Any]):
    progress = ProgressSerializer()
    results = ReadImageSerializer(many=True)


class Worklist(ApiView):
    query_serializer = WorklistQuerySerializer

    @extend_schema(
        operation_id="get_worklist",
        summary="What waits for you in a collection, oldest first, and your progress there",
        description=(
            "The first images of the list, up to `limit`, without those that you have begun (`GET /readings` has "
            "them). What a claim gives next need not be the first: the protocol says in which order images are offered."
        ),
        parameters=[WorklistQuerySerializer],
        responses={200: WorklistSerializer, **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        user = person(request)
        collection = get_collection_to_read(user, collection_id)
        asked = self.asked(request)
        limit = asked.pop("limit")
        images = not_begun(user, narrowed(worklist(user, collection), **asked))
        shown = {
            "progress": worklist_counts(user, collection),
            "results": [shown_image(image) for image in images[:limit]],
        }
        return Response(WorklistSerializer(shown).data)
