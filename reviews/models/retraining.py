"""When a collection's labels are trained from without anybody asking, and the backlog read by a new version."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models import ModelVersion
from mriplatform.accounts.models import Collection
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7


class RetrainingPlan(LedgerModel):
    """When a collection is retrained by itself; the newest row of a collection counts.

    A run starts once `every_labels` labels became eligible since the last label set that was trained from, and once
    `every_hours` hours have gone by since that with any new one. An empty number is no such reason; with both empty
    nothing starts by itself.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="retraining_plans")
    version = models.PositiveIntegerField()
    every_labels = models.PositiveIntegerField(null=True, blank=True)
    every_hours = models.PositiveIntegerField(null=True, blank=True)
    recipe = models.CharField(max_length=20, default="head")
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["collection_id", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "version"], name="retraining_plan_version_once"),
            models.CheckConstraint(
                condition=models.Q(every_labels=None) | models.Q(every_labels__gte=1),
                name="retraining_plan_some_labels",
            ),
            models.CheckConstraint(
                condition=models.Q(every_hours=None) | models.Q(every_hours__gte=1),
                name="retraining_plan_some_hours",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collection}: retraining plan {self.version}"


class Rescore(models.Model):
    """The backlog of a collection, read again by another version, `per_minute` images at most.

    Backlog is what nobody has begun to read. The new answer takes the place of the old one, which stays beside it.
    `cursor` is the last image that was asked about, so that a stopped pass goes on where it was.
    """

    class Status(models.TextChoices):
        RUNNING = "running", "Working"
        PAUSED = "paused", "Paused"
        FINISHED = "finished", "Finished"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="rescores")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="rescores")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    per_minute = models.PositiveIntegerField(default=120)
    cursor = models.UUIDField(null=True, blank=True)
    asked = models.PositiveIntegerField(default=0)
    replaced = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=500)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    stepped_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["collection"],
                condition=models.Q(status__in=["running", "paused"]),
                name="rescore_one_at_a_time",
            ),
            models.CheckConstraint(condition=models.Q(per_minute__gte=1), name="rescore_some_each_minute"),
        ]

    def __str__(self) -> str:
        return f"{self.collection} read again by {self.model_version}"
