"""A verdict of the gate, and a learning curve, as rows and marks: SVG without styles or scripts beside tables."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from django import template

from ml.gate import BOUNDS
from ml.labels import CLASSES, DISPLAY_NAMES

register = template.Library()

WIDTH: Final = 360
_LEFT, _RIGHT = 8, 352
_STEP: Final = 38
_NARROWEST: Final = 0.02
_TOP, _BOTTOM = 28, 128

TITLES: Final = {
    "figures": "Figures agree",
    "size": "Size of the locked part",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    **{f"recall_{name}": f"Recall: {DISPLAY_NAMES[name].lower()}" for name in CLASSES},
    "mcnemar": "McNemar's test",
    "calibration": "Calibration",
    "parts": "Each locked part",
    "leaks": "Leaks",
    "subgroups": "Planes and sources",
    "sources": "Goes by the source",
    "maps": "Saliency maps",
    "part_uses": "Uses of the locked part",
}
ANSWERS: Final = {
    "pass": "Passed",
    "fail": "Failed",
    "insufficient": "Too little to say",
    "not_asked": "Not asked",
}
_FIRST: Final = ("fail", "insufficient", "not_asked", "pass")


@register.filter
def gate_rows(decision: Any) -> list[dict[str, Any]]:
    """Each criterion with its names for people: what failed first, what passed last."""
    rows = [
        {
            **criterion,
            "title": TITLES.get(criterion["name"], criterion["name"]),
            "word": ANSWERS.get(criterion["answer"], criterion["answer"]),
        }
        for criterion in decision.criteria
    ]
    order = {answer: place for place, answer in enumerate(_FIRST)}
    return sorted(rows, key=lambda row: order.get(row["answer"], 0))


@register.filter
def gate_chart(decision: Any) -> dict[str, Any] | None:
    """What was gained and lost, each with its interval, and how much may be lost; None where nothing was compared."""
    found = [
        _gained(criterion["name"], criterion["figures"])
        for criterion in decision.criteria
        if criterion["figures"].get("interval") and "margin" in criterion["figures"]
    ]
    if not found:
        return None
    ends = [abs(end) for row in found for end in (row["low"], row["high"], row["margin"])]
    reach = max(_NARROWEST, *ends)
    marks = [
        {
            "label": row["title"],
            "text": f"{100 * row['gain']:+.1f}".replace("-", "−"),
            "x": _across(row["gain"], reach),
            "from": _across(row["low"], reach),
            "to": _across(row["high"], reach),
            "margin": _across(-row["margin"], reach),
            "words_y": 14 + place * _STEP,
            "y": 26 + place * _STEP,
        }
        for place, row in enumerate(found)
    ]
    ticks = [
        {
            "x": _across(part * reach, reach),
            "text": f"{100 * part * reach:+.1f}".replace("-", "−"),
            "anchor": anchor,
        }
        for part, anchor in ((-1, "start"), (0, "middle"), (1, "end"))
    ]
    height = len(marks) * _STEP + 24
    return {
        "width": WIDTH,
        "height": height,
        "base": height - 18,
        "zero": _across(0, reach),
        "marks": marks,
        "ticks": ticks,
    }


@register.filter
def curve_charts(curve: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A small chart for accuracy and for each class: share right by number of labels, with the spread of draws."""
    return [
        drawn
        for name, title in (("accuracy", "Accuracy"), *DISPLAY_NAMES.items())
        if (drawn := _curve(title, [(point["n"], point[name]) for point in curve["points"]]))
    ]


@register.filter
def curve_rows(curve: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same as rows of a table, with what twice the labels would bring."""
    rows = []
    for name, title in (("accuracy", "All"), *DISPLAY_NAMES.items()):
        outlook = curve["outlook"][name]
        rows.append(
            {
                "title": title,
                "labels": curve["labels"].get(name, sum(curve["labels"].values())),
                "cells": [_share(point[name]["mean"]) for point in curve["points"]],
                "gain": _gain_words(outlook),
            }
        )
    return rows


@register.filter
def bound_rows(criteria: Mapping[str, float]) -> list[dict[str, Any]]:
    """The bounds of a rule with their names and meanings."""
    return [
        {"bound": bound, "value": criteria.get(bound.key, bound.default), "stated": bound.key in criteria}
        for bound in BOUNDS
    ]


def _gained(name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Gains to the right: of a calibration error less is more."""
    low, high = figures["interval"]
    gain, title = figures["difference"], TITLES.get(name, name)
    if name == "calibration":
        gain, low, high = -gain, -high, -low
    return {"title": title, "gain": gain, "low": low, "high": high, "margin": figures["margin"]}


def _across(value: float, reach: float) -> float:
    share = (min(max(value, -reach), reach) + reach) / (2 * reach)
    return round(_LEFT + share * (_RIGHT - _LEFT), 1)


def _curve(title: str, points: list[tuple[int, Mapping[str, float | None]]]) -> dict[str, Any] | None:
    known = [(n, spread) for n, spread in points if spread["mean"] is not None]
    if not known:
        return None
    ends = [end for _, spread in known for end in (spread["low"], spread["high"]) if end is not None]
    bottom, top = max(0.0, min(ends) - 0.01), min(1.0, max(ends) + 0.01)
    most = max(n for n, _ in known) or 1

    def up(value: float | None) -> float:
        return round(_BOTTOM - ((value or 0.0) - bottom) / (top - bottom) * (_BOTTOM - _TOP), 1)

    marks = [
        {
            "x": round(_LEFT + 8 + n / most * (_RIGHT - _LEFT - 16), 1),
            "y": up(spread["mean"]),
            "from": up(spread["low"]),
            "to": up(spread["high"]),
            "text": _share(spread["mean"]),
        }
        for n, spread in known
    ]
    lines = [{"x1": a["x"], "y1": a["y"], "x2": b["x"], "y2": b["y"]} for a, b in pairwise(marks)]
    return {
        "title": title,
        "width": WIDTH,
        "height": 160,
        "base": _BOTTOM,
        "marks": marks,
        "lines": lines,
        "low": _share(bottom),
        "high": _share(top),
        "most": most,
    }


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _gain_words(outlook: Mapping[str, Any]) -> str:
    if outlook["gain"] is None:
        return "cannot be said"
    low, high = outlook["interval"]
    words = f"{100 * outlook['gain']:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})".replace("-", "−")
    return words if outlook["sure"] else f"{words}, not sure"
