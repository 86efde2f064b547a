"""The shapes of archives in the API."""

from typing import Any

from rest_framework import serializers

from classifier.intake.pseudonyms import MAX_PSEUDONYM_CHARACTERS
from classifier.models import Archive, ArchiveEntry
from classifier.services.archives import MAX_DATASET_CHARACTERS
from ml.labels import CLASSES
from mriplatform.api.serializers import StrictSerializer


class ArchiveOptionsSerializer(StrictSerializer):
    collection = serializers.UUIDField()
    dry_run = serializers.BooleanField(
        default=False, help_text="Only check it and count; it then waits until it is stored or cancelled."
    )
    partial = serializers.BooleanField(  # type: ignore[assignment]  # the metaclass takes it out
        default=False, help_text="Store the good entries even where some are bad. Without it: all or nothing."
    )
    folder_labels = serializers.BooleanField(
        default=False,
        help_text=(
            "A folder that is named like a class (`glioma`, `No Tumour`, `no_tumor`) labels what is in it. Whoever "
            "asks for it must be allowed to freeze labels in the collection."
        ),
    )
    dataset = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=MAX_DATASET_CHARACTERS,
        help_text="The name of the set from which such labels come.",
    )
    subject_pseudonym = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=MAX_PSEUDONYM_CHARACTERS,
        help_text=(
            "A code of your own, never a name; kept only as a keyed hash. Only where all images are of one subject: "
            "DICOM says by itself whose it is."
        ),
    )


class NewArchiveSerializer(ArchiveOptionsSerializer):
    size = serializers.IntegerField(min_value=0, max_value=2**50, help_text="Of the whole ZIP, in bytes.")


class ArchiveFileSerializer(ArchiveOptionsSerializer):
    file = serializers.FileField(
        allow_empty_file=True, max_length=None, help_text="A small ZIP in one request. Its name is not kept."
    )


class StoreArchiveSerializer(StrictSerializer):
    partial = serializers.BooleanField(  # type: ignore[assignment]  # the metaclass takes it out
        default=False, help_text="Store the good entries, though some were refused."
    )


class EntryQuerySerializer(StrictSerializer):
    outcome = serializers.ChoiceField(choices=ArchiveEntry.Outcome.choices, required=False)


class ArchiveQuerySerializer(StrictSerializer):
    collection = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(choices=Archive.Status.choices, required=False)


class ArchiveCountsSerializer(serializers.Serializer[Any]):
    entries = serializers.IntegerField(help_text="Files that are looked at.")
    done = serializers.IntegerField(
        help_text="Of them, those that the present pass (check, then store) is through with."
    )
    new = serializers.IntegerField(help_text="Stored, or to be stored.")
    duplicates = serializers.IntegerField(help_text="In the collection already, or twice in the archive.")
    within = serializers.IntegerField(
        help_text="Of them, those that repeat an earlier entry, as the check found."
    )
    quarantined = serializers.IntegerField(
        help_text="With writing in the picture: a person looks at them first."
    )
    refused = serializers.IntegerField()
    ignored = serializers.IntegerField(
        help_text="What systems add beside files, such as `__MACOSX` and `.DS_Store`."
    )
    labels = serializers.DictField(
        child=serializers.IntegerField(), help_text="Entries by the class that their folder names."
    )
    unlabelled = serializers.IntegerField(help_text="Entries whose folder names no class.")


class ArchiveFailureSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()


class ArchiveSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    collection = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Archive.Status.choices)
    size = serializers.IntegerField()
    part_bytes = serializers.IntegerField(help_text="Size of every part but the last.")
    parts = serializers.IntegerField(help_text="How many there are.")
    arrived = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Numbers of the parts that are here; empty once all were read.",
    )
    dry_run = serializers.BooleanField()
    partial = serializers.BooleanField()  # type: ignore[assignment]  # the metaclass takes it out
    folder_labels = serializers.BooleanField()
    dataset = serializers.CharField()
    counts = ArchiveCountsSerializer()
    failure = ArchiveFailureSerializer(allow_null=True, help_text="Why it was refused, cancelled, or failed.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="When it is deleted if nobody goes on with it.")
    finished_at = serializers.DateTimeField(allow_null=True)
    url = serializers.CharField()
    entries = serializers.CharField(help_text="The address of its entries.")


class ArchivePartsSerializer(serializers.Serializer[Any]):
    part_bytes = serializers.IntegerField()
    parts = serializers.IntegerField()
    arrived = serializers.ListField(child=serializers.IntegerField())
    missing = serializers.ListField(child=serializers.IntegerField())


class ArchiveEntrySerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(
        help_text="From 1, in the order of the ZIP's directory; its name is not kept."
    )
    sha256 = serializers.CharField(help_text="Of the file; empty before it was looked at.")
    size = serializers.IntegerField()
    outcome = serializers.ChoiceField(
        choices=ArchiveEntry.Outcome.choices,
        help_text="What became of it, or, before it is stored, what would.",
    )
    code = serializers.CharField()
    detail = serializers.CharField()
    label = serializers.ChoiceField(  # type: ignore[assignment]  # the metaclass takes it out
        choices=[(name, name) for name in CLASSES],
        allow_null=True,
        help_text="The class that its folder names.",
    )
    study = serializers.UUIDField(allow_null=True)
    image = serializers.UUIDField(allow_null=True)
