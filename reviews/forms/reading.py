"""What a reader, or an adjudicator, may say of an image, and how a worklist is narrowed."""

import json
from typing import Any

from django import forms

from ml.labels import DISPLAY_NAMES
from reviews.forms.said import Said
from reviews.models import Location, Reason, ReviewEvent, WithdrawalReason
from reviews.services.statements import MAX_NOTE_CHARACTERS

NOT_ASSESSABLE = ReviewEvent.Verdict.NOT_ASSESSABLE
NOTE_TOO_LONG = {"max_length": f"The note is too long; the limit is {MAX_NOTE_CHARACTERS:,} characters."}
ANSWERS = [*DISPLAY_NAMES.items(), (NOT_ASSESSABLE.value, NOT_ASSESSABLE.label)]


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
