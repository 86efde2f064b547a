"""Searches for labels that are likely wrong: while one is queued, its row is the job."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models import ModelVersion
from mriplatform.identifiers import uuid7
from reviews.models.label_set import LabelSet


class LabelErrorSearch(models.Model):
    """Somebody asked which labels of a label set are likely wrong; the newest that succeeded is what pages show.

    States: `queued → succeeded | failed`; `attempt` grows each time that a worker takes it. `result` holds the
    ranked `rows` (image, label, suggested, probability of each, score, likely), the confident `joint`, how many labels
    were `used` and how many images had no embedding (`without`), and how many `seconds` it took.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "In line"
        SUCCEEDED = "succeeded", "Done"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="error_searches")
    model_version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    result = models.JSONField(null=True, blank=True)
    failure_reason = models.CharField(max_length=300, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "label error searches"
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["label_set"],
                condition=models.Q(status="queued"),
                name="label_error_search_once_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"Likely label errors in {self.label_set}"
