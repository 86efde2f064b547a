"""The shapes of model versions, and of what puts them in force."""

from typing import Any

from rest_framework import serializers

from classifier.api.serializers import MomentSerializer, VersionNameSerializer
from classifier.models import GateDecision, Promotion
from mriplatform.api.serializers import StrictSerializer

PROPOSAL_STATES = [(state, state) for state in ("open", "approved", "declined")]


class InForceSerializer(MomentSerializer):
    collection = serializers.UUIDField(
        required=False,
        help_text="What read for this collection then; default what was in force on the platform.",
    )


class ReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500, help_text="Kept for ever. Do not name a person.")


class ApproveSerializer(ReasonSerializer):
    override_reason = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        default="",
        help_text="Why the gate does not count here; needed where it did not pass the version, refused where it did.",
    )


class RollBackSerializer(ReasonSerializer):
    expected = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The number of the version that comes back.",
    )


class ProposalQuerySerializer(StrictSerializer):
    open = serializers.BooleanField(required=False, help_text="`true`: those that nobody has decided yet.")


class PromotionSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=Promotion.Kind.choices)
    reason = serializers.CharField()
    by = serializers.CharField(allow_null=True, help_text="Null for the command line.")
    gate = serializers.ChoiceField(
        choices=GateDecision.Verdict.choices,
        allow_null=True,
        help_text="What the gate had said beside the version in force until then; null where it was not asked.",
    )
    override_reason = serializers.CharField(
        help_text="Why it was put in force although the gate had not passed it; empty where nothing was overridden."
    )


class LoadedSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    runtime = serializers.CharField()
    device = serializers.CharField()


class PromotionRowSerializer(PromotionSerializer):
    id = serializers.UUIDField()
    sequence = serializers.IntegerField(help_text="From 1, without a gap; the highest is in force.")
    model_version = VersionNameSerializer()
    proposal = serializers.UUIDField(allow_null=True)
    loaded = LoadedSerializer(allow_null=True, help_text="When and where a worker had loaded it, before.")


class VerdictOfGateSerializer(serializers.Serializer[Any]):
    decision = serializers.UUIDField()
    verdict = serializers.ChoiceField(choices=GateDecision.Verdict.choices)
    incumbent = VersionNameSerializer()
    at = serializers.DateTimeField()


class ProposalSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    model_version = VersionNameSerializer()
    reason = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=PROPOSAL_STATES)
    gate = VerdictOfGateSerializer(allow_null=True, help_text="What the gate had said when it was proposed.")
    gate_now = VerdictOfGateSerializer(
        allow_null=True,
        help_text="What it says beside the version that is in force now: this is what counts.",
    )
    in_force = VersionNameSerializer(allow_null=True)
    decided_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_reason = serializers.CharField()
    override_reason = serializers.CharField()


class EvaluationSerializer(serializers.Serializer[Any]):
    part = serializers.CharField()
    part_sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()
    figures = serializers.DictField()


class ModelVersionSerializer(VersionNameSerializer):
    in_force = serializers.BooleanField()
    checkpoint_sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()
    accuracy = serializers.FloatField(allow_null=True, help_text="Of its newest evaluation.")


class ModelVersionDetailSerializer(ModelVersionSerializer):
    metadata = serializers.DictField(help_text="What the checkpoint says of itself.")
    evaluations = EvaluationSerializer(many=True)
    promotions = PromotionSerializer(many=True)
