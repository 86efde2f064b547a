"""The shape of downloaded labels."""

from typing import Any

from rest_framework import serializers


class LabelSerializer(serializers.Serializer[Any]):
    image = serializers.UUIDField()
    study = serializers.UUIDField()
    subject_key = serializers.CharField(
        help_text="A keyed hash that one subject's images share; may be empty."
    )
    pixel_sha256 = serializers.CharField()
    source = serializers.ChoiceField(choices=["reading", "adjudication"])  # type: ignore[assignment]  # no attribute
    label = serializers.CharField(help_text="A class, or not_assessable.")  # type: ignore[assignment]  # no attribute
    verdict = serializers.CharField()
    final_label = serializers.CharField(help_text="The image's final label; empty as long as there is none.")
    final_path = serializers.CharField(
        help_text="How it became final: one reader, agreed, majority 2 of 3, senior reader, adjudicated."
    )
    changed_since = serializers.BooleanField(
        help_text="A reader said something after the adjudicator's decision, which stands all the same."
    )
    said_by = serializers.CharField()
    said_at = serializers.DateTimeField()
    saw_prediction = serializers.BooleanField()
    model_version = serializers.IntegerField(allow_null=True, help_text="Whose answer was shown.")
    machine_label = serializers.CharField()
    first_read_label = serializers.CharField()
    first_read_confidence = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()
    note = serializers.CharField()
    image_quality = serializers.CharField()
    location = serializers.CharField()
    region = serializers.DictField(
        allow_null=True, help_text="Shape, centre and size as shares of the image."
    )
    protocol_mode = serializers.CharField()
    protocol_version = serializers.IntegerField(allow_null=True)
    event = serializers.UUIDField()


class LabelledCollectionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class LabelsSerializer(serializers.Serializer[Any]):
    collection = LabelledCollectionSerializer()
    labels = LabelSerializer(many=True)
