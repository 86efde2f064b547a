"""What every form of these pages shares: its faults are refusals."""

from typing import Any

from django import forms

from reviews.exceptions import ReviewRefused


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
