"""Where a reader's own statement went, as the API shows it to them."""

from typing import Any

from rest_framework import serializers

from classifier.models import TraceLine


class OwnTraceSerializer(serializers.Serializer[Any]):
    """What one training run made of what you said; no more of it than you may know already."""

    run = serializers.IntegerField(help_text="Number of the training run.")
    used_as = serializers.ChoiceField(choices=TraceLine.Used.choices)
    reason = serializers.CharField(help_text="Why it was left out; else empty.")
    version = serializers.IntegerField(
        allow_null=True, help_text="That the run made, once it was put in force."
    )
    in_force_since = serializers.DateTimeField(allow_null=True)
    in_force_until = serializers.DateTimeField(allow_null=True)
