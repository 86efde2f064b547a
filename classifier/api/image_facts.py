"""What is known of an image beside its pixels, as the API says it."""

from typing import Any

from rest_framework import serializers

from classifier.models import SequenceFamily


class WindowSerializer(serializers.Serializer[Any]):
    centre = serializers.FloatField()
    width = serializers.FloatField()


class DicomFactsSerializer(serializers.Serializer[Any]):
    series_uid = serializers.CharField(help_text="A keyed replacement of the sender's, as `instance_uid`.")
    instance_uid = serializers.CharField()
    frame = serializers.IntegerField(help_text="Within the instance, from 1.")
    modality = serializers.CharField()
    sequence_family = serializers.ChoiceField(choices=SequenceFamily.choices, allow_blank=True)
    slice_position = serializers.FloatField(allow_null=True, help_text="mm along the slice's normal.")
    row_spacing = serializers.FloatField(allow_null=True, help_text="mm between neighbouring rows.")
    column_spacing = serializers.FloatField(allow_null=True, help_text="mm between neighbouring columns.")
    orientation = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="Direction cosines of a row and of a column (PS3.3 C.7.6.2.1.1).",
    )
    bits_stored = serializers.IntegerField()
