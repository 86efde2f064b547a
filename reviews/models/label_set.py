"""Labels, frozen: what a training may use, and where each came from."""

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models.functions import Now

from classifier.models import Image
from mriplatform.accounts.models import Collection
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7
from reviews.models.protocol import LABEL_CHOICES


def manifest_storage() -> Storage:
    return storages["checkpoints"]


class Split(models.TextChoices):
    TRAIN = "train", "Training"
    VALIDATION = "validation", "Validation"
    TEST = "test", "Test"
    EXCLUDED = "excluded", "Excluded"


class SplitAssignment(LedgerModel):
    """Where a subject, or a cluster of near-duplicates, belongs for ever: once in test, always in test."""

    key = models.CharField(primary_key=True, max_length=80)
    split = models.CharField(max_length=10, choices=Split.choices)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"{self.key}: {self.split}"


class LabelSet(LedgerModel):
    """A frozen list of labelled images with its manifest (JSON Lines) and that file's sha256.

    `policy` is the rule that said what was taken; empty where none had been set. `dataset` names what it was imported
    from, and is empty for one that was frozen here.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField(unique=True)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="label_sets")
    manifest = models.FileField(storage=manifest_storage, max_length=200)
    manifest_sha256 = models.CharField(max_length=64)
    counts = models.JSONField()
    policy = models.ForeignKey(
        "reviews.EligibilityPolicy",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="label_sets",
    )
    dataset = models.CharField(max_length=120, blank=True)
    frozen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"Label set {self.number} of {self.collection}"


class LabelSetEntry(LedgerModel):
    """One image in a label set: in a split with a label and what it counts for, or excluded with the reason."""

    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="entries")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="label_set_entries")
    label = models.CharField(max_length=12, choices=LABEL_CHOICES, blank=True)
    split = models.CharField(max_length=10, choices=Split.choices)
    reason = models.CharField(max_length=120, blank=True)
    weight = models.FloatField(default=1.0)
    provenance = models.JSONField(default=dict)

    class Meta(LedgerModel.Meta):
        abstract = False
        verbose_name_plural = "label set entries"
        ordering = ["label_set_id", "id"]
        constraints = [models.UniqueConstraint(fields=["label_set", "image"], name="label_set_image_once")]

    def __str__(self) -> str:
        return f"{self.image}: {self.label or 'no label'} ({self.split})"
