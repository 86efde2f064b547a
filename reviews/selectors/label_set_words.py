"""What a label set holds, and which labels count, in words and figures as pages and the admin show them."""

from collections.abc import Mapping
from typing import Any, Final

from classifier.models import Origin
from ml.labels import DISPLAY_NAMES
from reviews.models import EligibilityPolicy, Split

Rule = EligibilityPolicy.Rule
Seen = EligibilityPolicy.Seen

PARTS: Final = (Split.TRAIN.value, Split.VALIDATION.value, Split.TEST.value)
ORIGIN_NAMES: Final = {"reading": "Readings", "adjudication": "Adjudicator", "imported": "Imported"}
# The chart of the classes: one bar for each, its parts beside each other.
_WIDTH: Final = 360
_STEP: Final = 36


def in_words(policy: EligibilityPolicy) -> str:
    """A policy as one sentence."""
    rules = {
        Rule.PROTOCOL: "Labels that are final by the reading protocol",
        Rule.ADJUDICATED: "Labels that an adjudicator decided",
        Rule.AGREEING: f"Labels that {policy.agreeing_reads} or more readers said before they saw the answer",
        Rule.SINGLE: "Labels of a single read, as long as nobody contradicts",
    }
    seen = {
        Seen.INCLUDE: "",
        Seen.EXCLUDE: "; none that was said only after the machine’s answer was seen",
        Seen.WEIGH: f"; those said only after the machine’s answer was seen count {policy.seen_weight:g}",
    }
    return f"{rules[Rule(policy.rule)]}{seen[Seen(policy.seen)]}."


def counted(counts: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of a set as its page shows them; sets of before lack the tables, and have none.

    Sorted anew: Postgres keeps the keys of a document in an order of its own.
    """
    used = sum(counts[part] for part in PARTS)
    tables: tuple[tuple[str, str, Mapping[str, str]], ...] = (
        ("Class", "classes", DISPLAY_NAMES),
        ("Source", "sources", dict(Origin.choices)),
        (
            "Plane",
            "planes",
            {"": "Not known", "axial": "Axial", "coronal": "Coronal", "sagittal": "Sagittal"},
        ),
        ("Weight", "weights", {}),
        ("Label from", "origins", ORIGIN_NAMES),
    )
    return {
        "used": used,
        "out": counts[Split.EXCLUDED.value],
        "parts": [{"name": Split(part).label, "count": counts[part]} for part in PARTS],
        "reasons": sorted(counts["reasons"].items(), key=lambda item: -item[1]),
        "tables": [_table(title, counts[key], names) for title, key, names in tables if counts.get(key)],
        "chart": _chart(counts["classes"]) if counts.get("classes") else None,
    }


def _table(title: str, found: Mapping[str, Mapping[str, int]], names: Mapping[str, str]) -> dict[str, Any]:
    rows = [
        {"name": names.get(value, value), "cells": [by[part] for part in PARTS], "total": sum(by.values())}
        for value, by in sorted(found.items())
    ]
    return {"title": title, "rows": rows}


def _chart(classes: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Where the bars stand: the longest is as wide as the chart."""
    longest = max(sum(by.values()) for by in classes.values())
    bars = []
    for place, (name, by) in enumerate(sorted(classes.items())):
        pieces, x = [], 0.0
        for part in PARTS:
            width = round(by[part] / longest * _WIDTH, 1)
            if width:
                pieces.append({"part": part, "x": round(x, 1), "width": width})
            x += width
        bars.append(
            {
                "name": DISPLAY_NAMES.get(name, name),
                "total": sum(by.values()),
                "words_y": 12 + place * _STEP,
                "y": 18 + place * _STEP,
                "pieces": pieces,
            }
        )
    return {"width": _WIDTH, "height": len(bars) * _STEP, "bars": bars}
