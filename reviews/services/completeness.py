"""Whether a label set lost nothing: looked up in the ledger anew, by nothing that freezes."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import OuterRef, Subquery

from reviews.exceptions import ReviewRefused
from reviews.models import LabelSet, LabelSetEntry, Reading, ReviewEvent

# What was said in a transaction that was still open while the set was frozen is in the next one.
OPEN_AT_MOST: Final = timedelta(seconds=30)

Kind = ReviewEvent.Kind
_VERDICTS: Final = (Kind.VERDICT, Kind.AMENDMENT)


def check_complete(label_set: LabelSet, manifest: bytes) -> None:
    """Compare a label set's rows with its manifest, and both with what had been said when it was frozen.

    Raises:
        ReviewRefused: an image is missing in one of them or stands otherwise there; the sentence names it.
    """
    lines = {line["pixel_sha256"]: line for line in map(json.loads, manifest.decode().splitlines())}
    rows = {row["image__pixel_sha256"]: row for row in _rows(label_set)}
    for pixels in sorted(lines.keys() | rows.keys()):
        _check_image(label_set, lines.get(pixels), rows.get(pixels))
    if label_set.dataset:
        return  # what was imported was said elsewhere
    for image, pixels in _read_by(label_set):
        if pixels not in lines:
            raise _lost(label_set, image, "was read before it was frozen, and is not in it")


def _rows(label_set: LabelSet) -> Iterator[Any]:
    """What its rows say, by the pixels: an imported manifest has the identifiers of another platform."""
    entries = LabelSetEntry.objects.filter(label_set=label_set)
    return entries.values("image", "image__pixel_sha256", "label", "split").iterator()


def _check_image(label_set: LabelSet, line: dict[str, Any] | None, row: dict[str, Any] | None) -> None:
    if line is None and row is not None:
        raise _lost(label_set, row["image"], "is one of its rows, and is not in its manifest")
    if line is not None and row is None and not label_set.dataset:
        raise _lost(label_set, line["image"], "is in its manifest, and is none of its rows")
    if line is None or row is None:
        return
    if (line["split"], line["label"]) != (row["split"], row["label"]):
        raise _lost(label_set, row["image"], "has another label or part in its manifest than in its rows")


def _read_by(label_set: LabelSet) -> Iterator[tuple[UUID, str]]:
    """Images of the collection, with their pixels' hash, that had a verdict in force when the set was frozen."""
    before = label_set.created_at - OPEN_AT_MOST
    last = ReviewEvent.objects.filter(reading=OuterRef("pk"), at__lt=before).order_by("-sequence")
    readings = (
        Reading.objects.filter(image__collection=label_set.collection_id, purpose=Reading.Purpose.LABEL)
        .annotate(last=Subquery(last.values("kind")[:1]))
        .filter(last__in=_VERDICTS)
    )
    return readings.order_by("pk").values_list("image", "image__pixel_sha256").iterator()


def _lost(label_set: LabelSet, image: UUID | str, what: str) -> ReviewRefused:
    return ReviewRefused(
        f"Label set {label_set.number} is not complete: the image {image} {what}. Nothing is trained from it.",
        code="label_set_incomplete",
    )
