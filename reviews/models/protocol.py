"""How a collection is read."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from mriplatform.accounts.models import Collection
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7


class ReadingProtocol(LedgerModel):
    """One version of a collection's rules; the newest is in force for readings begun from then on.

    A reading keeps the version it was begun under, so a change never changes what was read before it.
    """

    class Mode(models.TextChoices):
        BLINDED_FIRST = "blinded_first", "Blinded first read, then the machine's answer"
        ASSISTED = "assisted", "The machine's answer from the start"
        UNAIDED = "unaided", "The machine's answer never shown"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="protocols")
    version = models.PositiveIntegerField()
    mode = models.CharField(max_length=16, choices=Mode.choices, default=Mode.BLINDED_FIRST)
    readers_per_image = models.PositiveSmallIntegerField(default=1)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["collection_id", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "version"], name="protocol_version_once"),
            models.CheckConstraint(
                condition=models.Q(readers_per_image__range=(1, 5)), name="protocol_one_to_five_readers"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collection}: {self.get_mode_display()} (version {self.version})"
