"""What a page's form may hold. What it means, and whether it may be said, is the services' to decide."""

import json
from typing import Any

from django import forms

from classifier.models import ModelVersion
from ml.labels import DISPLAY_NAMES
from reviews.exceptions import ReviewRefused
from reviews.models import EligibilityPolicy, Location, ReadingProtocol, Reason, ReviewEvent, WithdrawalReason
from reviews.services.eligibility import LEAST_AGREEING, MOST_AGREEING
from reviews.services.protocols import HIGHEST_RATE, LEAST_RANDOM, MAX_READERS
from reviews.services.rescoring import MOST_PER_MINUTE
from reviews.services.statements import MAX_NOTE_CHARACTERS

NOT_ASSESSABLE = ReviewEvent.Verdict.NOT_ASSESSABLE
NOTE_TOO_LONG = {"max_length": f"The note is too long; the limit is {MAX_NOTE_CHARACTERS:,} characters."}
RECIPES = [
    ("head", "Head: the last layer alone, in seconds"),
    ("fine_tune", "Fine-tune: the whole network, from pixels"),
]
ANSWERS = [*DISPLAY_NAMES.items(), (NOT_ASSESSABLE.value, NOT_ASSESSABLE.label)]


class Said(forms.Form):
    """A form whose faults are refusals, in a sentence each."""

    def told(self) -> dict[str, Any]:
        """What the form says, checked.

        Raises:
            ReviewRefused: 400, with what is wrong first.
        """
        if not self.is_valid():
            messages = next(iter(self.errors.values()))
            raise ReviewRefused(str(messages[0]), code="malformed_form", status=400)
        return self.cleaned_data


class RegionField(forms.CharField):
    """A region as JSON text, as the viewer tells it; empty, or `null`, where nothing is marked."""

    def __init__(self) -> None:
        unreadable = "The marked region could not be read. Remove it and mark it again."
        super().__init__(
            required=False, max_length=400, error_messages={"invalid": unreadable, "max_length": unreadable}
        )

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return json.loads(text) if text else None
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


class StepForm(Said):
    """What goes with everything that is said of an image: its quality, where the finding lies, and how long it took."""

    image_quality = forms.ChoiceField(
        choices=[("", ""), *ReviewEvent.Quality.choices], required=False,
        error_messages={"invalid_choice": "Choose an image quality that the page offers."},
    )  # fmt: skip
    location = forms.ChoiceField(
        choices=[("", ""), *Location.choices], required=False,
        error_messages={"invalid_choice": "Choose a location that the page offers."},
    )  # fmt: skip
    region = RegionField()
    active_ms = forms.IntegerField(
        required=False, min_value=0,
        error_messages={"invalid": "The active time is a whole number of milliseconds."},
    )  # fmt: skip


class FirstReadForm(StepForm):
    label = forms.ChoiceField(
        choices=ANSWERS,
        error_messages={
            "required": "Say what you see: choose one of the four, or “not assessable”.",
            "invalid_choice": "Choose one of the answers that the page offers.",
        },
    )
    confidence = forms.TypedChoiceField(
        choices=ReviewEvent.Confidence.choices, coerce=int, empty_value=None, required=False
    )
    idempotency_key = forms.UUIDField()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("confidence") is None and cleaned.get("label") not in (None, NOT_ASSESSABLE):
            raise forms.ValidationError("Say how sure you are.")
        return cleaned


class RevealForm(Said):
    active_ms = forms.IntegerField(required=False, min_value=0)


class VerdictForm(StepForm):
    label = forms.ChoiceField(
        choices=ANSWERS,
        error_messages={
            "required": "Choose an answer first.",
            "invalid_choice": "Choose one of the answers that the page offers.",
        },
    )
    reason = forms.ChoiceField(choices=Reason.choices, required=False)
    note = forms.CharField(max_length=MAX_NOTE_CHARACTERS, required=False, error_messages=NOTE_TOO_LONG)
    idempotency_key = forms.UUIDField()


class UndoForm(Said):
    event = forms.UUIDField(required=False)


class WithdrawForm(Said):
    """Why a verdict is taken back."""

    reason = forms.ChoiceField(
        choices=WithdrawalReason.choices,
        error_messages={
            "required": "Say why you take it back: choose a reason.",
            "invalid_choice": "Choose a reason that the page offers.",
        },
    )
    note = forms.CharField(max_length=MAX_NOTE_CHARACTERS, required=False, error_messages=NOTE_TOO_LONG)
    idempotency_key = forms.UUIDField()


class DraftForm(Said):
    """What a page has filled in so far. Words are kept as they are; a region and a time are read."""

    region = RegionField()
    active_ms = forms.IntegerField(required=False, min_value=0)


class DecisionForm(Said):
    """An adjudicator's final label and why."""

    label = forms.ChoiceField(choices=ANSWERS, error_messages={"required": "Choose the final label."})
    rationale = forms.CharField(
        max_length=MAX_NOTE_CHARACTERS,
        error_messages={"required": "Say why: the label stands on your reasons."},
    )
    supersedes = forms.UUIDField(required=False)


class ProtocolForm(Said):
    """The rules that a collection is read by, with the version that they were seen at."""

    mode = forms.ChoiceField(
        label="Mode", choices=ReadingProtocol.Mode.choices, widget=forms.RadioSelect,
        error_messages={"required": "Choose a mode.", "invalid_choice": "Choose a mode that the page offers."},
    )  # fmt: skip
    readers_per_image = forms.IntegerField(
        label="Readers per image", min_value=1, max_value=MAX_READERS,
        error_messages={"required": f"An image has 1 to {MAX_READERS} readers."},
    )  # fmt: skip
    adjudication_rule = forms.ChoiceField(
        label="Where the readers differ", choices=ReadingProtocol.AdjudicationRule.choices,
        help_text="What no rule settles waits for an adjudicator, who has not read the image.",
    )  # fmt: skip
    order = forms.ChoiceField(
        label="Order", choices=ReadingProtocol.Order.choices,
        help_text="Any order but that of arrival tells something of the model’s answer: for the assisted mode alone.",
    )  # fmt: skip
    random_share = forms.FloatField(
        label="Random share", min_value=LEAST_RANDOM, max_value=1,
        help_text="Of the images, from 0.05 to 1. They come in random order whatever the model says; on these alone "
        "its live accuracy is measured. Counts where the order is not that of arrival.",
    )  # fmt: skip
    repeat_rate = forms.FloatField(
        label="Hidden repeats", min_value=0, max_value=HIGHEST_RATE,
        help_text="Share of a reader’s claims, from 0 to 0.3, that show an image of theirs again. Nothing tells them "
        "which; these readings count for no label.",
    )  # fmt: skip
    known_rate = forms.FloatField(
        label="Known cases", min_value=0, max_value=HIGHEST_RATE,
        help_text="Share of a reader’s claims, from 0 to 0.3, that show a case whose label is known.",
    )  # fmt: skip
    if_version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class KnownCaseForm(Said):
    image = forms.UUIDField(
        label="Image",
        help_text="Its identifier, from the API or the address of its page.",
        error_messages={"required": "Name the image.", "invalid": "The image’s identifier is no UUID."},
    )
    label = forms.ChoiceField(
        label="Known as", choices=ANSWERS, error_messages={"required": "Choose what it is known as."}
    )
    source = forms.CharField(
        label="Known from",
        max_length=300,
        help_text="Histology, follow-up, a published set.",
        error_messages={"required": "Say where that is known from."},
    )


class TakeBackForm(Said):
    reason = forms.CharField(max_length=300, error_messages={"required": "Say why it is taken back."})


class WorklistFilterForm(Said):
    """What a worklist may be narrowed to, from its address."""

    study = forms.UUIDField(required=False, error_messages={"invalid": "A study is named by its identifier."})
    since = forms.DateField(
        required=False, error_messages={"invalid": "A day is written as 2026-11-30."}, label="Arrived since"
    )
    shape = forms.ChoiceField(
        choices=[("", "Any shape"), ("square", "Square"), ("wide", "Wider than high"), ("tall", "Higher than wide")],
        required=False, error_messages={"invalid_choice": "The shape is square, wide or tall."},
    )  # fmt: skip
    bits = forms.TypedChoiceField(
        choices=[("", "Any depth"), (8, "8 bit"), (16, "16 bit")], coerce=int, empty_value=None,
        required=False, error_messages={"invalid_choice": "The depth is 8 or 16 bit."},
    )  # fmt: skip


class RetrainForm(Said):
    """From which version, by which recipe and with which seed a run learns."""

    recipe = forms.ChoiceField(
        choices=RECIPES,
        error_messages={"invalid_choice": "Choose a recipe that the page offers."},
    )  # fmt: skip
    base = forms.ModelChoiceField(
        ModelVersion.objects.none(),
        required=False,
        empty_label="What reads for this collection",
        label="Start from",
        error_messages={"invalid_choice": "Choose a version that the page offers."},
    )
    seed = forms.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        initial=0,
        error_messages={"invalid": "The seed is a whole number."},
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        versions = self.fields["base"]
        if isinstance(versions, forms.ModelChoiceField):
            versions.queryset = ModelVersion.objects.defer("metadata").order_by("-number")


class PlanForm(Said):
    """When a collection is retrained by itself; an empty number is no such reason."""

    every_labels = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        label="Every so many new labels",
        error_messages={"invalid": "How many new labels: a whole number, or nothing."},
    )
    every_hours = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=8784,
        label="Every so many hours, if there is any new label",
        error_messages={"invalid": "How many hours: a whole number, or nothing."},
    )
    recipe = forms.ChoiceField(
        choices=RECIPES,
        error_messages={"invalid_choice": "Choose a recipe that the page offers."},
    )  # fmt: skip


class ShadowForm(Said):
    """Which version answers unseen, and why."""

    version = forms.UUIDField(
        error_messages={"required": "Choose a version.", "invalid": "Choose a version that the page offers."}
    )
    reason = forms.CharField(label="Why", max_length=500, error_messages={"required": "Say why."})


class RescoreForm(Said):
    """How fast a backlog is read again, and why."""

    per_minute = forms.IntegerField(
        label="Images a minute, at most",
        min_value=1,
        max_value=MOST_PER_MINUTE,
        initial=120,
        help_text=f"1 to {MOST_PER_MINUTE:,}. New images always go first.",
        error_messages={"required": "Say how many images a minute, at most."},
    )
    reason = forms.CharField(label="Why", max_length=500, error_messages={"required": "Say why."})


class PolicyForm(Said):
    """Which labels a label set takes, with the version that it was seen at."""

    rule = forms.ChoiceField(
        label="A label counts", choices=EligibilityPolicy.Rule.choices, widget=forms.RadioSelect,
        help_text="An adjudicator’s decision counts under every rule, and so does an imported label of an image that "
        "nobody has read here.",
        error_messages={"required": "Choose a rule.", "invalid_choice": "Choose a rule that the page offers."},
    )  # fmt: skip
    agreeing_reads = forms.IntegerField(
        label="Agreeing blinded reads", min_value=LEAST_AGREEING, max_value=MOST_AGREEING,
        help_text=f"{LEAST_AGREEING} to {MOST_AGREEING} readers who said the same before they saw the model’s answer, "
        "and more than half of those asked. Counts with that rule alone.",
        error_messages={"required": f"{LEAST_AGREEING} to {MOST_AGREEING} reads can be asked to agree."},
    )  # fmt: skip
    seen = forms.ChoiceField(
        label="Said only after the model’s answer was seen", choices=EligibilityPolicy.Seen.choices,
        help_text="A reader who says after the answer what they had said before it counts as blinded.",
        error_messages={"invalid_choice": "Choose what the page offers."},
    )  # fmt: skip
    seen_weight = forms.FloatField(
        label="Their weight", min_value=0.01, max_value=1,
        help_text="From 0.01 to 1, where they are taken with less weight.",
        error_messages={"required": "The weight is a number above 0, 1 at most."},
    )  # fmt: skip
    if_version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
