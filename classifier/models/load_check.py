"""Whether a worker can load a version: asked before it is put in force, answered by who would predict with it."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models.model_version import ModelVersion
from mriplatform.identifiers import uuid7


class LoadCheck(models.Model):
    """States: asked (`answered_at` empty) → answered, once, by the worker that took it.

    A worker fetches the checkpoint from the storage, reads every member, makes the model and replays its golden
    inputs. `passed` says whether all of that held, `words` what did not. It is bookkeeping and no ledger; promotions
    keep the check that they rest on.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="load_checks")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    answered_at = models.DateTimeField(null=True, blank=True)
    passed = models.BooleanField(null=True, blank=True)
    words = models.CharField(max_length=300, blank=True)
    worker = models.CharField(max_length=120, blank=True)
    runtime = models.CharField(max_length=40, blank=True)
    device = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["-asked_at", "-id"]
        indexes = [
            models.Index(
                fields=["asked_at"],
                condition=models.Q(answered_at=None),
                name="load_check_unanswered",
            )
        ]

    def __str__(self) -> str:
        return f"Load check of {self.model_version}"
