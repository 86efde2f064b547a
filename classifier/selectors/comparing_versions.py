"""Figures of several versions on the same locked part, so that they may stand beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from classifier.models import Evaluation, ModelVersion
from ml.labels import CLASSES, DISPLAY_NAMES

# More rows than this tell nobody anything; the newest are shown.
MOST_VERSIONS = 12


@dataclass(frozen=True)
class Figure:
    """One figure of a version, with its 95 % interval where one was computed."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Measured:
    """A version on the part: its figures by name, as far as they are defined."""

    version: ModelVersion
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Part:
    """A locked part, by the hash of what is in it, and the versions that were measured on it, newest first.

    Attributes:
        n: images in it.
        uses: how often it was used to measure anything; each use wears it a little.
    """

    name: str
    sha256: str
    n: int
    uses: int
    measured: Sequence[Measured]


def figure_names() -> dict[str, str]:
    """The figures that are compared, with the words for them."""
    recalls = {f"recall_{name}": f"Recall, {DISPLAY_NAMES[name].lower()}" for name in CLASSES}
    return {"accuracy": "Accuracy", "macro_f1": "Macro F1"} | recalls | {"ece": "Calibration error"}


def compared_parts(versions: Sequence[ModelVersion] | None = None) -> list[Part]:
    """The parts on which versions were measured, the one of most versions first; all versions, unless some are named.

    Each version counts with its newest evaluation on a part.
    """
    rows = Evaluation.objects.select_related("model_version").defer("model_version__metadata")
    if versions is not None:
        rows = rows.filter(model_version__in=versions)
    by_part: dict[str, list[Evaluation]] = {}
    for row in rows.order_by("-created_at", "-id"):
        by_part.setdefault(row.part_sha256, []).append(row)
    parts = [_part(sha256, found) for sha256, found in by_part.items()]
    return sorted(parts, key=lambda part: (-len(part.measured), part.name))


def _part(sha256: str, rows: list[Evaluation]) -> Part:
    newest: dict[int, Evaluation] = {}
    for row in rows:
        newest.setdefault(row.model_version.number, row)
    kept = [newest[number] for number in sorted(newest, reverse=True)[:MOST_VERSIONS]]
    return Part(
        name=rows[0].part,
        sha256=sha256,
        n=int(rows[0].figures.get("n", 0)),
        uses=len(rows),
        measured=[Measured(row.model_version, _figures(row.figures)) for row in kept],
    )


def _figures(figures: dict[str, Any]) -> dict[str, Figure]:
    spans = figures.get("intervals", {})
    found = {}
    for name in figure_names():
        value = _value(figures, name)
        if value is not None:
            low, high = spans.get(name) or (None, None)
            found[name] = Figure(value, low, high)
    return found


def _value(figures: dict[str, Any], name: str) -> float | None:
    if name.startswith("recall_"):
        value = figures.get("per_class", {}).get(name.removeprefix("recall_"), {}).get("recall")
    else:
        value = figures.get(name)
    return None if value is None else float(value)
