"""What is kept of DICOM beside the pixels, and what its sender gets told: no name, no date, no UID of theirs."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from classifier.models.quarantine import QuarantinedImage
from classifier.models.study import Image, Study
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7


class SequenceFamily(models.TextChoices):
    T1 = "t1", "T1"
    T1_CONTRAST = "t1_contrast", "T1 with contrast"
    T2 = "t2", "T2"
    FLAIR = "flair", "FLAIR"
    DIFFUSION = "diffusion", "Diffusion"
    SUSCEPTIBILITY = "susceptibility", "Susceptibility"
    PROTON_DENSITY = "proton_density", "Proton density"
    OTHER = "other", "Other"


class DicomFacts(models.Model):
    """The short list of what an image's DICOM said; plane, window and bits stand in `Image`, the age in `Study`.

    `series_uid` and `instance_uid` are keyed replacements. `frame` counts from 1 within the instance.
    `slice_position` is in mm along the slice's normal; `row_spacing` and `column_spacing` are mm between the centres
    of neighbouring rows and columns; `orientation` holds the direction cosines of row and column (PS3.3 C.7.6.2.1.1).
    """

    image = models.OneToOneField(Image, primary_key=True, on_delete=models.CASCADE, related_name="dicom")
    series_uid = models.CharField(max_length=64)
    instance_uid = models.CharField(max_length=64, db_index=True)
    frame = models.PositiveIntegerField(default=1)
    modality = models.CharField(max_length=16)
    sequence_family = models.CharField(max_length=16, choices=SequenceFamily.choices, blank=True)
    slice_position = models.FloatField(null=True, blank=True)
    row_spacing = models.FloatField(null=True, blank=True)
    column_spacing = models.FloatField(null=True, blank=True)
    orientation = ArrayField(models.FloatField(), size=6, null=True, blank=True)
    bits_stored = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name_plural = "DICOM facts"

    def __str__(self) -> str:
        return f"DICOM facts of {self.image_id}"


class ReceiptLine(LedgerModel):
    """One DICOM frame that was taken in: what its sender needs to find it again, and nobody else can use.

    `file_sha256` is the hash of the file as it was sent: whoever has the file can match it, and its own identifiers,
    with the UIDs under which results come out. `study` is the one that it came to, if there was one; the receipt of
    one that comes later finds it by `study_uid` and `subject_key`. `profile` holds the codes of PS3.16 CID 7050 that
    say how identity was removed.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    study = models.ForeignKey(Study, null=True, on_delete=models.PROTECT, related_name="receipt_lines")
    image = models.ForeignKey(Image, null=True, on_delete=models.PROTECT, related_name="receipt_lines")
    quarantined = models.ForeignKey(
        QuarantinedImage, null=True, on_delete=models.PROTECT, related_name="receipt_lines"
    )
    file_sha256 = models.CharField(max_length=64)
    study_uid = models.CharField(max_length=64, db_index=True)
    subject_key = models.CharField(max_length=64, default="", db_default="", blank=True)
    series_uid = models.CharField(max_length=64)
    instance_uid = models.CharField(max_length=64)
    frame = models.PositiveIntegerField(default=1)
    outcome = models.CharField(max_length=12)
    profile = ArrayField(models.CharField(max_length=16))
    received_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["id"]

    def __str__(self) -> str:
        return f"Receipt of {self.instance_uid}, frame {self.frame}"
