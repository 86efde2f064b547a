"""Label sets in words and figures, as their pages show them."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import BadRequest

from ml.labels import DISPLAY_NAMES
from reviews.models import LabelSet, LabelSetEntry, Split
from reviews.selectors.label_set_words import ORIGIN_NAMES
from reviews.selectors.listed_lines import USED, Narrowing
from reviews.selectors.planned import Line
from reviews.selectors.set_differences import CHANGES, Difference, Side

CHANGE_NAMES: Final = {
    "added": "Added", "removed": "Removed", "label": "Label changed", "split": "Part changed",
    "reason": "Reason changed", "weight": "Weight changed",
}  # fmt: skip


def line_row(line: Line) -> dict[str, Any]:
    """A line of a dry run, for the list of images."""
    row = _row(line.image, line.label, line.split.value, line.reason, line.weight)
    return row | {"source": ORIGIN_NAMES.get(line.origin, "")}


def entry_row(entry: LabelSetEntry) -> dict[str, Any]:
    return _row(str(entry.image_id), entry.label, entry.split, entry.reason, entry.weight) | {
        "source": ORIGIN_NAMES.get(entry.provenance.get("source", ""), "")
    }


def _row(image: str, label: str, split: str, reason: str, weight: float) -> dict[str, Any]:
    return {
        "image": image,
        "short": image.replace("-", "")[-8:],
        "label": DISPLAY_NAMES.get(label, ""),
        "split": Split(split).label,
        "reason": reason,
        "weight": "" if split == Split.EXCLUDED else f"{weight:g}",
    }


def pair_row(difference: Difference) -> dict[str, Any]:
    """An image that two sets differ in: what each of them has."""
    return {
        "image": difference.image,
        "short": difference.image.replace("-", "")[-8:],
        "changes": [CHANGE_NAMES[change] for change in difference.changes],
        "before": _side(difference.before),
        "after": _side(difference.after),
    }


def _side(side: Side | None) -> dict[str, Any] | None:
    return _row("", side.label, side.split, side.reason, side.weight) if side else None


def change_tabs(counts: Mapping[str, int], before: LabelSet, chosen: str) -> list[dict[str, Any]]:
    """A tab for each way in which an image can differ."""
    names = {"": "All"} | CHANGE_NAMES
    return [
        {
            "name": names[change],
            "count": counts[change or "all"],
            "url": f"?with={before.pk}&change={change}" if change else f"?with={before.pk}",
            "current": change == chosen,
        }
        for change in ("", *CHANGES)
    ]


def narrowed_from(asked: Mapping[str, str]) -> Narrowing:
    """Which images an address asks for.

    Raises:
        BadRequest: a part or a label that there is not.
    """
    split, label = asked.get("split", ""), asked.get("label", "")
    if split not in ("", USED, *Split.values) or label not in ("", *DISPLAY_NAMES):
        raise BadRequest("Choose a part and a label that the page offers.")
    # Postgres takes no NUL in a text.
    return Narrowing(split, label, asked.get("reason", "").replace("\0", "")[:120])


def narrowing_choices(narrowing: Narrowing, reasons: Mapping[str, int]) -> dict[str, Any]:
    """What the form that narrows a list offers, and what is chosen."""
    return {
        "splits": [("", "All"), (USED, "In a part"), *Split.choices],
        "labels": [("", "Any"), *DISPLAY_NAMES.items()],
        "reasons": [("", "Any"), *((reason, f"{reason} ({count})") for reason, count in reasons.items())],
        "chosen": narrowing,
    }


def query(narrowing: Narrowing, *, start: UUID | str = "", **more: Any) -> str:
    """The address of a page of the list: what is asked for, and the image after which it begins."""
    asked = more | {
        "split": narrowing.split,
        "label": narrowing.label,
        "reason": narrowing.reason,
        "start": str(start),
    }
    return f"?{urlencode({name: value for name, value in asked.items() if value})}"
