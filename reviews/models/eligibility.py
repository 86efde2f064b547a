"""Which labels may be learned from, and the labels that did not come from a reading."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now

from classifier.models import Image
from mriplatform.accounts.models import Collection
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7
from reviews.models.label_set import LabelSet, Split
from reviews.models.protocol import LABEL_CHOICES


class EligibilityPolicy(LedgerModel):
    """A version of a collection's rule for what a label set takes; the newest is the one to use.

    `rule` says when a label counts: as the reading protocol settles it, only where an adjudicator decided, where at
    least `agreeing_reads` readers agree on what they said before they saw the machine's answer, or with any single
    read. `seen` says what becomes of labels whose readers had seen the machine's answer: taken as others are, left
    out, or weighed with `seen_weight`.
    """

    class Rule(models.TextChoices):
        PROTOCOL = "protocol", "Final by the reading protocol"
        ADJUDICATED = "adjudicated", "Decided by an adjudicator"
        AGREEING = "agreeing", "Agreeing blinded reads"
        SINGLE = "single", "A single read"

    class Seen(models.TextChoices):
        INCLUDE = "include", "Take them as the others"
        EXCLUDE = "exclude", "Leave them out"
        WEIGH = "weigh", "Take them with less weight"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="eligibility_policies")
    version = models.PositiveIntegerField()
    rule = models.CharField(max_length=12, choices=Rule.choices, default=Rule.PROTOCOL)
    agreeing_reads = models.PositiveSmallIntegerField(default=2)
    seen = models.CharField(max_length=8, choices=Seen.choices, default=Seen.INCLUDE)
    seen_weight = models.FloatField(default=0.5)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        verbose_name_plural = "eligibility policies"
        ordering = ["collection_id", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "version"], name="policy_version_once"),
            models.CheckConstraint(
                condition=models.Q(agreeing_reads__range=(2, 5)), name="policy_two_to_five_agreeing"
            ),
            models.CheckConstraint(
                condition=models.Q(seen_weight__gt=0.0, seen_weight__lte=1.0), name="policy_weight_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collection}: {self.get_rule_display()} (version {self.version})"


class ImportedLabel(LedgerModel):
    """A label that came with an imported data set; the newest row of an image counts.

    `split` is the part that the data set had it in; empty where it named none. `provenance` is what an export of this
    platform said of it, or empty.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="imported_labels")
    label = models.CharField(max_length=12, choices=LABEL_CHOICES)
    split = models.CharField(max_length=10, choices=Split.choices, blank=True)
    dataset = models.CharField(max_length=120)
    provenance = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["image_id", "at"]

    def __str__(self) -> str:
        return f"{self.image}: {self.label} (from {self.dataset})"


class SentBack(LedgerModel):
    """A label that is likely wrong, sent back: its image has one more place in the worklist.

    `score` is how likely the label is wrong by confident learning, 0 to 1.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="sent_back")
    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="sent_back")
    score = models.FloatField()
    reason = models.CharField(max_length=300)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        verbose_name_plural = "sent back"
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["image", "label_set"], name="sent_back_once_per_label_set")
        ]

    def __str__(self) -> str:
        return f"{self.image}, sent back to be read"
