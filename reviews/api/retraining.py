"""Retraining from a label set: what it would use, and the start."""

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.exceptions import StateConflict
from classifier.models import ModelVersion, TrainingRun
from classifier.selectors import active_training_run
from classifier.services.training import NETWORKS, OPTIONS
from mriplatform.api.problems import CONTENT_TYPE, problem_document
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from reviews.access import get_label_set_to_train
from reviews.api.training_runs import (
    TrainingRunDetailSerializer,
    VersionNamedSerializer,
    named,
    shown_whole_run,
)
from reviews.selectors.retraining_preview import FINE_TUNE, HEAD, Kinds, Preview, preview_retraining
from reviews.services.label_sets import retrain

KINDS = (HEAD, FINE_TUNE)


class ChosenSerializer(StrictSerializer):
    recipe = serializers.ChoiceField(
        choices=KINDS,
        default=HEAD,
        help_text="`head`: the last layer. `fine_tune`: the network, from pixels.",
    )
    base = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="The version to start from; what reads for the collection where it is left out.",
    )


class RetrainSerializer(ChosenSerializer):
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    options = serializers.DictField(
        default=dict,
        help_text="Of the recipe; what is left out is as it is by default. "
        + " ".join(
            f"`{kind}`: {', '.join(f'`{name}`' for name in names)}." for kind, names in OPTIONS.items()
        )
        + f" `network` is one of {', '.join(f'`{name}`' for name in NETWORKS)}, trained anew.",
    )

    def validate_options(self, options: dict[str, Any]) -> dict[str, Any]:
        if "kind" in options:
            raise serializers.ValidationError("The kind of the recipe is said by `recipe`.")
        return options


class KindsSerializer(serializers.Serializer[Any]):
    corrections = serializers.IntegerField(help_text="The label differs from what the machine had answered.")
    confirmations = serializers.IntegerField()
    unanswered = serializers.IntegerField(help_text="Read here, before or without an answer of the machine.")
    imported = serializers.IntegerField()
    total = serializers.IntegerField()


class DurationSerializer(serializers.Serializer[Any]):
    seconds = serializers.FloatField(help_text="The middle one of the earlier runs.")
    shortest = serializers.FloatField()
    longest = serializers.FloatField()
    runs = serializers.IntegerField()


class PreviewSerializer(serializers.Serializer[Any]):
    sentence = serializers.CharField()
    label_set = serializers.UUIDField(allow_null=True, help_text="Null where nothing is frozen yet.")
    recipe = serializers.ChoiceField(choices=KINDS)
    base_version = VersionNamedSerializer(allow_null=True)
    gate_rule = serializers.IntegerField(allow_null=True, help_text="Null: the start writes the first.")
    parts = serializers.DictField(child=KindsSerializer(), help_text="By part: train, validation, test.")
    by_class = serializers.DictField(child=serializers.IntegerField(), help_text="Of the training part.")
    excluded = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    embeddings_stored = serializers.IntegerField()
    embeddings_to_compute = serializers.IntegerField()
    earlier_runs = DurationSerializer(allow_null=True)
    active_run = serializers.CharField(allow_null=True, help_text="The address of the run to wait for.")


class LabelSetRetrain(ApiView):
    query_serializer = ChosenSerializer

    @extend_schema(
        operation_id="preview_retraining",
        summary="What a training on a label set would use",
        parameters=[ChosenSerializer],
        responses={200: PreviewSerializer, **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, label_set_id: UUID) -> Response:
        asked = self.asked(request)
        label_set = get_label_set_to_train(request.user, label_set_id)
        preview = preview_retraining(
            label_set, recipe=asked.get("recipe", HEAD), base=_version(asked.get("base"))
        )
        return Response(PreviewSerializer(shown_preview(preview)).data)

    @extend_schema(
        operation_id="start_training",
        summary="Train on a label set",
        description=(
            "One run is active at a time: 409 `run_active` names the other one, with `run` and its address in `url`."
        ),
        request=RetrainSerializer,
        responses={201: TrainingRunDetailSerializer, **problems(400, 401, 403, 404, 409, 422)},
    )
    def post(self, request: Request, label_set_id: UUID) -> Response:
        label_set = get_label_set_to_train(request.user, label_set_id)
        sent = self.sent(RetrainSerializer, request.data)
        try:
            run = retrain(
                actor=person(request), label_set=label_set, base=_version(sent.get("base")), seed=sent["seed"],
                recipe=sent["options"] | {"kind": sent["recipe"]},
            )  # fmt: skip
        except StateConflict as conflict:
            if conflict.code != "run_active" or (active := active_training_run()) is None:
                raise
            return _active(conflict, active)
        shown = TrainingRunDetailSerializer(shown_whole_run(request.user, run)).data
        return Response(shown, status=201, headers={"Location": reverse("api-training-run", args=[run.pk])})


def _active(conflict: StateConflict, active: TrainingRun) -> Response:
    address = reverse("api-training-run", args=[active.pk])
    document = problem_document(
        conflict.status, conflict.code, conflict.sentence, run=active.number, url=address
    )
    return Response(document, status=conflict.status, content_type=CONTENT_TYPE)


def _version(identifier: UUID | None) -> ModelVersion | None:
    """The version that was chosen; None where none was.

    Raises:
        ValidationError: there is no such version.
    """
    if identifier is None:
        return None
    version = ModelVersion.objects.filter(pk=identifier).first()
    if version is None:
        raise serializers.ValidationError({"base": ["There is no such version."]})
    return version


def shown_preview(preview: Preview) -> dict[str, Any]:
    active = preview.active
    return {
        "sentence": preview.sentence,
        "label_set": preview.label_set.pk if preview.label_set else None,
        "recipe": preview.recipe,
        "base_version": named(preview.base),
        "gate_rule": preview.rule.number if preview.rule else None,
        "parts": {part: _kinds(kinds) for part, kinds in preview.parts.items()},
        "by_class": preview.by_class,
        "excluded": preview.excluded,
        "embeddings_stored": preview.stored,
        "embeddings_to_compute": preview.to_compute,
        "earlier_runs": preview.duration,
        "active_run": reverse("api-training-run", args=[active.pk]) if active else None,
    }


def _kinds(kinds: Kinds) -> dict[str, int]:
    names = ("corrections", "confirmations", "unanswered", "imported", "total")
    return {name: getattr(kinds, name) for name in names}
