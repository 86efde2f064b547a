"""The shapes that the quarantine's endpoints take and give, and rows in them."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from classifier.models import Origin, QuarantinedImage
from classifier.services.quarantine_decisions import MOST_MASKS, MOST_REASON_CHARACTERS
from mriplatform.api.serializers import StrictSerializer


class RectangleSerializer(StrictSerializer):
    """In pixels of the image, from its upper left corner."""

    left = serializers.IntegerField(min_value=0)
    top = serializers.IntegerField(min_value=0)
    width = serializers.IntegerField(min_value=1)
    height = serializers.IntegerField(min_value=1)


class QuarantineQuerySerializer(StrictSerializer):
    collection = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(choices=QuarantinedImage.Status.choices, required=False)


class WhySerializer(StrictSerializer):
    reason = serializers.CharField(
        max_length=MOST_REASON_CHARACTERS, help_text="Kept for ever. Do not repeat what is written."
    )


class MaskSerializer(StrictSerializer):
    masks = serializers.ListField(child=RectangleSerializer(), min_length=1, max_length=MOST_MASKS)
    reason = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=MOST_REASON_CHARACTERS,
        help_text="Needed where a marked place is not wholly covered. Kept for ever.",
    )  # fmt: skip


class QuarantinedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    collection = serializers.UUIDField()
    status = serializers.ChoiceField(choices=QuarantinedImage.Status.choices)
    cause = serializers.ChoiceField(choices=QuarantinedImage.Cause.choices)
    boxes = RectangleSerializer(many=True, help_text="Where writing was found.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    bits = serializers.IntegerField()
    origin = serializers.ChoiceField(choices=Origin.choices)
    uploaded_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    study = serializers.UUIDField(allow_null=True, help_text="What it came with, where others were stored.")
    pixels = serializers.CharField(allow_null=True, help_text="Null once it is decided.")
    masks = RectangleSerializer(many=True, help_text="What was blackened.")
    reason = serializers.CharField(allow_blank=True)
    decided_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    image = serializers.UUIDField(allow_null=True, help_text="What it became.")


class QuarantineCountsSerializer(serializers.Serializer[Any]):
    waiting = serializers.IntegerField(
        allow_null=True, help_text="All that wait; null for those who do not review the intake."
    )
    own_waiting = serializers.IntegerField(help_text="Of the images that you sent.")


def shown_quarantined(row: QuarantinedImage) -> dict[str, Any]:
    waits = row.status == QuarantinedImage.Status.WAITING
    return {
        "id": row.pk,
        "collection": row.collection_id,
        "status": row.status,
        "cause": row.cause,
        "boxes": [_rectangle(box) for box in row.boxes],
        "width": row.width,
        "height": row.height,
        "bits": row.bits,
        "origin": row.origin,
        "uploaded_by": row.uploaded_by.get_username(),
        "created_at": row.created_at,
        "study": row.study_id,
        "pixels": reverse("api-quarantined-pixels", args=[row.pk]) if waits else None,
        "masks": [_rectangle(mask) for mask in row.masks],
        "reason": row.reason,
        "decided_by": row.decided_by.get_username() if row.decided_by else None,
        "decided_at": row.decided_at,
        "image": row.image_id,
    }


def _rectangle(box: list[int]) -> dict[str, int]:
    return dict(zip(("left", "top", "width", "height"), box, strict=True))


_ID = "019b1f6e-8a05-7a10-b1c2-d3e4f5061728"
_RECTANGLE = {"left": 5, "top": 6, "width": 132, "height": 57}
QUARANTINED_EXAMPLE = OpenApiExample(
    "An image that waits",
    value={
        "id": _ID,
        "collection": "019b1e00-0000-7000-8000-0000000000c0",
        "status": "waiting",
        "cause": "text",
        "boxes": [_RECTANGLE],
        "width": 512,
        "height": 512,
        "bits": 8,
        "origin": "dicomweb",
        "uploaded_by": "gateway",
        "created_at": "2026-03-02T10:42:00.110Z",
        "study": None,
        "pixels": f"/api/v1/quarantine/{_ID}/pixels",
        "masks": [],
        "reason": "",
        "decided_by": None,
        "decided_at": None,
        "image": None,
    },
    response_only=True,
)
MASK_EXAMPLE = OpenApiExample("A mask", value={"masks": [_RECTANGLE], "reason": ""}, request_only=True)
WHY_EXAMPLE = OpenApiExample(
    "A reason", value={"reason": "The writing is the slice's number."}, request_only=True
)
