"""Versions that answer live images without anybody seeing it."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models.model_version import ModelVersion
from mriplatform.accounts.models import Collection
from mriplatform.identifiers import uuid7


class Shadow(models.Model):
    """A version that also predicts what comes into a collection, from `started_at` until it is ended.

    Its predictions are rows `for_comparison`: no reader is shown them, and no label rests on them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="shadows")
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="shadows")
    reason = models.CharField(max_length=500)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "collection"],
                condition=models.Q(ended_at=None),
                name="shadow_once_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model_version} in the shadow of {self.collection}"
