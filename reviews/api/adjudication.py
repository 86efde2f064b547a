"""Where readers disagree: what they said, without who they are, and the decisions of somebody else."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mriplatform.api.pagination import CursorPagination
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from reviews.access import get_collection_to_adjudicate, get_image_to_adjudicate, get_image_to_decide
from reviews.api.serializers import NOTE_CHARACTERS, READ_LABELS, ReadImageSerializer
from reviews.api.shown import shown_image
from reviews.models import Adjudication, Location, ReviewEvent
from reviews.selectors import (
    Outcome,
    anonymous_reads,
    decisions_in,
    decisions_on,
    disputed_images,
    standing_of,
)
from reviews.services.adjudication import adjudicate


class DecisionSerializer(StrictSerializer):
    image = serializers.UUIDField()
    label = serializers.ChoiceField(choices=READ_LABELS)  # type: ignore[assignment]  # no attribute
    rationale = serializers.CharField(max_length=NOTE_CHARACTERS, help_text="Why; kept for ever.")
    supersedes = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="The decision in force that yours takes the place of; leave it out where there is none yet.",
    )


class AdjudicationSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    image = serializers.UUIDField(source="image_id")
    label = serializers.CharField(help_text="Empty: not assessable.")  # type: ignore[assignment]  # no attribute
    rationale = serializers.CharField()
    supersedes = serializers.UUIDField(source="supersedes_id", allow_null=True)
    at = serializers.DateTimeField()


class AnonymousReadSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Counts the readers of this image, in no order that tells.")
    label = serializers.ChoiceField(choices=READ_LABELS)  # type: ignore[assignment]  # no attribute
    note = serializers.CharField()
    image_quality = serializers.ChoiceField(choices=ReviewEvent.Quality.choices, allow_blank=True)
    location = serializers.ChoiceField(choices=Location.choices, allow_blank=True)
    region = serializers.DictField(
        allow_null=True, help_text="Shape, centre and size as shares of the image."
    )


class DisagreementSerializer(serializers.Serializer[Any]):
    image = ReadImageSerializer()
    outcome = serializers.ChoiceField(choices=[Outcome.DISAGREEMENT.value, Outcome.FINAL.value])
    reads = AnonymousReadSerializer(many=True)
    decisions = AdjudicationSerializer(many=True, help_text="Newest first: the first one is in force.")
    changed_since = serializers.BooleanField(
        help_text="A reader amended or withdrew after the decision, which stands all the same."
    )


class OldestFirst(CursorPagination):
    ordering = "id"


class Disagreements(ApiView):
    serializer_class = ReadImageSerializer
    pagination_class = OldestFirst
    paged = True

    @extend_schema(
        operation_id="list_disagreements",
        summary="Images whose readers disagree and that wait for your decision, oldest first",
        description=(
            "For adjudicators: the images that they have not begun to read themselves. What the readers said is at "
            "the image's own address."
        ),
        responses={200: ReadImageSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_adjudicate(request.user, collection_id)
        page = self.page_of(disputed_images(collection, person(request)))
        return self.paged_response([shown_image(image) for image in page])


class Disagreement(ApiView):
    @extend_schema(
        operation_id="get_disagreement",
        summary="What the readers of a disputed or decided image said, without who they are, and every decision",
        responses={200: DisagreementSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID, image_id: UUID) -> Response:
        collection = get_collection_to_adjudicate(request.user, collection_id)
        image = get_image_to_decide(person(request), collection, image_id)
        standing = standing_of(image)
        shown = {
            "image": shown_image(image),
            "outcome": standing.outcome,
            "reads": anonymous_reads(image),
            "decisions": decisions_on(image),
            "changed_since": standing.changed_since,
        }
        return Response(DisagreementSerializer(shown).data)


class CollectionAdjudications(ApiView):
    serializer_class = AdjudicationSerializer
    paged = True

    @extend_schema(
        operation_id="list_adjudications",
        summary="Every decision in a collection, newest first, superseded ones included",
        responses={200: AdjudicationSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_adjudicate(request.user, collection_id)
        return self.paged_response(self.page_of(decisions_in(collection, person(request))))


class Adjudications(ApiView):
    @extend_schema(
        operation_id="adjudicate",
        summary="Decide on an image whose readers disagree, or decide it anew; you must not be one of its readers",
        description=(
            "The same decision sent twice is one decision. A decision stands until another takes its place, whatever "
            "the readers say after it."
        ),
        request=DecisionSerializer,
        responses={201: AdjudicationSerializer, **problems(400, 401, 403, 404, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        sent = self.sent(DecisionSerializer, request.data)
        image = get_image_to_adjudicate(request.user, sent.pop("image"))
        decision: Adjudication = adjudicate(adjudicator=person(request), image=image, **sent)
        return Response(AdjudicationSerializer(decision).data, status=201)
