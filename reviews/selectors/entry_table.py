"""The images of a label set as a table, each with the identifiers by which its sender knows it."""

from collections.abc import Iterator
from typing import Any, Final

from classifier.selectors.identifiers import IDENTIFIERS, identifiers_of
from mriplatform.tables import in_batches
from reviews.models import LabelSet, LabelSetEntry
from reviews.selectors.listed_lines import Narrowing, narrowed_entries

ENTRY_COLUMNS: Final = (
    "label_set", "image", "study", "subject_key", *IDENTIFIERS, "pixel_sha256",
    "label", "split", "reason", "weight", "provenance",
)  # fmt: skip


def entry_rows(label_set: LabelSet, narrowing: Narrowing) -> Iterator[dict[str, Any]]:
    """A row for each wanted image of a set, in the order of its manifest, those that are left out too."""
    entries = narrowed_entries(label_set, narrowing).select_related("image__study", "image__dicom")
    for batch in in_batches(entries, by="image_id"):
        yield from (_row(label_set, entry) for entry in batch)


def _row(label_set: LabelSet, entry: LabelSetEntry) -> dict[str, Any]:
    image = entry.image
    return {
        "label_set": label_set.number,
        "image": image.pk,
        "study": image.study_id,
        "subject_key": image.study.subject_key,
        **identifiers_of(image),
        "pixel_sha256": image.pixel_sha256,
        "label": entry.label,
        "split": entry.split,
        "reason": entry.reason,
        "weight": entry.weight,
        "provenance": entry.provenance,
    }
