"""A first read for several images of the study: what the form asks, and what is said of it afterwards."""

from typing import Any

from django import forms

from mriplatform.accounts.models import User
from reviews.forms import Said
from reviews.models import Reading
from reviews.services.ranges import commit_first_reads, image_at
from reviews.services.reading import commit_first_read

HALF = "Name both ends of the range, or neither."


class RangeForm(Said):
    """Both places empty: the image alone. `range_of` is how many images the study had when the page was drawn."""

    range_first = forms.IntegerField(
        required=False, error_messages={"invalid": "An image has a whole number."}
    )
    range_last = forms.IntegerField(
        required=False, error_messages={"invalid": "An image has a whole number."}
    )
    range_of = forms.IntegerField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if (cleaned.get("range_first") is None) != (cleaned.get("range_last") is None) and not self.errors:
            raise forms.ValidationError(HALF)
        return cleaned


def first_read_of(*, reader: User, reading: Reading, entered: Any, said: dict[str, Any]) -> int:
    """Commit a first read, of the range that was entered or of the image alone; returns of how many images.

    Raises:
        ReviewRefused: the range is malformed, or what is said is refused.
        ReadingConflict: as the services say.
    """
    span = RangeForm(entered).told()
    if span["range_first"] is None:
        commit_first_read(reader=reader, reading=reading, **said)
        return 1
    of = span["range_of"]
    first, last = (image_at(reading, span[end], of) for end in ("range_first", "range_last"))
    return len(commit_first_reads(reader=reader, reading=reading, first=first, last=last, of=of, **said))
