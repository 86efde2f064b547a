"""Archives that are sent in parts, checked whole, and stored entry by entry; a row is the job."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models.study import Image, Study
from ml.labels import CLASSES
from mriplatform.accounts.models import Collection
from mriplatform.identifiers import uuid7


class Archive(models.Model):
    """A ZIP of images on its way in.

    States: `receiving → checking → checked → storing → stored`, and from each of them `refused`, `cancelled` or
    `failed`. A worker holds `checking` and `storing` by a lease and goes on where the last one stopped. `checked`
    waits for a person's word after a dry run; without one it is passed through. Parts are deleted as soon as nothing
    more is to be read from them, or when `expires_at` has passed.
    """

    class Status(models.TextChoices):
        RECEIVING = "receiving", "Being sent"
        CHECKING = "checking", "Being checked"
        CHECKED = "checked", "Checked"
        STORING = "storing", "Being stored"
        STORED = "stored", "Stored"
        REFUSED = "refused", "Refused"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="archives")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="archives"
    )
    size = models.PositiveBigIntegerField()
    dry_run = models.BooleanField(default=False)
    partial = models.BooleanField(default=False)
    folder_labels = models.BooleanField(default=False)
    dataset = models.CharField(max_length=120, blank=True)
    subject_key = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RECEIVING)
    code = models.CharField(max_length=40, blank=True)
    sentence = models.CharField(max_length=300, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(status__in=["receiving", "checking", "checked", "storing"]),
                name="archive_unfinished",
            )
        ]

    def __str__(self) -> str:
        return f"Archive {self.id.hex[-8:]}"

    @property
    def short_id(self) -> str:
        return self.id.hex[-8:]


class ArchivePart(models.Model):
    """A piece of an archive as it was sent, encrypted under a key that is outside the database."""

    archive = models.ForeignKey(Archive, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ["archive_id", "number"]
        constraints = [models.UniqueConstraint(fields=["archive", "number"], name="archive_part_once")]

    def __str__(self) -> str:
        return f"Part {self.number}"


class ArchiveEntry(models.Model):
    """One file of an archive, known by its number and the hash of its bytes; its name is never kept."""

    class Outcome(models.TextChoices):
        PENDING = "pending", "Not looked at yet"
        GOOD = "good", "Good"
        STORED = "stored", "Stored"
        DUPLICATE = "duplicate", "Already here"
        QUARANTINED = "quarantined", "In quarantine"
        REFUSED = "refused", "Refused"
        IGNORED = "ignored", "Ignored"

    archive = models.ForeignKey(Archive, on_delete=models.PROTECT, related_name="entries")
    number = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    label = models.CharField(max_length=12, blank=True, choices=[(one, one) for one in CLASSES])
    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.PENDING)
    code = models.CharField(max_length=40, blank=True)
    sentence = models.CharField(max_length=300, blank=True)
    pixel_sha256 = models.CharField(max_length=64, blank=True)
    study = models.ForeignKey(Study, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    image = models.ForeignKey(Image, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["archive_id", "number"]
        verbose_name_plural = "archive entries"
        constraints = [models.UniqueConstraint(fields=["archive", "number"], name="archive_entry_once")]

    def __str__(self) -> str:
        return f"Entry {self.number}"
