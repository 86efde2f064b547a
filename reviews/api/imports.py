"""Labelled images, and whole label sets, that come in from elsewhere."""

import json
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.models import Plane
from ml.manifest import PARTS
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person
from reviews.access import get_collection_to_freeze
from reviews.api.serializers import LabelSetSerializer
from reviews.exceptions import ReviewRefused
from reviews.services.adopting import adopt_label_set, is_storable, read_export
from reviews.services.importing import MAX_DATASET_CHARACTERS, import_files
from reviews.services.surveying import Became, ImportReport, LabelledFile, survey_files


class FileLabelSerializer(StrictSerializer):
    """What is said of one file, in the order of the files."""

    label = serializers.CharField(max_length=40)  # type: ignore[assignment]  # the framework's own attribute
    split = serializers.ChoiceField(choices=PARTS, required=False, default="")
    subject = serializers.CharField(max_length=64, required=False, default="", allow_blank=True)
    plane = serializers.ChoiceField(choices=["", *Plane.values], required=False, default="")
    pixel_sha256 = serializers.RegexField("^[0-9a-f]{64}$", required=False, default="")
    provenance = serializers.DictField(required=False, default=dict)

    def validate_provenance(self, value: dict[str, Any]) -> dict[str, Any]:
        if not is_storable(value):
            raise serializers.ValidationError(
                "It holds what no JSON text can: NaN, or half of a character or a NUL."
            )
        return value


class ImportSerializer(StrictSerializer):
    dataset = serializers.CharField(max_length=MAX_DATASET_CHARACTERS)
    files = serializers.ListField(child=serializers.FileField(), allow_empty=False)
    labels = serializers.CharField(
        help_text=(
            "JSON: a list with an object for each file, in their order: `label`, and where it is known `split` "
            "(kept for ever), `subject` (any code; only a keyed hash is kept), `plane`, `pixel_sha256` (other pixels "
            "are refused) and `provenance`."
        )
    )
    predictions = serializers.BooleanField(required=False, default=True, help_text="Whether they are queued.")
    dry_run = serializers.BooleanField(
        required=False, default=False, help_text="Say what would become of each file."
    )


class FileReportSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="In the order of the files, from 1.")
    became = serializers.ChoiceField(choices=list(Became))
    code = serializers.CharField()
    sentence = serializers.CharField()
    image = serializers.UUIDField(allow_null=True)


class ImportedSerializer(serializers.Serializer[Any]):
    counts = serializers.DictField(child=serializers.IntegerField())
    files = FileReportSerializer(many=True)
    clashes = serializers.ListField(
        child=serializers.CharField(),
        help_text="Parts that could not be kept, because the platform has others.",
    )


class LabelSetImportSerializer(StrictSerializer):
    dataset = serializers.CharField(max_length=MAX_DATASET_CHARACTERS)
    header = serializers.FileField(help_text="The export's `label-set.json`.")
    manifest = serializers.FileField(help_text="The export's `manifest.jsonl`, byte for byte.")


class Imports(ApiView):
    parser_classes = (MultiPartParser,)
    serializer_class = ImportedSerializer

    @extend_schema(
        operation_id="import_labelled_images",
        summary="Import labelled images, through the same checks as any upload",
        description=(
            "Each file is a study of its own, with its label. What is there already is not stored twice; a label that "
            "changed is added beside the old one. The same pixels with two labels are refused. Bad files are named by "
            "their number, and stop none of the others. A larger set is sent in several requests."
        ),
        request={"multipart/form-data": ImportSerializer},
        responses={200: ImportedSerializer, **problems(400, 401, 403, 404, 413, 415, 507)},
    )
    def post(self, request: Request, collection_id: UUID) -> Response:
        sent = self.sent(ImportSerializer, _multipart(request, "files"))
        collection = get_collection_to_freeze(request.user, collection_id)
        files = _labelled(sent["files"], sent["labels"])
        if sent["dry_run"]:
            return Response(_shown(survey_files(collection, files).report))
        report = import_files(
            actor=person(request), collection=collection, dataset=sent["dataset"], files=files,
            analyse=sent["predictions"],
        )  # fmt: skip
        return Response(_shown(report))


class LabelSetImports(ApiView):
    parser_classes = (MultiPartParser,)
    serializer_class = LabelSetSerializer

    @extend_schema(
        operation_id="import_label_set",
        summary="Make an exported label set one of this collection, with the same manifest and hash",
        description=(
            "Its images come first, by the import of labelled images, each with its `pixel_sha256`. Refused where the "
            "manifest was altered, an image is missing, or a part clashes with this platform's. Twice is once."
        ),
        request={"multipart/form-data": LabelSetImportSerializer},
        responses={200: LabelSetSerializer, **problems(400, 401, 403, 404, 413, 415, 422)},
    )
    def post(self, request: Request, collection_id: UUID) -> Response:
        sent = self.sent(LabelSetImportSerializer, _multipart(request))
        collection = get_collection_to_freeze(request.user, collection_id)
        label_set = adopt_label_set(
            actor=person(request),
            collection=collection,
            exported=read_export(sent["header"].read(), sent["manifest"].read()),
            dataset=sent["dataset"],
        )
        return Response(LabelSetSerializer(label_set).data)


def _multipart(request: Request, several: str = "") -> dict[str, object]:
    """The fields of a multipart body; `several` names the one that is a list of files."""
    fields: dict[str, object] = dict(request.data.items())  # type: ignore[union-attr]  # multipart: never a list
    if several:
        fields[several] = request.FILES.getlist(several)
    return fields


def _labelled(files: list[Any], labels: str) -> list[LabelledFile]:
    try:
        said = json.loads(labels)
    except (ValueError, RecursionError) as error:
        raise ReviewRefused("The labels are no JSON.", code="malformed_labels", status=400) from error
    if not isinstance(said, list) or len(said) != len(files):
        raise ReviewRefused(
            f"The labels are a list with an object for each of the {len(files)} files.",
            code="malformed_labels", status=400,
        )  # fmt: skip
    checked = FileLabelSerializer(data=said, many=True)
    checked.is_valid(raise_exception=True)
    return [
        LabelledFile(number, _reader(file), file.name or "", **values)
        for number, (file, values) in enumerate(zip(files, checked.validated_data, strict=True), start=1)
    ]


def _reader(file: Any) -> Any:
    """Gives the bytes of a file that was sent, each time anew."""

    def read() -> bytes:
        file.seek(0)
        data: bytes = file.read()
        return data

    return read


def _shown(report: ImportReport) -> dict[str, Any]:
    shown = {
        "counts": report.counts,
        "files": [report.files[number] for number in sorted(report.files)],
        "clashes": report.clashes,
    }
    return dict(ImportedSerializer(shown).data)
