"""One training: a manifest, a recipe and a seed in; a checkpoint and its figures out."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models.gate import GateRule
from classifier.models.model_version import ModelVersion, checkpoint_storage
from mriplatform.accounts.models import Collection
from mriplatform.identifiers import uuid7


class RunStatus(models.TextChoices):
    QUEUED = "queued", "In line"
    RUNNING = "running", "Working"
    SUCCEEDED = "succeeded", "Finished"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class TrainingRun(models.Model):
    """States: `queued → running → succeeded | failed | cancelled`; an expired lease returns `running` to `queued`.

    `manifest` is a file that never changes afterwards (JSON Lines; `manifest_sha256` is its hash): an image, its
    label, its split and where the label came from on each line. `progress` is the curve so far, one object a step;
    `log` what happened, one object (`at`, `text`) an entry. `trigger` says what started it. `rule` is what its
    candidate is judged by, named before anything was learned. `collection` is where the manifest's images lie.
    At most one run is queued or running: a partial unique index says so.
    """

    class Trigger(models.TextChoices):
        PERSON = "person", "A person"
        SCHEDULE = "schedule", "The schedule"
        LABELS = "labels", "Enough new labels"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField(unique=True)
    status = models.CharField(max_length=10, choices=RunStatus.choices, default=RunStatus.QUEUED)
    recipe = models.JSONField()
    seed = models.PositiveIntegerField(default=0)
    manifest = models.FileField(storage=checkpoint_storage, max_length=200)
    manifest_sha256 = models.CharField(max_length=64)
    base_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="runs_from_it")
    rule = models.ForeignKey(GateRule, null=True, blank=True, on_delete=models.PROTECT, related_name="runs")
    collection = models.ForeignKey(
        Collection, null=True, blank=True, on_delete=models.PROTECT, related_name="training_runs"
    )
    trigger = models.CharField(max_length=10, choices=Trigger.choices, default=Trigger.PERSON)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    progress = models.JSONField(default=list)
    log = models.JSONField(default=list)
    report = models.JSONField(default=dict)
    failure_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(status__in=["queued", "running"]),
                name="one_active_training_run",
            )
        ]

    def __str__(self) -> str:
        return f"Training run {self.number}"

    @property
    def candidate(self) -> ModelVersion | None:
        return next(iter(self.versions.all()), None)
