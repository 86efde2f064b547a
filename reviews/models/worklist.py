"""What may be read: a row for each analysed image, kept by the database beside what it follows from."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from classifier.models import Image
from mriplatform.accounts.models import Collection
from reviews.models.protocol import ReadingProtocol


def _first(field: str, *, name: str, condition: Q) -> models.Index:
    """An index that gives the first rows of a collection in an order, without sorting or passing over closed ones."""
    return models.Index(fields=["collection", field, "image"], condition=condition, name=name)


class WorklistEntry(models.Model):
    """What the worklist needs to know of an analysed image, so that nobody adds it up from ledgers to look.

    Bookkeeping, not a ledger: triggers (migration `worklist_entry`) keep it in the transaction of whatever it
    follows from: an answer, pixels hidden or removed, the first word of a reading, a reading finished or taken up
    again, a decision, a known case, a label sent back. No service writes it.

    `protocol` governs the image: the one of the first thing that a reader said about it for a label, whatever was
    set later; empty until then, while the one in force does. `readers` is how many it needs: as many as that protocol
    asks for, and one for each time that its label was sent back; what an import brought, with its label, needs these
    alone. `places` is how many of them are still to come; once it was decided, only those it was sent back to since.
    Both are empty as long as `protocol` is, but for what an import brought. `closed_to` are the people who may not
    (any more) begin to read it: who finished it, and who decided on it. `open` says that it is to be seen, is no known
    case, and has a place.

    `entropy`, `margin` and `tumour` measure the answer (nats, difference of the two highest probabilities, one
    minus that of no tumour) and `aside` says that it names no class: for assisted reading alone. `draw` is a number
    from 0 to 1 drawn once: where part of a collection is read in random order, it decides which part and the order.
    """

    image = models.OneToOneField(
        Image, primary_key=True, on_delete=models.CASCADE, related_name="entry", editable=False
    )
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="+", db_index=False)
    arrived_at = models.DateTimeField()
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    bits = models.PositiveSmallIntegerField()
    aside = models.BooleanField()
    entropy = models.FloatField(null=True)
    margin = models.FloatField(null=True)
    tumour = models.FloatField(null=True)
    draw = models.FloatField()
    protocol = models.ForeignKey(
        ReadingProtocol, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    readers = models.SmallIntegerField(null=True)
    places = models.SmallIntegerField(null=True)
    closed_to = ArrayField(models.UUIDField(), default=list)
    visible = models.BooleanField()
    known = models.BooleanField()
    open = models.BooleanField()

    class Meta:
        verbose_name_plural = "worklist entries"
        ordering = ["arrived_at", "image_id"]
        indexes = [
            _first("arrived_at", name="worklist_arrival", condition=Q(open=True)),
            _first("draw", name="worklist_draw", condition=Q(open=True)),
            _first("-entropy", name="worklist_entropy", condition=Q(open=True, aside=False)),
            _first("margin", name="worklist_margin", condition=Q(open=True, aside=False)),
            _first("-tumour", name="worklist_tumour", condition=Q(open=True, aside=False)),
            _first("draw", name="worklist_known", condition=Q(known=True)),
        ]

    def __str__(self) -> str:
        return f"{self.image}: {'open' if self.open else 'closed'}"
