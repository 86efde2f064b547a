"""Registered checkpoints, their figures, and which of them is in force."""

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models.functions import Now

from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7


def checkpoint_storage() -> Storage:
    return storages["checkpoints"]


class ModelVersion(LedgerModel):
    """A registered checkpoint, numbered; never changed. `checkpoint` is stored under the sha256 of its bytes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField(unique=True)
    name = models.CharField(max_length=120)
    checkpoint = models.FileField(storage=checkpoint_storage, max_length=200)
    checkpoint_sha256 = models.CharField(max_length=64, unique=True)
    metadata = models.JSONField()
    training_run = models.ForeignKey(
        "classifier.TrainingRun", null=True, blank=True, on_delete=models.PROTECT, related_name="versions"
    )
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"Version {self.number} ({self.name})"

    @property
    def novelty_threshold(self) -> float | None:
        """Above which novelty this version gives no class; None where its checkpoint cannot tell."""
        novelty = self.metadata.get("novelty")
        return float(novelty["threshold"]) if novelty else None


class Evaluation(LedgerModel):
    """Figures of one version on one named, hashed set of images; each use of a locked part leaves a row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="evaluations")
    part = models.CharField(max_length=80)
    part_sha256 = models.CharField(max_length=64)
    figures = models.JSONField()
    training_run = models.ForeignKey(
        "classifier.TrainingRun", null=True, blank=True, on_delete=models.PROTECT, related_name="evaluations"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.model_version} on {self.part}"


class Promotion(LedgerModel):
    """Puts a version in force. The newest row counts; going back is another row.

    `proposal` is what was approved by it, `decision` what the gate had said of it beside the version in force until
    then. `override_reason` says why a version was put in force that had not passed the gate; empty where nothing was
    overridden. `load_check` is the worker's word, given before, that it can load the version.
    """

    class Kind(models.TextChoices):
        PROMOTE = "promote", "Put in force"
        ROLL_BACK = "roll_back", "Rolled back"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    sequence = models.PositiveIntegerField(unique=True)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.CharField(max_length=500)
    proposal = models.OneToOneField(
        "classifier.Proposal", null=True, blank=True, on_delete=models.PROTECT, related_name="promotion"
    )
    decision = models.ForeignKey(
        "classifier.GateDecision", null=True, blank=True, on_delete=models.PROTECT, related_name="promotions"
    )
    override_reason = models.CharField(max_length=500, blank=True)
    load_check = models.ForeignKey(
        "classifier.LoadCheck", null=True, blank=True, on_delete=models.PROTECT, related_name="promotions"
    )
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["-sequence"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.model_version}"
