"""Receipts of DICOM: what its sender needs to find its own studies in what comes out."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_study
from classifier.selectors.receipts import OUTCOME_WORDS, receipt_of
from mriplatform.api.schema import problems
from mriplatform.api.views import ApiView

FORMAT = "mri-receipt-1"


class ReceiptEntrySerializer(serializers.Serializer[Any]):
    file_sha256 = serializers.CharField(help_text="Of the file as it was sent: you find yours by it.")
    study_uid = serializers.CharField(help_text="A keyed replacement, as the other two.")
    series_uid = serializers.CharField()
    instance_uid = serializers.CharField()
    frame = serializers.IntegerField(help_text="Its number within the instance, from 1.")
    outcome = serializers.ChoiceField(choices=list(OUTCOME_WORDS), help_text="As it is now.")
    image = serializers.UUIDField(
        allow_null=True,
        help_text="What it became; null as long as it is in quarantine, and where it is nothing.",
    )
    profile = serializers.ListField(
        child=serializers.CharField(), help_text="Codes of PS3.16 CID 7050: how identity was removed."
    )
    received_at = serializers.DateTimeField()


class ReceiptSerializer(serializers.Serializer[Any]):
    format = serializers.CharField()
    study = serializers.UUIDField()
    study_uid = serializers.CharField(allow_blank=True)
    entries = ReceiptEntrySerializer(many=True, help_text="A frame each, in the order in which they came.")


EXAMPLE = OpenApiExample(
    "A receipt",
    value={
        "format": FORMAT,
        "study": "019b1f6e-8a01-7c3e-9d55-0a6f1e2b7f3a",
        "study_uid": "2.25.61304827719461930542875039614829437021",
        "entries": [
            {
                "file_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "study_uid": "2.25.61304827719461930542875039614829437021",
                "series_uid": "2.25.207946035528192649010023567419087653120",
                "instance_uid": "2.25.130029485617402938475610293847561029384",
                "frame": 1,
                "outcome": "stored",
                "image": "019b1f6e-8a02-7b11-8f20-4c9d8e7a6b5c",
                "profile": ["113100", "113108"],
                "received_at": "2026-03-02T10:42:00.110Z",
            }
        ],
    },
    response_only=True,
    status_codes=["200"],
)


class StudyReceipt(ApiView):
    serializer_class = ReceiptSerializer

    @extend_schema(
        operation_id="get_study_receipt",
        summary="The receipt of a DICOM study: which of your files became which image, under which UIDs",
        description=(
            "Results come out under UIDs that nobody else can lead back. Whoever has the files that were sent can: by "
            "their sha256. `tools/relink.py` does it. Empty for a study that did not come as DICOM."
        ),
        responses={200: ReceiptSerializer, **problems(401, 404)},
        examples=[EXAMPLE],
    )
    def get(self, request: Request, study_id: UUID) -> Response:
        study = get_study(request.user, study_id)
        shown = {
            "format": FORMAT, "study": study.pk, "study_uid": study.study_uid, "entries": receipt_of(study),
        }  # fmt: skip
        name = f'attachment; filename="receipt-{study.short_id}.json"'
        return Response(ReceiptSerializer(shown).data, headers={"Content-Disposition": name})
