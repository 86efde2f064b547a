"""What the API says of label sets, their policy, and what differs between them."""

from typing import Any, Final

from rest_framework import serializers

from ml.labels import CLASSES
from mriplatform.api.serializers import StrictSerializer
from reviews.api.serializers import LabelSetSerializer
from reviews.models import EligibilityPolicy, Split
from reviews.selectors.listed_lines import USED
from reviews.selectors.set_differences import CHANGES
from reviews.services.eligibility import LEAST_AGREEING, MOST_AGREEING

MOST_ROWS: Final = 1000


class PolicyRulesSerializer(StrictSerializer):
    """The whole policy at once: what is left out takes its default, not what was in force."""

    rule = serializers.ChoiceField(choices=EligibilityPolicy.Rule.choices, required=False)
    agreeing_reads = serializers.IntegerField(
        min_value=LEAST_AGREEING, max_value=MOST_AGREEING, required=False, help_text="For `agreeing` alone."
    )
    seen = serializers.ChoiceField(
        choices=EligibilityPolicy.Seen.choices,
        required=False,
        help_text="What becomes of labels that a reader said only after the machine's answer was shown.",
    )
    seen_weight = serializers.FloatField(
        min_value=0.01, max_value=1, required=False, help_text="For `weigh` alone."
    )


class PolicySerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(help_text="0: none was set, or this one is only tried out.")
    rule = serializers.ChoiceField(choices=EligibilityPolicy.Rule.choices)
    agreeing_reads = serializers.IntegerField()
    seen = serializers.ChoiceField(choices=EligibilityPolicy.Seen.choices)
    seen_weight = serializers.FloatField()
    set_by = serializers.CharField(allow_null=True)
    set_at = serializers.DateTimeField(allow_null=True)


class PolicyInForceSerializer(PolicySerializer):
    history = PolicySerializer(many=True, help_text="Every version, the one in force first.")


class NarrowingSerializer(StrictSerializer):
    split = serializers.ChoiceField(
        choices=[USED, *Split.values], required=False, help_text="`used`: any of the three parts."
    )
    label = serializers.ChoiceField(choices=CLASSES, required=False)  # type: ignore[assignment]  # no attribute
    reason = serializers.CharField(max_length=120, required=False)


class EntryQuerySerializer(NarrowingSerializer):
    format = serializers.ChoiceField(
        choices=["json", "csv", "jsonl"],
        required=False,
        help_text="`csv`, `jsonl`: all that are wanted, with the identifiers by which senders know them.",
    )


class DryRunQuerySerializer(PolicyRulesSerializer, NarrowingSerializer):
    """A policy to try out; without any of its words, the one in force."""

    start = serializers.UUIDField(required=False, help_text="The image after which to begin: `next`.")
    size = serializers.IntegerField(min_value=1, max_value=MOST_ROWS, required=False)


class LineSerializer(serializers.Serializer[Any]):
    image = serializers.UUIDField()
    pixel_sha256 = serializers.CharField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # no attribute
    split = serializers.ChoiceField(choices=Split.choices)
    reason = serializers.CharField(allow_blank=True, help_text="Why it is left out; else empty.")
    weight = serializers.FloatField(help_text="What it counts for; 0 where it is left out.")
    plane = serializers.CharField(allow_blank=True)
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # no attribute


class DryRunSerializer(serializers.Serializer[Any]):
    policy = PolicySerializer()
    manifest_sha256 = serializers.CharField(help_text="Of the manifest that a freeze would store.")
    counts = serializers.DictField(help_text="As those of a label set.")
    unlabelled = serializers.IntegerField(help_text="Images of the collection without any label.")
    total = serializers.IntegerField(help_text="Images that are wanted.")
    images = LineSerializer(many=True)
    next = serializers.UUIDField(allow_null=True, help_text="`start` of the next page.")


class FreezeSerializer(StrictSerializer):
    if_manifest_sha256 = serializers.CharField(
        min_length=64, max_length=64, required=False, help_text="Freeze only what a dry run showed; 412 else."
    )


class RunOnSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    status = serializers.CharField()


class VersionFromSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    name = serializers.CharField()


class LabelSetDetailSerializer(LabelSetSerializer):
    policy = PolicySerializer(allow_null=True)
    dataset = serializers.CharField(help_text="What it was imported from; else empty.")
    frozen_by = serializers.CharField(allow_null=True)
    runs = RunOnSerializer(many=True, help_text="Training runs on its manifest, newest first.")
    versions = VersionFromSerializer(many=True, help_text="What came of them, newest first.")


class EntrySerializer(serializers.Serializer[Any]):
    image = serializers.UUIDField(source="image_id")
    pixel_sha256 = serializers.CharField(source="image.pixel_sha256")
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # no attribute
    split = serializers.ChoiceField(choices=Split.choices)
    reason = serializers.CharField(allow_blank=True)
    weight = serializers.FloatField()
    provenance = serializers.DictField()


class DifferenceQuerySerializer(StrictSerializer):
    against = serializers.UUIDField(required=False, help_text="The other label set; else the one before.")
    change = serializers.ChoiceField(choices=CHANGES, required=False)
    start = serializers.CharField(min_length=64, max_length=64, required=False, help_text="`next` of a page.")
    size = serializers.IntegerField(min_value=1, max_value=MOST_ROWS, required=False)


class SideSerializer(serializers.Serializer[Any]):
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # no attribute
    split = serializers.ChoiceField(choices=Split.choices)
    reason = serializers.CharField(allow_blank=True)
    weight = serializers.FloatField()


class DifferenceSerializer(serializers.Serializer[Any]):
    pixel_sha256 = serializers.CharField()
    image = serializers.UUIDField()
    changes = serializers.ListField(child=serializers.ChoiceField(choices=CHANGES))
    before = SideSerializer(allow_null=True)
    after = SideSerializer(allow_null=True)


class DifferencesSerializer(serializers.Serializer[Any]):
    before = LabelSetSerializer()
    after = LabelSetSerializer()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="By change, `all` and `same`.")
    differences = DifferenceSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="`start` of the next page.")
