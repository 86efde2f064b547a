"""One reader's work on one image, and everything they said in it."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from classifier.models import Image, Prediction
from ml.labels import CLASSES
from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7
from reviews.models.protocol import LABEL_CHOICES, ReadingProtocol


class Reason(models.TextChoices):
    """Why a reader departs from the machine's answer, or from their own first read."""

    MORPHOLOGY = "morphology", "Shape or texture"
    LOCATION = "location", "Location"
    ENHANCEMENT = "enhancement", "Enhancement or signal"
    IMAGE_QUALITY = "image_quality", "Image quality"
    KNOWN_HISTORY = "known_history", "Known history"
    PERSUADED_BY_MODEL = "persuaded_by_model", "The machine's answer persuaded me"
    OTHER = "other", "Other (say what)"


class WithdrawalReason(models.TextChoices):
    """Why a reader takes back what they said, later than an undo can."""

    SLIP = "slip", "A slip: not what I meant"
    NO_LONGER_SURE = "no_longer_sure", "I am no longer sure"
    OTHER = Reason.OTHER.value, Reason.OTHER.label


class Location(models.TextChoices):
    """Where in the brain a finding lies."""

    FRONTAL = "frontal", "Frontal"
    PARIETAL = "parietal", "Parietal"
    TEMPORAL = "temporal", "Temporal"
    OCCIPITAL = "occipital", "Occipital"
    INSULAR = "insular", "Insular"
    DEEP = "deep", "Basal ganglia or thalamus"
    SELLAR = "sellar", "Sellar or suprasellar"
    POSTERIOR_FOSSA = "posterior_fossa", "Cerebellum or posterior fossa"
    BRAINSTEM = "brainstem", "Brainstem"
    VENTRICULAR = "ventricular", "Ventricular"
    DURAL = "dural", "Dural: convexity, falx or tentorium"
    OTHER = "other", "Elsewhere"


class Reading(models.Model):
    """One reader's work on one image: claim, lease, draft and timers, all of which may change.

    What was *said* is in its `ReviewEvent`s, and the reading's state is derived from those alone.

    `purpose` says what it is for: a label, or, unknown to the reader, to repeat an earlier reading of theirs
    (`repeats`) or to read a known case; these two count for no label. `drawn` is how the image was chosen.
    `seniority` is the reader's in the collection as it was when they first gave a verdict; empty until then.
    """

    class Purpose(models.TextChoices):
        LABEL = "label", "For a label"
        REPEAT = "repeat", "A hidden repeat"
        KNOWN = "known", "A known case"

    class Drawn(models.TextChoices):
        ARRIVAL = "arrival", "In order of arrival"
        RANDOM = "random", "At random"
        ORDER = "order", "By the machine's answer"
        CHOSEN = "chosen", "By the reader"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="readings")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readings")
    protocol = models.ForeignKey(ReadingProtocol, on_delete=models.PROTECT, related_name="readings")
    claimed_at = models.DateTimeField(db_default=Now())
    lease_expires_at = models.DateTimeField()
    draft = models.JSONField(default=dict, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    purpose = models.CharField(max_length=8, choices=Purpose.choices, default=Purpose.LABEL)
    repeats = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="repeated_by"
    )
    drawn = models.CharField(max_length=8, choices=Drawn.choices, default=Drawn.ARRIVAL)
    seniority = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-claimed_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["image", "reader", "purpose"], name="reading_once_per_reader_and_purpose"
            ),
            models.CheckConstraint(
                condition=models.Q(purpose="repeat", repeats__isnull=False)
                | (~models.Q(purpose="repeat") & models.Q(repeats=None)),
                name="reading_repeat_names_the_first",
            ),
        ]
        indexes = [
            models.Index(fields=["reader", "-finished_at"], name="reading_by_reader"),
            models.Index(fields=["reader", "-id"], name="reading_newest_of_reader"),
            models.Index(
                fields=["reader", "protocol", "purpose"],
                condition=models.Q(finished_at__isnull=False),
                name="reading_done_of_reader",
            ),
            models.Index(
                fields=["reader", "claimed_at"],
                condition=models.Q(finished_at=None),
                name="reading_open_of_reader",
            ),
            models.Index(
                fields=["lease_expires_at"], condition=models.Q(finished_at=None), name="reading_leases"
            ),
        ]

    def __str__(self) -> str:
        return f"Reading {self.id.hex[-8:]}"


REASON_CHOICES = [*{**dict(Reason.choices), **dict(WithdrawalReason.choices), "undo": "Undone"}.items()]


class ReviewEvent(LedgerModel):
    """One immutable thing that a reader said.

    `first_read`: label and confidence before the machine's answer was shown (blinded and unaided protocols), or
    `not_assessable` as its verdict and no label. `reveal`: the machine's answer was shown; `prediction` says
    which. `verdict`: confirm, correct or not_assessable. `amendment` and `withdrawal` supersede an earlier event;
    `undo` is a withdrawal whose reason is `undo`; every other reason is one of `Reason`. `saw_prediction` is
    whether the machine's answer had been shown to this reader when they said it.
    `image_quality` is the reader's own judgement, with a first read (with the verdict where there is none).
    `location` and `region` say where the finding lies; a region is `{"shape": "box" | "ellipse" | "point", "x", "y",
    "width", "height"}` in shares of the image's width and height, x and y its centre; a point has no size.
    `active_ms` is how long the reader worked on this step, idle time and time with the page hidden left out; empty
    where nobody measured it (the API).
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

    class Quality(models.TextChoices):
        GOOD = "good", "Good"
        LIMITED = "limited", "Limited"
        NOT_DIAGNOSTIC = "not_diagnostic", "Not diagnostic"

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
    reason = models.CharField(max_length=40, blank=True, choices=REASON_CHOICES)
    note = models.CharField(max_length=2000, blank=True)
    image_quality = models.CharField(max_length=16, choices=Quality.choices, blank=True)
    location = models.CharField(max_length=20, choices=Location.choices, blank=True)
    region = models.JSONField(null=True, blank=True)
    active_ms = models.PositiveIntegerField(null=True, blank=True)
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
