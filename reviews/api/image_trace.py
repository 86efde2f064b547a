"""Where the labels of one image went, for those who may see labels."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.models import TraceLine
from mriplatform.api.schema import problems
from mriplatform.api.views import ApiView
from reviews.access import get_image_with_labels
from reviews.models import Split
from reviews.selectors.image_trace import Used, Went, image_trace


class ImageUseSerializer(serializers.Serializer[Any]):
    run = serializers.UUIDField()
    number = serializers.IntegerField(help_text="Of the run.")
    used_as = serializers.ChoiceField(choices=TraceLine.Used.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # no attribute
    reason = serializers.CharField(help_text="Why it was left out; else empty.")
    version = serializers.IntegerField(
        allow_null=True, help_text="That the run made; null where it was never in force."
    )
    in_force_since = serializers.DateTimeField(allow_null=True)
    in_force_until = serializers.DateTimeField(allow_null=True)


class WentSerializer(serializers.Serializer[Any]):
    label_set = serializers.UUIDField()
    number = serializers.IntegerField(help_text="Of the label set.")
    frozen_at = serializers.DateTimeField()
    label = serializers.CharField()  # type: ignore[assignment]  # no attribute
    split = serializers.ChoiceField(choices=Split.choices)
    reason = serializers.CharField(help_text="Why it was left out; else empty.")
    runs = ImageUseSerializer(many=True)


class ImageTraceSerializer(serializers.Serializer[Any]):
    image = serializers.UUIDField()
    label_sets = WentSerializer(many=True, help_text="Those that list it, newest first.")


class ImageTrace(ApiView):
    @extend_schema(
        operation_id="get_image_trace",
        summary="Where the labels of an image went: label sets, training runs, versions in force",
        description="Refused to those who may not download its labels, or read it, there or in another collection.",
        responses={200: ImageTraceSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, image_id: UUID) -> Response:
        image = get_image_with_labels(request.user, image_id)
        shown = {"image": image.pk, "label_sets": [_shown(went) for went in image_trace(image)]}
        return Response(ImageTraceSerializer(shown).data)


def _shown(went: Went) -> dict[str, Any]:
    entry = went.entry
    return {
        "label_set": entry.label_set_id,
        "number": entry.label_set.number,
        "frozen_at": entry.label_set.created_at,
        "label": entry.label,
        "split": entry.split,
        "reason": entry.reason,
        "runs": [_shown_use(used) for used in went.uses],
    }


def _shown_use(used: Used) -> dict[str, Any]:
    line, period = used.line, used.period
    return {
        "run": line.run_id,
        "number": line.run.number,
        "used_as": line.used_as,
        "label": line.label,
        "reason": line.reason,
        "version": period.version.number if period else None,
        "in_force_since": period.since if period else None,
        "in_force_until": period.until if period else None,
    }
