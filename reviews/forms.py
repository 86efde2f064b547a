"""What a page's form may hold. What it means, and whether it may be said, is the services' to decide."""

from typing import Any

from django import forms

from ml.labels import DISPLAY_NAMES
from reviews.exceptions import ReviewRefused
from reviews.models import Reason, ReviewEvent
from reviews.services.statements import MAX_NOTE_CHARACTERS

NOT_ASSESSABLE = ReviewEvent.Verdict.NOT_ASSESSABLE
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


class FirstReadForm(Said):
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


class VerdictForm(Said):
    label = forms.ChoiceField(
        choices=ANSWERS,
        error_messages={
            "required": "Choose an answer first.",
            "invalid_choice": "Choose one of the answers that the page offers.",
        },
    )
    reason = forms.ChoiceField(choices=Reason.choices, required=False)
    note = forms.CharField(
        max_length=MAX_NOTE_CHARACTERS,
        required=False,
        error_messages={
            "max_length": f"The note is too long; the limit is {MAX_NOTE_CHARACTERS:,} characters."
        },
    )
    idempotency_key = forms.UUIDField()


class UndoForm(Said):
    event = forms.UUIDField(required=False)


class DecisionForm(Said):
    """An adjudicator's final label and why."""

    label = forms.ChoiceField(choices=ANSWERS, error_messages={"required": "Choose the final label."})
    rationale = forms.CharField(
        max_length=MAX_NOTE_CHARACTERS,
        error_messages={"required": "Say why: the label stands on your reasons."},
    )
    supersedes = forms.UUIDField(required=False)
