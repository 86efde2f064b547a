"""How a collection is read."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models import Image
from ml.labels import CLASSES
from mriplatform.accounts.models import Collection
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7

LABEL_CHOICES = [(name, name) for name in CLASSES]


class ReadingProtocol(LedgerModel):
    """One version of a collection's rules; the newest is in force for images whose reading begins from then on.

    An image stays under the version that its first reading was begun under, so a change never changes what was read
    before it.

    `adjudication_rule` says when differing verdicts are settled without an adjudicator: never (`unanimity`), by more
    than half of the readers (`majority`), or by the most senior of them (`seniority`). `order` is the order in which
    images are offered; any but `arrival` follows the machine's answer and is therefore for assisted reading alone.
    `random_share` of the images are offered whatever the answer is: on these, live accuracy is unbiased.
    `repeat_rate` and `known_rate` are the shares of a reader's claims that silently repeat an image of theirs, or
    show a case whose label is known.
    """

    class Mode(models.TextChoices):
        BLINDED_FIRST = "blinded_first", "Blinded first read, then the machine's answer"
        ASSISTED = "assisted", "The machine's answer from the start"
        UNAIDED = "unaided", "The machine's answer never shown"

    class AdjudicationRule(models.TextChoices):
        UNANIMITY = "unanimity", "Unanimity: any difference goes to an adjudicator"
        MAJORITY = "majority", "Majority: more than half of the readers decide"
        SENIORITY = "seniority", "Seniority: the most senior reader decides"

    class Order(models.TextChoices):
        ARRIVAL = "arrival", "In order of arrival"
        ENTROPY = "entropy", "Informative first: highest entropy of the probabilities"
        MARGIN = "margin", "Informative first: smallest margin between the two most probable classes"
        LIKELY_TUMOUR = "likely_tumour", "Likely tumours first"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="protocols")
    version = models.PositiveIntegerField()
    mode = models.CharField(max_length=16, choices=Mode.choices, default=Mode.BLINDED_FIRST)
    readers_per_image = models.PositiveSmallIntegerField(default=1)
    adjudication_rule = models.CharField(
        max_length=12, choices=AdjudicationRule.choices, default=AdjudicationRule.UNANIMITY
    )
    order = models.CharField(max_length=16, choices=Order.choices, default=Order.ARRIVAL)
    random_share = models.FloatField(default=0.2)
    repeat_rate = models.FloatField(default=0.0)
    known_rate = models.FloatField(default=0.0)
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
            models.CheckConstraint(
                condition=models.Q(order="arrival") | models.Q(mode="assisted"),
                name="protocol_order_by_answer_only_assisted",
            ),
            models.CheckConstraint(
                condition=models.Q(random_share__range=(0.05, 1.0)), name="protocol_random_share_in_range"
            ),
            models.CheckConstraint(
                condition=models.Q(repeat_rate__range=(0.0, 0.3), known_rate__range=(0.0, 0.3)),
                name="protocol_rates_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collection}: {self.get_mode_display()} (version {self.version})"


class KnownCase(LedgerModel):
    """An image whose label is known from elsewhere (histology, follow-up), by which readers are measured.

    The newest row of an image counts; one that is not `active` takes the case back. While it is active the image is
    offered as a known case alone and never enters a label set.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="known_cases")
    label = models.CharField(max_length=12, choices=LABEL_CHOICES, blank=True)
    source = models.CharField(max_length=300)
    active = models.BooleanField(default=True)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["image_id", "at"]

    def __str__(self) -> str:
        return f"{self.image}: known as {self.label or 'not assessable'}"
