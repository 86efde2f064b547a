"""What has become of an image: a row kept beside the ledgers, so that nobody has to add them up to look."""

from django.db import models
from django.db.models.functions import Now

from classifier.models import Image
from mriplatform.accounts.models import Collection
from reviews.models.protocol import LABEL_CHOICES
from reviews.models.reading import Adjudication


class Outcome(models.TextChoices):
    """Where an image stands: `unread` has no row; `known` is a known case, whose readings count for no label."""

    UNREAD = "unread", "Unread"
    WAITING = "waiting", "Waits for more readers"
    DISAGREEMENT = "disagreement", "Readers disagree"
    FINAL = "final", "Final"
    KNOWN = "known", "Known case"


class ImageStanding(models.Model):
    """Where one image stands, as `reviews.selectors.standings` derives it from what was said.

    Bookkeeping, not a ledger: `refresh_finality` writes it in the transaction of whatever changed it, under the
    image's lock, and it can be derived anew at any time. Lists and counts read it, so that they cost the same
    whether ten images were read or a hundred thousand.

    `path` says how a label became final ("one reader", "agreed", "majority 2 of 3", "senior reader",
    "adjudicated"); `adjudication` is the decision in force, `changed_since` whether a reader said something after it.
    `since` is when the image came to stand so.
    """

    image = models.OneToOneField(
        Image, primary_key=True, on_delete=models.PROTECT, related_name="standing", editable=False
    )
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    label = models.CharField(max_length=12, choices=LABEL_CHOICES, blank=True)
    path = models.CharField(max_length=20, blank=True)
    adjudication = models.OneToOneField(
        Adjudication, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    changed_since = models.BooleanField(default=False)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-since", "-image_id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome="final") & ~models.Q(path="")
                | ~models.Q(outcome="final") & models.Q(path="", label="", adjudication=None),
                name="standing_final_says_how",
            )
        ]
        indexes = [
            models.Index(fields=["collection", "outcome", "since", "image"], name="standing_by_outcome"),
            models.Index(
                fields=["collection", "-since", "-image"],
                condition=models.Q(adjudication__isnull=False),
                name="standing_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.image}: {self.get_outcome_display().lower()}"
