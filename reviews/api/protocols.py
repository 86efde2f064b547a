"""How a collection is read, and the known cases by which its readers are measured."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mriplatform.api.conditions import if_match, version_seen
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from reviews.access import get_collection_to_configure, get_collection_with_known_cases, get_image_of
from reviews.api.serializers import READ_LABELS
from reviews.models import KnownCase, ReadingProtocol, ReviewEvent
from reviews.selectors import protocol_of
from reviews.selectors.known_cases import known_cases
from reviews.selectors.protocols import protocols_of
from reviews.services.known_cases import MAX_SOURCE_CHARACTERS, set_known_case, take_back_known_case
from reviews.services.protocols import (
    HIGHEST_RATE,
    LEAST_RANDOM,
    MAX_READERS,
    RULES,
    protocol_version,
    set_protocol,
)

IN_FORCE = "the protocol in force"


class RulesSerializer(StrictSerializer):
    """All rules at once: what is left out takes its default, not what was in force."""

    mode = serializers.ChoiceField(choices=ReadingProtocol.Mode.choices)
    readers_per_image = serializers.IntegerField(min_value=1, max_value=MAX_READERS, required=False)
    adjudication_rule = serializers.ChoiceField(
        choices=ReadingProtocol.AdjudicationRule.choices, required=False
    )
    order = serializers.ChoiceField(
        choices=ReadingProtocol.Order.choices,
        required=False,
        help_text="Any but `arrival` follows the machine's answer: for `assisted` alone.",
    )
    random_share = serializers.FloatField(min_value=LEAST_RANDOM, max_value=1, required=False)
    repeat_rate = serializers.FloatField(min_value=0, max_value=HIGHEST_RATE, required=False)
    known_rate = serializers.FloatField(min_value=0, max_value=HIGHEST_RATE, required=False)


class ProtocolSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(help_text="0: the default; nobody set one, and nobody has read yet.")
    mode = serializers.ChoiceField(choices=ReadingProtocol.Mode.choices)
    readers_per_image = serializers.IntegerField()
    adjudication_rule = serializers.ChoiceField(choices=ReadingProtocol.AdjudicationRule.choices)
    order = serializers.ChoiceField(choices=ReadingProtocol.Order.choices)
    random_share = serializers.FloatField()
    repeat_rate = serializers.FloatField()
    known_rate = serializers.FloatField()
    set_by = serializers.CharField(allow_null=True)
    set_at = serializers.DateTimeField(allow_null=True)


class ProtocolInForceSerializer(ProtocolSerializer):
    history = ProtocolSerializer(many=True, help_text="Every version, the one in force first.")


class KnownCaseSerializer(serializers.Serializer[Any]):
    image = serializers.UUIDField()
    label = serializers.ChoiceField(choices=READ_LABELS)  # type: ignore[assignment]  # no attribute
    source = serializers.CharField(help_text="Where it is known from.")  # type: ignore[assignment]  # no attribute
    set_by = serializers.CharField(allow_null=True)
    set_at = serializers.DateTimeField()
    read = serializers.IntegerField(help_text="How many readers have read it.")


class NewKnownCaseSerializer(StrictSerializer):
    image = serializers.UUIDField()
    label = serializers.ChoiceField(choices=READ_LABELS)  # type: ignore[assignment]  # no attribute
    source = serializers.CharField(max_length=MAX_SOURCE_CHARACTERS)  # type: ignore[assignment]  # no attribute


class TakeBackSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=MAX_SOURCE_CHARACTERS)


class CollectionProtocol(ApiView):
    @extend_schema(
        operation_id="get_protocol",
        summary="The protocol that a collection is read under, with every version before it",
        responses={200: ProtocolInForceSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_configure(request.user, collection_id)
        return _in_force(protocol_of(collection))

    @extend_schema(
        operation_id="set_protocol",
        summary="Put a protocol in force for images that nobody has read yet",
        description=(
            "What was read before stays under the version that it was read under. Setting what is in force already "
            "changes nothing. 412 where another version was set since the ETag was fetched."
        ),
        parameters=[if_match(IN_FORCE)],
        request=RulesSerializer,
        responses={200: ProtocolInForceSerializer, **problems(400, 401, 403, 404, 412, 422, 428)},
    )
    def put(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_configure(request.user, collection_id)
        sent = self.sent(RulesSerializer, request.data)
        seen = version_seen(request, IN_FORCE)
        return _in_force(set_protocol(actor=person(request), collection=collection, if_version=seen, **sent))


class KnownCases(ApiView):
    serializer_class = KnownCaseSerializer
    paged = True

    @extend_schema(
        operation_id="list_known_cases",
        summary="Images whose label is known from elsewhere, newest first",
        description=(
            "Refused to readers of the collection, who are measured by them. What you read in another one is left out."
        ),
        responses={200: KnownCaseSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_with_known_cases(request.user, collection_id)
        return self.paged_response(
            [_shown(case) for case in self.page_of(known_cases(collection, request.user))]
        )

    @extend_schema(
        operation_id="set_known_case",
        summary="Make an image a known case: readers meet it as such alone, and no label rests on it",
        request=NewKnownCaseSerializer,
        responses={201: KnownCaseSerializer, **problems(400, 401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_with_known_cases(request.user, collection_id)
        sent = self.sent(NewKnownCaseSerializer, request.data)
        image = get_image_of(collection, sent.pop("image"))
        case = set_known_case(actor=person(request), image=image, **sent)
        return Response(
            KnownCaseSerializer(_shown(known_cases(collection, None).get(pk=case.pk))).data, status=201
        )


class KnownCaseTakenBack(ApiView):
    @extend_schema(
        operation_id="take_back_known_case",
        summary="Make a known case an image like any other again",
        request=TakeBackSerializer,
        responses={204: None, **problems(400, 401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, collection_id: UUID, image_id: UUID) -> Response:
        collection = get_collection_with_known_cases(request.user, collection_id)
        sent = self.sent(TakeBackSerializer, request.data)
        image = get_image_of(collection, image_id)
        take_back_known_case(actor=person(request), image=image, reason=sent["reason"])
        return Response(status=204)


def _in_force(protocol: ReadingProtocol) -> Response:
    history = [_rules(version) for version in protocols_of(protocol.collection)]
    shown = ProtocolInForceSerializer(_rules(protocol) | {"history": history}).data
    return Response(shown, headers={"ETag": f'"{protocol_version(protocol)}"'})


def _rules(protocol: ReadingProtocol) -> dict[str, Any]:
    said = {
        "version": protocol_version(protocol),
        "set_by": protocol.set_by.get_username() if protocol.set_by else None,
        "set_at": protocol.created_at if protocol_version(protocol) else None,
    }
    return said | {name: getattr(protocol, name) for name in RULES}


def _shown(case: KnownCase) -> dict[str, Any]:
    return {
        "image": case.image_id,
        "label": case.label or ReviewEvent.Verdict.NOT_ASSESSABLE.value,
        "source": case.source,
        "set_by": case.set_by.get_username() if case.set_by else None,
        "set_at": case.at,
        "read": case.read,  # type: ignore[attr-defined]  # annotated by known_cases
    }
