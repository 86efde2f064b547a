"""The shapes that the machine reader's endpoints take and give."""

from typing import Any

from rest_framework import serializers

from classifier.api.image_facts import DicomFactsSerializer, WindowSerializer
from classifier.intake.pseudonyms import MAX_PSEUDONYM_CHARACTERS
from classifier.models import NOT_ASSESSABLE, JobStatus, Origin, Plane
from classifier.services.uploads import Grouping
from ml.labels import CLASSES
from mriplatform.accounts.roles import Role
from mriplatform.api.serializers import StrictSerializer


class UploadSerializer(StrictSerializer):
    collection = serializers.UUIDField()
    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True, max_length=None),
        help_text=(
            "One or more PNG, JPEG or DICOM images; repeat the field. Their names are neither kept nor logged."
        ),
    )
    grouping = serializers.ChoiceField(
        choices=[(value.value, value.value) for value in Grouping],
        default=Grouping.ONE_STUDY.value,
        help_text=(
            "`one_study`: all or nothing. `study_each`: every file stands alone. DICOM says itself which study it is "
            "of, and joins that one where it is still open."
        ),
    )
    subject_pseudonym = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=MAX_PSEUDONYM_CHARACTERS,
        help_text=(
            "A code of your own, never a name; kept only as a keyed hash. Counts only where a DICOM file names no "
            "patient."
        ),
    )


class NothingSerializer(StrictSerializer):
    """A write that takes no fields."""


class PurgeSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500, help_text="Kept in the audit. Do not name the person.")


class StudyQuerySerializer(StrictSerializer):
    collection = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(choices=JobStatus.choices, required=False)


class PredictionQuerySerializer(StudyQuerySerializer):
    not_assessable = serializers.BooleanField(
        required=False,
        help_text="`true`: those that name no class; `false`: those that name one or have yet to.",
    )
    study = serializers.UUIDField(required=False)
    image = serializers.UUIDField(required=False)

    model_version = serializers.UUIDField(required=False)
    format = serializers.ChoiceField(
        choices=["json", "csv", "jsonl"],
        required=False,
        help_text="`csv`, `jsonl`: all that are asked for, with the columns of docs/results.md.",
    )


class AskVersionSerializer(StrictSerializer):
    study = serializers.UUIDField()
    model_version = serializers.UUIDField()


class ChooseVersionSerializer(StrictSerializer):
    model_version = serializers.UUIDField(allow_null=True, help_text="Null follows what is in force.")
    reason = serializers.CharField(max_length=500, help_text="Kept for ever. Do not name a person.")


class NewCollectionSerializer(StrictSerializer):
    name = serializers.CharField(max_length=120, help_text="Of this collection alone.")
    description = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


class MomentSerializer(StrictSerializer):
    at = serializers.DateTimeField(
        required=False, help_text="A moment such as `2026-03-01T12:00:00Z`; default now."
    )


class CountsSerializer(serializers.Serializer[Any]):
    queued = serializers.IntegerField()
    running = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()


class VersionNameSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    name = serializers.CharField()


class CollectionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    roles = serializers.ListField(child=serializers.ChoiceField(choices=Role.choices), help_text="Your own.")
    studies = CountsSerializer(help_text="How many studies are in each state.")
    model_version = VersionNameSerializer(
        allow_null=True, help_text="The version that reads what comes in; null where none does."
    )


class VersionChoiceSerializer(serializers.Serializer[Any]):
    model_version = VersionNameSerializer(
        allow_null=True, help_text="The version that was named; null follows what is in force."
    )
    reason = serializers.CharField()
    by = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()


class ReadingVersionSerializer(serializers.Serializer[Any]):
    collection = serializers.UUIDField()
    model_version = VersionNameSerializer(
        allow_null=True, help_text="The version that reads what comes in, now or at the moment asked for."
    )
    follows = serializers.BooleanField(help_text="No version was named: what is in force reads.")
    choices = VersionChoiceSerializer(many=True, help_text="What was chosen and why, newest first.")


class FailureSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()


class PredictionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    image = serializers.UUIDField()
    study = serializers.UUIDField()
    status = serializers.ChoiceField(choices=JobStatus.choices)
    model_version = VersionNameSerializer(allow_null=True)
    for_comparison = serializers.BooleanField(
        help_text="Another version was asked. False for the image's answer, which is the one that counts."
    )
    label = serializers.ChoiceField(  # type: ignore[assignment]  # a declared field becomes no attribute
        choices=(*CLASSES, NOT_ASSESSABLE),
        allow_null=True,
        help_text=(
            "The most probable class, or `not_assessable` where the image does not look like a brain MRI to the "
            "version: then there are neither probabilities nor maps."
        ),
    )
    probabilities = serializers.DictField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="By class name; they sum to 1. Null where the label is `not_assessable`.",
    )
    novelty = serializers.FloatField(
        allow_null=True,
        help_text="How unlike a brain MRI: higher is less like. Null where the version cannot tell.",
    )
    runtime = serializers.CharField()
    device = serializers.CharField()
    queued_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    failure = FailureSerializer(allow_null=True)


class AskedSerializer(serializers.Serializer[Any]):
    queued = serializers.IntegerField(help_text="How many images came in line for the version by this.")
    known = serializers.IntegerField(help_text="How many it had read, or had in line, already.")
    predictions = PredictionSerializer(many=True, help_text="What the version says of the study so far.")


class MapsSerializer(serializers.Serializer[Any]):
    classes = serializers.ListField(child=serializers.CharField(), help_text="Of the last axis.")
    values = serializers.ListField(
        child=serializers.ListField(child=serializers.ListField(child=serializers.FloatField())),
        help_text="Row, column, class; before the ReLU. Grad-CAM of a class is the positive part.",
    )
    box = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="Left, top, right, bottom in image pixels of what the maps cover; null is the whole image.",
    )


class PredictionDetailSerializer(PredictionSerializer):
    novelty_threshold = serializers.FloatField(
        allow_null=True, help_text="Above it this version answers `not_assessable`."
    )
    maps = MapsSerializer(
        allow_null=True, help_text="Null where they were removed, and where the label is `not_assessable`."
    )


class FinalLabelSerializer(serializers.Serializer[Any]):
    label = serializers.ChoiceField(choices=[*CLASSES, NOT_ASSESSABLE])  # type: ignore[assignment]  # no attribute
    path = serializers.CharField(
        help_text="How it came about: one reader, agreed, majority 2 of 3, senior reader, adjudicated."
    )
    at = serializers.DateTimeField(help_text="Since when it is final so.")
    changed_since = serializers.BooleanField(
        help_text="A reader said something after the adjudicator's decision, which stands all the same."
    )


class ImageSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    study = serializers.UUIDField()
    collection = serializers.UUIDField()
    number = serializers.IntegerField(help_text="Its place in the study, from 1.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    bits = serializers.IntegerField()
    plane = serializers.ChoiceField(choices=Plane.choices, allow_blank=True)
    window = WindowSerializer(allow_null=True)
    dicom = DicomFactsSerializer(
        allow_null=True,
        help_text="What was kept of its DICOM beside plane, window and bits; null for other images.",
    )
    pixel_sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()
    hidden = serializers.BooleanField()
    pixels = serializers.CharField(
        allow_null=True, help_text="Where the PNG is; null where nobody may see it."
    )
    status = serializers.ChoiceField(choices=JobStatus.choices)
    failure = FailureSerializer(allow_null=True)
    prediction = PredictionSerializer(
        allow_null=True, help_text="Null until there is one, and for whoever may not see it."
    )
    final_label = FinalLabelSerializer(
        allow_null=True,
        help_text="What its readers gave it. Null until there is one, and for readers until they have finished it.",
    )


class StudySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    collection = serializers.UUIDField()
    status = serializers.ChoiceField(choices=JobStatus.choices)
    ahead = serializers.IntegerField(
        help_text="How many predictions stand in line before this study's first."
    )
    origin = serializers.ChoiceField(choices=Origin.choices)
    synthetic = serializers.BooleanField(help_text="Drawn by a program; of nobody.")
    uploaded_by = serializers.CharField()
    study_uid = serializers.CharField(
        allow_blank=True, help_text="A keyed replacement of the UID that it came with; empty without DICOM."
    )
    age_band = serializers.CharField(
        allow_blank=True, help_text='In decades, such as "40-49", where it is known.'
    )
    created_at = serializers.DateTimeField()
    final = serializers.BooleanField(help_text="Every image has its final label.")
    removed = serializers.BooleanField()
    images = ImageSerializer(many=True)


class VerdictSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Of the file in the request, from 1.")
    outcome = serializers.ChoiceField(
        choices=["stored", "quarantined", "duplicate", "refused"],
        help_text="Of a file of several frames: `stored` where one of them is.",
    )
    code = serializers.CharField()
    detail = serializers.CharField()
    study = serializers.UUIDField(allow_null=True)
    image = serializers.UUIDField(allow_null=True, help_text="The first of `images`.")
    images = serializers.ListField(
        child=serializers.UUIDField(), help_text="Those that its frames became, or are here as already."
    )
    quarantined = serializers.IntegerField(
        help_text="How many of its frames wait for a reviewer of the intake, because there is writing in them."
    )
    url = serializers.CharField(allow_null=True, help_text="Where the study is.")


class UploadedSerializer(serializers.Serializer[Any]):
    studies = StudySerializer(many=True, help_text="Those that the upload made.")
    files = VerdictSerializer(many=True, help_text="What became of each file.")
