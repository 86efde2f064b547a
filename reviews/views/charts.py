"""Where the marks of a chart stand: SVG without styles or scripts, drawn from the rows of a figure."""

from itertools import groupby
from math import ceil
from typing import Any, Final

from reviews.selectors.figure_words import FIGURES, unit
from reviews.views.figure_tables import cell, day, figure

Row = dict[str, Any]

WIDTH: Final = 360
_LEFT, _RIGHT = 8, 352
_STEP: Final = 38
_SQUARE: Final = 260
_MOST_ROWS: Final = 40
_PERIOD_KEYS: Final = ("period", "from_day", "to_day")


def chart(name: str, rows: list[Row]) -> list[dict[str, Any]]:
    """The charts of a figure; none where there is nothing to draw."""
    known = [row for row in rows if row.get("value") is not None]
    kind = FIGURES[name].chart
    if not known or not kind:
        return []
    if kind == "reliability":
        return [_reliability(known)]
    if kind == "periods":
        return _periods(name, known)
    return [_forest(name, known[:_MOST_ROWS])]


def _forest(name: str, rows: list[Row]) -> dict[str, Any]:
    """One line per row: its words, its value, and below them the interval on a common scale."""
    bottom, top = _scale(name, rows)
    marks = []
    for place, row in enumerate(rows):
        marks.append(
            {
                "label": " · ".join(cell(name, row, key) for key in FIGURES[name].labels),
                "text": figure(row["value"], unit(name, row)),
                "x": _across(row["value"], bottom, top),
                "from": _across(row["low"], bottom, top) if row.get("low") is not None else None,
                "to": _across(row["high"], bottom, top) if row.get("high") is not None else None,
                "words_y": 14 + place * _STEP,
                "y": 26 + place * _STEP,
            }
        )
    height = len(rows) * _STEP + 24
    ticks = [_tick(name, rows[0], bottom + part * (top - bottom) / 4, bottom, top) for part in range(5)]
    return {
        "kind": "forest",
        "width": WIDTH,
        "height": height,
        "marks": marks,
        "ticks": ticks,
        "base": height - 18,
    }


def _scale(name: str, rows: list[Row]) -> tuple[float, float]:
    """The ends of the axis: 0 to 1 for shares and coefficients, further where a value or an interval goes."""
    ends = [row[key] for row in rows for key in ("value", "low", "high") if row.get(key) is not None]
    kind = unit(name, rows[0])
    if kind == "seconds":
        return 0.0, float(max(10, ceil(max(ends) / 10) * 10))
    if kind == "points":
        reach = max(0.1, ceil(max(abs(end) for end in ends) * 10) / 10)
        return -reach, reach
    return (0.0 if min(ends) >= 0 else -1.0), 1.0


def _across(value: float, bottom: float, top: float) -> float:
    share = (min(max(value, bottom), top) - bottom) / (top - bottom)
    return round(_LEFT + share * (_RIGHT - _LEFT), 1)


def _tick(name: str, row: Row, value: float, bottom: float, top: float) -> dict[str, Any]:
    x = _across(value, bottom, top)
    anchor = "start" if x == _LEFT else "end" if x == _RIGHT else "middle"
    kind = unit(name, row)
    text = (
        f"{value:g} s" if kind == "seconds" else f"{100 * value:+.0f}" if kind == "points" else f"{value:g}"
    )
    return {"x": x, "text": text, "anchor": anchor}


def _reliability(rows: list[Row]) -> dict[str, Any]:
    """Stated probability to the right, share that was right upwards."""

    def place(value: float) -> float:
        return round(value * _SQUARE, 1)

    marks = [
        {
            "x": 40 + place(row["confidence"]),
            "y": 8 + _SQUARE - place(row["value"]),
            "from": 8 + _SQUARE - place(row["low"]),
            "to": 8 + _SQUARE - place(row["high"]),
        }
        for row in rows
    ]
    ticks = [{"text": f"{part * 25} %", "x": 40 + part * _SQUARE / 4, "y": 8 + _SQUARE - part * _SQUARE / 4}
             for part in range(5)]  # fmt: skip
    return {"kind": "reliability", "width": WIDTH, "height": 320, "marks": marks, "ticks": ticks,
            "left": 40, "right": 40 + _SQUARE, "top": 8, "bottom": 8 + _SQUARE}  # fmt: skip


def _periods(name: str, rows: list[Row]) -> list[dict[str, Any]]:
    """A small chart for each series, by time, all on one scale."""
    keys = [key for key in FIGURES[name].labels if key not in _PERIOD_KEYS]
    ends = [row.get("high") or row["value"] for row in rows]
    top = 1.0 if name == "class_mix" else max(0.3, *ends) if name != "embedding_drift" else max(0.02, *ends)
    series = groupby(rows, key=lambda row: tuple(row[key] for key in keys))
    if name == "class_mix":
        order = sorted(rows, key=lambda row: tuple(str(row[key]) for key in keys))
        series = groupby(order, key=lambda row: tuple(row[key] for key in keys))
    return [_series(name, keys, list(found), top) for _, found in series]


def _series(name: str, keys: list[str], rows: list[Row], top: float) -> dict[str, Any]:
    step = (_RIGHT - _LEFT) / max(len(rows), 2)
    marks = [
        {
            "x": round(_LEFT + (place + 0.5) * step, 1),
            "y": _up(row["value"], top),
            "from": _up(row["low"], top) if row.get("low") is not None else None,
            "to": _up(row["high"], top) if row.get("high") is not None else None,
            # A shift of the embeddings that chance explains is drawn hollow.
            "hollow": row.get("p", 0) > 0.05,
        }
        for place, row in enumerate(rows)
    ]
    guides = [
        {"y": _up(value, top), "text": f"{value:g}"}
        for value in (0.1, 0.25)
        if name.endswith(("mix_drift", "input_drift"))
    ]
    return {
        "kind": "periods", "width": WIDTH, "height": 124, "marks": marks, "guides": guides, "base": 96,
        "title": " · ".join(cell(name, rows[0], key) for key in keys) or FIGURES[name].title,
        "line": " ".join(f"{mark['x']},{mark['y']}" for mark in marks),
        "top": figure(top, unit(name, rows[0])), "first": day(rows[0]["from_day"]), "last": day(rows[-1]["to_day"]),
    }  # fmt: skip


def _up(value: float, top: float) -> float:
    return round(96 - min(max(value / top, 0.0), 1.0) * 72, 1)
