"""One reader's work on one image, and everything they said in it."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models import Image, Prediction
from ml.labels import CLASSES
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7
from reviews.models.protocol import ReadingProtocol

LABEL_CHOICES = [(name, name) for name in CLASSES]


class Reason(models.TextChoices):
    """Why a reader departs from the machine's answer, or from their own first read."""

    MORPHOLOGY = "morphology", "Shape or texture"
    LOCATION = "location", "Location"
    ENHANCEMENT = "enhancement", "Enhancement or signal"
    IMAGE_QUALITY = "image_quality", "Image quality"
    KNOWN_HISTORY = "known_history", "Known history"
    PERSUADED_BY_MODEL = "persuaded_by_model", "The machine's answer persuaded me"
    OTHER = "other", "Other (say what)"


class Reading(models.Model):
    """One reader's work on one image: claim, lease, draft and timers, all of which may change.

    What was *said* is in its `ReviewEvent`s, and the reading's state is derived from those alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="readings")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readings")
    protocol = models.ForeignKey(ReadingProtocol, on_delete=models.PROTECT, related_name="readings")
    claimed_at = models.DateTimeField(db_default=Now())
    lease_expires_at = models.DateTimeField()
    draft = models.JSONField(default=dict, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-claimed_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["image", "reader"], name="reading_once_per_reader")]
        indexes = [models.Index(fields=["reader", "-finished_at"], name="reading_by_reader")]

    def __str__(self) -> str:
        return f"Reading {self.id.hex[-8:]}"


class ReviewEvent(LedgerModel):
    """One immutable thing that a reader said.

    `first_read`: label and confidence before the machine's answer was shown (blinded and unaided protocols), or
    `not_assessable` as its verdict and no label. `reveal`: the machine's answer was shown; `prediction` says
    which. `verdict`: confirm, correct or not_assessable. `amendment` and `withdrawal` supersede an earlier event;
    `undo` is a withdrawal whose reason is `undo`; every other reason is one of `Reason`. `saw_prediction` is
    whether the machine's answer had been shown to this reader when they said it.
    `idempotency_key` makes a form that is sent twice one event.
    """

    class Kind(models.TextChoices):
        FIRST_READ = "first_read", "First read"
        REVEAL = "reveal", "Reveal"
        VERDICT = "verdict", "Verdict"
        AMENDMENT = "amendment", "Amendment"
        WITHDRAWAL = "withdrawal", "Withdrawal"

    class Verdict(models.TextChoices):
        CONFIRM = "confirm", "Confirm"
        CORRECT = "correct", "Correct"
        NOT_ASSESSABLE = "not_assessable", "Not assessable"

    class Confidence(models.IntegerChoices):
        UNSURE = 1, "Unsure"
        FAIRLY_SURE = 2, "Fairly sure"
        SURE = 3, "Sure"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    reading = models.ForeignKey(Reading, on_delete=models.PROTECT, related_name="events")
    sequence = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    label = models.CharField(max_length=12, choices=LABEL_CHOICES, blank=True)
    verdict = models.CharField(max_length=16, choices=Verdict.choices, blank=True)
    confidence = models.PositiveSmallIntegerField(null=True, blank=True, choices=Confidence.choices)
    reason = models.CharField(max_length=40, blank=True, choices=[*Reason.choices, ("undo", "Undone")])
    note = models.CharField(max_length=2000, blank=True)
    prediction = models.ForeignKey(
        Prediction, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    saw_prediction = models.BooleanField(default=False)
    supersedes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="superseded_by"
    )
    idempotency_key = models.UUIDField(default=uuid7)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["reading_id", "sequence"]
        constraints = [
            models.UniqueConstraint(fields=["reading", "sequence"], name="review_event_in_order"),
            models.UniqueConstraint(fields=["reading", "idempotency_key"], name="review_event_said_once"),
            models.CheckConstraint(
                condition=~models.Q(kind__in=["verdict", "amendment"])
                | models.Q(verdict="not_assessable", label="")
                | models.Q(verdict__in=["confirm", "correct"], label__in=CLASSES),
                name="review_event_verdict_has_label",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="first_read")
                | models.Q(verdict="not_assessable", label="")
                | models.Q(verdict="", label__in=CLASSES),
                name="review_event_first_read_says_something",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind__in=["amendment", "withdrawal"])
                | models.Q(supersedes__isnull=False),
                name="review_event_names_what_it_supersedes",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="reveal") | models.Q(prediction__isnull=False),
                name="review_event_reveal_names_prediction",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.label or self.verdict}".strip()


class Adjudication(LedgerModel):
    """The final label of an image where reviews disagree, by someone who read none of them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="adjudications")
    adjudicator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    label = models.CharField(max_length=12, choices=LABEL_CHOICES, blank=True)
    rationale = models.CharField(max_length=2000)
    supersedes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["image_id", "at"]

    def __str__(self) -> str:
        return f"Adjudication of {self.image}: {self.label or 'not assessable'}"
