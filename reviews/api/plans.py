"""When a collection is retrained by itself."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mriplatform.accounts.models import Collection
from mriplatform.api.conditions import if_match, version_seen
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from reviews.access import get_collection_to_plan
from reviews.api.retraining import KINDS, PreviewSerializer, shown_preview
from reviews.selectors.eligibility import policy_of
from reviews.selectors.planned import planned_label_set
from reviews.selectors.retraining_preview import HEAD, preview_planned
from reviews.services.retraining import plans_of, set_plan

IN_FORCE = "the plan in force"


class PlanSerializer(StrictSerializer):
    """All of it at once: a number that is left out or null is no reason to train."""

    every_labels = serializers.IntegerField(
        min_value=1, max_value=1_000_000, required=False, allow_null=True, default=None
    )
    every_hours = serializers.IntegerField(
        min_value=1, max_value=8784, required=False, allow_null=True, default=None,
        help_text="Only where there is any new label by then.",
    )  # fmt: skip
    recipe = serializers.ChoiceField(choices=KINDS, default="head")


class PlanVersionSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    every_labels = serializers.IntegerField(allow_null=True)
    every_hours = serializers.IntegerField(allow_null=True)
    recipe = serializers.ChoiceField(choices=KINDS)
    set_by = serializers.CharField(allow_null=True)
    set_at = serializers.DateTimeField()


class PlansSerializer(serializers.Serializer[Any]):
    collection = serializers.UUIDField()
    plan = PlanVersionSerializer(
        allow_null=True, help_text="That counts; null where nothing starts by itself yet."
    )
    now = PreviewSerializer(help_text="What a run would use if the labels were frozen and trained from now.")
    history = PlanVersionSerializer(many=True, help_text="Every version, the one that counts first.")


class CollectionRetrainingPlan(ApiView):
    @extend_schema(
        operation_id="get_retraining_plan",
        summary="When a collection is retrained by itself, with every plan before",
        responses={200: PlansSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        return _plans(get_collection_to_plan(request.user, collection_id))

    @extend_schema(
        operation_id="set_retraining_plan",
        summary="Set when a collection is retrained by itself",
        description="The same plan again changes nothing. 412 where another was set since the ETag was fetched.",
        parameters=[if_match(IN_FORCE)],
        request=PlanSerializer,
        responses={200: PlansSerializer, **problems(400, 401, 403, 404, 412, 422, 428)},
    )
    def put(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_plan(request.user, collection_id)
        sent = self.sent(PlanSerializer, request.data)
        seen = version_seen(request, IN_FORCE)
        set_plan(actor=person(request), collection=collection, if_version=seen, **sent)
        return _plans(collection)


def _plans(collection: Collection) -> Response:
    history = [
        {
            "version": row.version,
            "every_labels": row.every_labels,
            "every_hours": row.every_hours,
            "recipe": row.recipe,
            "set_by": row.set_by.get_username() if row.set_by else None,
            "set_at": row.created_at,
        }
        for row in plans_of(collection).select_related("set_by")
    ]
    planned = planned_label_set(collection, policy_of(collection))
    now = preview_planned(planned, recipe=str(history[0]["recipe"]) if history else HEAD)
    shown = {
        "collection": collection.pk,
        "plan": history[0] if history else None,
        "now": shown_preview(now),
        "history": history,
    }
    version = history[0]["version"] if history else 0
    return Response(PlansSerializer(shown).data, headers={"ETag": f'"{version}"'})
