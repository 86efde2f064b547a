"""What the readings said, computed by a job and dated."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from mriplatform.accounts.models import Collection
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7


class FigureSnapshot(LedgerModel):
    """The figures of one collection as they were at `computed_at`; the newest row is what pages and API show.

    `content` is JSON of the form that `reviews.figures` describes; `events` counts the review events it rests on and
    `seconds` how long it took.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="figure_snapshots")
    content = models.JSONField()
    events = models.PositiveIntegerField()
    seconds = models.FloatField()
    computed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["-computed_at", "-id"]
        indexes = [models.Index(fields=["collection", "-computed_at"], name="figures_newest_first")]

    def __str__(self) -> str:
        return f"Figures of {self.collection}, {self.computed_at:%Y-%m-%d %H:%M}"


class FigureRequest(LedgerModel):
    """Somebody asked for the figures of a collection as they are now; answered by the next snapshot after it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="figure_requests")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["collection", "-at"], name="figure_request_newest")]

    def __str__(self) -> str:
        return f"Figures of {self.collection} asked for at {self.at:%Y-%m-%d %H:%M}"
