"""Images that may name somebody: kept apart, seen by nobody but the intake's reviewers, until one of them decides."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models.study import Image, Origin, Plane, Study, pixel_storage
from mriplatform.accounts.models import Collection
from mriplatform.identifiers import uuid7


class QuarantinedImage(models.Model):
    """One image in whose pixels writing was found, or whose header says that there is some.

    States: `waiting → released | masked | rejected`, once. Released or masked, its pixels become an `Image`, of the
    study that came with it or of one of its own; then, as when it is rejected, the pixels here are deleted and the
    row with its hash stays. `group` is shared by what was sent as one study. `boxes` are what the detector marked,
    `masks` what a person blackened: lists of left, top, width and height in pixels. `arrival` is what the intake
    knew beside the pixels (as JSON), to be given to the image when it leaves here. Two of them may become one `image`:
    masked, their pixels can be the same.
    """

    class Cause(models.TextChoices):
        TEXT = "text", "Text found in the pixels"
        DECLARED = "declared", "The DICOM header says that there is text in the pixels"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RELEASED = "released", "Released"
        MASKED = "masked", "Masked"
        REJECTED = "rejected", "Rejected"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="quarantined")
    group = models.UUIDField(db_index=True)
    study = models.ForeignKey(
        Study, null=True, blank=True, on_delete=models.PROTECT, related_name="quarantined"
    )
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    origin = models.CharField(max_length=12, choices=Origin.choices)
    arrival = models.JSONField(default=dict)
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
    cause = models.CharField(max_length=10, choices=Cause.choices)
    boxes = models.JSONField(default=list)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    masks = models.JSONField(default=list)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    image = models.ForeignKey(
        Image, null=True, blank=True, on_delete=models.PROTECT, related_name="quarantined_as"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "pixel_sha256"], name="quarantined_once_per_collection"
            ),
            models.CheckConstraint(
                condition=models.Q(status="waiting", decided_at=None)
                | (~models.Q(status="waiting") & models.Q(decided_at__isnull=False)),
                name="quarantine_decided_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["collection", "-id"],
                condition=models.Q(status="waiting"),
                name="quarantine_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"Quarantined image {self.id.hex[-8:]}"

    @property
    def short_id(self) -> str:
        return self.id.hex[-8:]
