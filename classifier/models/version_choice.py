"""Which model version reads for a collection."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models.model_version import ModelVersion
from mriplatform.accounts.models import Collection
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7


class VersionChoice(LedgerModel):
    """Names the version that reads for a collection from now on. The newest row of a collection counts.

    Without a row, or where `model_version` is empty, the collection follows what is in force on the platform.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="version_choices")
    sequence = models.PositiveIntegerField()
    model_version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="choices"
    )
    reason = models.CharField(max_length=500)
    chosen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["collection_id", "-sequence"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "sequence"], name="version_choice_in_order")
        ]

    def __str__(self) -> str:
        return f"{self.collection}: {self.model_version or 'what is in force'}"
