"""Webhooks as the API takes and shows them."""

from typing import Any

from rest_framework import serializers

from mriplatform.api.serializers import StrictSerializer
from mriplatform.outbox.kinds import TEST, Kind
from mriplatform.outbox.models import URL_LENGTH, Delivery, Endpoint

STATES = [choice for choice in Endpoint.State.choices if choice[0] != Endpoint.State.DELETED]
SHOWN_KINDS = [*Kind.choices, (TEST, "A test")]


class NewWebhookSerializer(StrictSerializer):
    url = serializers.CharField(max_length=URL_LENGTH, help_text="Of your receiver, beginning with https://.")
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=Kind.choices), min_length=1, max_length=len(Kind.choices)
    )
    collection = serializers.UUIDField(
        required=False, allow_null=True, help_text="What it is told of; none for runs and versions."
    )
    name = serializers.CharField(
        required=False, allow_blank=True, max_length=80, help_text="Do not name a person."
    )


class WebhookSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(allow_blank=True)
    url = serializers.CharField()
    collection = serializers.UUIDField(allow_null=True, source="collection_id")
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=Kind.choices))
    state = serializers.ChoiceField(choices=STATES, help_text="`disabled` after it has failed for long.")
    state_reason = serializers.CharField(allow_blank=True)
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="Of the first of the tries that have all failed since."
    )
    previous_secret_until = serializers.DateTimeField(
        allow_null=True,
        source="previous_expires_at",
        help_text="Until when the secret before signs as well.",
    )
    created_at = serializers.DateTimeField()


class WebhookWithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(help_text="Shown in this one answer, and nowhere else.")


class TrySerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    status = serializers.IntegerField(help_text="Of the receiver's answer; 0 where none came.")
    milliseconds = serializers.IntegerField()
    error = serializers.CharField(allow_blank=True)


class DeliverySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    webhook_id = serializers.SerializerMethodField(help_text="The header of the same name.")
    kind = serializers.ChoiceField(choices=SHOWN_KINDS, source="event.kind")
    object = serializers.UUIDField(source="object_id", help_text="What it is about.")
    sequence = serializers.IntegerField(help_text="Counts the events of this object.")
    data = serializers.DictField(source="event.data")  # type: ignore[assignment]  # no attribute
    state = serializers.ChoiceField(choices=Delivery.State.choices)
    by_hand = serializers.BooleanField(help_text="A test, or a repetition.")
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    tries = TrySerializer(many=True, help_text="Newest first.")

    def get_webhook_id(self, delivery: Delivery) -> str:
        return f"msg_{delivery.event_id.hex}"

    def get_next_attempt_at(self, delivery: Delivery) -> str | None:
        return delivery.next_attempt_at.isoformat() if delivery.state in Delivery.OPEN else None


class DeliveryFilter(StrictSerializer):
    state = serializers.ChoiceField(choices=Delivery.State.choices, required=False)
    kind = serializers.ChoiceField(choices=SHOWN_KINDS, required=False)
