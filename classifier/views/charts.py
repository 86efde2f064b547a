"""Where the marks of the registry's charts stand: SVG without styles or scripts. Tables beside them say the same."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

from classifier.models import ModelVersion, Promotion
from classifier.selectors.comparing_versions import Figure, Measured, Part, figure_names
from classifier.selectors.timeline import Span

WIDTH: Final = 360
TIMELINE_WIDTH: Final = 720
_LEFT, _RIGHT = 8, 352
_STEP: Final = 34
_ROW: Final = 26
_NAMES: Final = 150
_NARROWEST: Final = 2.0


def comparison(part: Part, in_force: ModelVersion | None) -> list[dict[str, Any]]:
    """A chart for each figure: a line per version, its value, and the interval on a scale that the figure's charts
    of this part share."""
    charts = []
    for name, words in figure_names().items():
        rows = [(row, row.figures[name]) for row in part.measured if name in row.figures]
        if rows:
            charts.append(_forest(words, rows, in_force, lower_is_better=name == "ece"))
    return charts


def _forest(
    title: str,
    rows: Sequence[tuple[Measured, Figure]],
    in_force: ModelVersion | None,
    *,
    lower_is_better: bool,
) -> dict[str, Any]:
    ends = [end for _, one in rows for end in (one.value, one.low, one.high) if end is not None]
    # Shares near 1 are told apart on a scale that begins where they do; an error begins at 0. Steps of 0.04 make four
    # parts of whole hundredths.
    bottom = 0.0 if lower_is_better else max(0.0, 1 - max(1, ceil((1 - min(ends)) * 25)) / 25)
    top = max(1, ceil(max(ends) * 25)) / 25 if lower_is_better else 1.0
    marks = [
        {
            "label": _label(row.version, in_force),
            "text": f"{one.value:.3f}",
            "x": _across(one.value, bottom, top),
            "from": None if one.low is None else _across(one.low, bottom, top),
            "to": None if one.high is None else _across(one.high, bottom, top),
            "words_y": 34 + place * _STEP,
            "y": 45 + place * _STEP,
            "chosen": in_force is not None and row.version.pk == in_force.pk,
        }
        for place, (row, one) in enumerate(rows)
    ]
    height = 20 + len(rows) * _STEP + 24
    values = [bottom + part * (top - bottom) / 4 for part in range(5)]
    ticks = [{"x": _across(value, bottom, top), "text": f"{value:.2f}", "anchor": _anchor(number)}
             for number, value in enumerate(values)]  # fmt: skip
    return {"kind": "forest", "title": title, "lower": lower_is_better, "width": WIDTH, "height": height,
            "marks": marks, "ticks": ticks, "base": height - 18}  # fmt: skip


def _label(version: ModelVersion, in_force: ModelVersion | None) -> str:
    name = version.name if len(version.name) <= 28 else f"{version.name[:27]}…"
    return f"{version.number} · {name}{' · in force' if in_force and version.pk == in_force.pk else ''}"


def _across(value: float, bottom: float, top: float) -> float:
    share = (min(max(value, bottom), top) - bottom) / (top - bottom)
    return round(_LEFT + share * (_RIGHT - _LEFT), 1)


def _anchor(number: int) -> str:
    return "start" if number == 0 else "end" if number == 4 else "middle"


def timeline(spans: Sequence[Span], now: datetime, at: datetime | None = None) -> dict[str, Any] | None:
    """A row per version that was ever in force, a bar for each time it was; None where nothing ever was.

    Args:
        at: a moment to mark.
    """
    if not spans:
        return None
    start, end = spans[0].since, max(now, spans[-1].since + timedelta(minutes=1))
    versions = sorted(
        {span.version.number: span.version for span in spans}.values(), key=lambda one: -one.number
    )
    rows = {version.pk: place for place, version in enumerate(versions)}
    bars = [_bar(span, rows[span.version.pk], start, end) for span in spans]
    height = 12 + len(versions) * _ROW + 26
    marked = at is not None and start <= at <= end
    return {
        "kind": "timeline", "width": TIMELINE_WIDTH, "height": height, "base": height - 22, "left": _NAMES,
        "right": TIMELINE_WIDTH - 8, "bars": bars,
        "names": [{"text": _short(version), "y": 12 + rows[version.pk] * _ROW + 15} for version in versions],
        "first": _day(start), "last": _day(end),
        "at": _when(at, start, end) if at is not None and marked else None,
    }  # fmt: skip


def _bar(span: Span, row: int, start: datetime, end: datetime) -> dict[str, Any]:
    x = _when(span.since, start, end)
    promotion = span.promotion
    return {
        "x": x,
        "y": 12 + row * _ROW + 5,
        "width": max(_NARROWEST, round(_when(span.until or end, start, end) - x, 1)),
        "now": span.until is None,
        "overridden": promotion is not None and bool(promotion.override_reason),
        "rolled_back": promotion is not None and promotion.kind == Promotion.Kind.ROLL_BACK,
        "named": span.choice is not None,
    }


def _when(at: datetime, start: datetime, end: datetime) -> float:
    share = (at - start) / (end - start)
    return round(_NAMES + share * (TIMELINE_WIDTH - 8 - _NAMES), 1)


def _short(version: ModelVersion) -> str:
    name = version.name if len(version.name) <= 16 else f"{version.name[:15]}…"
    return f"{version.number} · {name}"


def _day(at: datetime) -> str:
    return f"{at:%-d %B %Y, %H:%M}"
