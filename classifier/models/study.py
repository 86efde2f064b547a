"""What was uploaded: studies and their images, patient-free."""

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models.functions import Now

from mriplatform.accounts.models import Collection
from mriplatform.identifiers import uuid7


def pixel_storage() -> Storage:
    return storages["pixels"]


class Origin(models.TextChoices):
    PORTAL = "portal", "Portal"
    API = "api", "API"
    DICOMWEB = "dicomweb", "DICOMweb"
    ARCHIVE = "archive", "Archive"
    IMPORT = "import", "Import"
    SYNTHETIC = "synthetic", "Synthetic sample"


class Plane(models.TextChoices):
    AXIAL = "axial", "Axial"
    CORONAL = "coronal", "Coronal"
    SAGITTAL = "sagittal", "Sagittal"


class Study(models.Model):
    """One examination of one pseudonymous subject.

    `subject_key` is a keyed hash of the pseudonym given at upload, never the pseudonym. `finalised_at` is set when
    every image has its final label: from then on uploaders see the machine's answer. A purged study keeps its rows
    and hashes; pixels, maps and embeddings are gone. `dataset` names the labelled set that an import brought it from.
    `study_uid` is the keyed replacement of the UID that a DICOM study came with: instances that follow find their
    study by it. `age_band` is the subject's age in decades, where the DICOM said it ("40-49", "90+").
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="studies")
    subject_key = models.CharField(max_length=64, blank=True, db_index=True)
    origin = models.CharField(max_length=12, choices=Origin.choices)
    dataset = models.CharField(max_length=120, blank=True)
    study_uid = models.CharField(max_length=64, blank=True)
    age_band = models.CharField(max_length=8, blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="studies"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finalised_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "studies"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["collection", "-created_at"], name="study_by_collection"),
            models.Index(fields=["uploaded_by", "-created_at"], name="study_by_uploader"),
            models.Index(
                fields=["collection", "study_uid"], condition=~models.Q(study_uid=""), name="study_by_uid"
            ),
        ]

    def __str__(self) -> str:
        return f"Study {self.short_id}"

    @property
    def short_id(self) -> str:
        """The last eight digits: enough to tell rows apart on a page (the first ones are the time)."""
        return self.id.hex[-8:]


class Image(models.Model):
    """One stored 2-D image, known by the sha256 of its pixels and unique within its collection.

    `pixels` is a canonical greyscale PNG (8 or 16 bit) built from the decoded array; nothing else of the upload is
    kept. `phash` and `phash_mirrored` are 64-bit perceptual hashes (as signed integers); `cluster` is shared by
    near-duplicates, mirrored ones too, across all collections, so that a split can keep them together. `plane` is
    empty where nothing that came with the image told it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="images")
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="images")
    position = models.PositiveSmallIntegerField(default=0)
    pixels = models.FileField(storage=pixel_storage, max_length=200, blank=True)
    stored_bytes = models.PositiveIntegerField(default=0)
    pixel_sha256 = models.CharField(max_length=64)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    bits = models.PositiveSmallIntegerField(default=8)
    plane = models.CharField(max_length=8, choices=Plane.choices, blank=True)
    window_centre = models.FloatField(null=True, blank=True)
    window_width = models.FloatField(null=True, blank=True)
    phash = models.BigIntegerField()
    phash_mirrored = models.BigIntegerField()
    cluster = models.UUIDField(db_index=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    hidden_at = models.DateTimeField(null=True, blank=True)
    hidden_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["study_id", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "pixel_sha256"], name="image_once_per_collection"),
            models.CheckConstraint(condition=models.Q(bits__in=[8, 16]), name="image_bits_8_or_16"),
        ]
        indexes = [models.Index(fields=["pixel_sha256"], name="image_by_pixels")]

    def __str__(self) -> str:
        return f"Image {self.id.hex[-8:]}"

    @property
    def short_id(self) -> str:
        return self.id.hex[-8:]

    @property
    def pixels_available(self) -> bool:
        """Whether anybody may still see the pixels: not hidden as containing identity, not purged."""
        return self.hidden_at is None and bool(self.pixels)
