"""From records to Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jinja2

from ml.card.claim import CLAIM_ITEMS
from ml.card.records import CardError, Records
from ml.labels import CLASSES

WORDS: Final = {
    "glioma": "glioma",
    "meningioma": "meningioma",
    "notumor": "no tumour",
    "pituitary": "pituitary tumour",
}
_MISTAKES: Final = 5


def render_card(records: Records) -> str:
    """Returns the card as Markdown; the same records give the same text.

    Raises:
        CardError: where a record lacks something that the card states.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ml.card"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=jinja2.select_autoescape(enabled_extensions=("html",)),  # the card is Markdown
    )
    environment.filters |= {
        "share": share,
        "bounded": bounded,
        "folds": folds,
        "span": span,
        "count": count,
        "points": points,
        "minutes": minutes,
        "megabytes": megabytes,
        "word": WORDS.__getitem__,
    }
    template = environment.get_template("model-card.md.j2")
    try:
        return template.render(_context(records))
    except (jinja2.UndefinedError, KeyError) as error:
        raise CardError(
            f"A record lacks something that the card states ({error}); it was written by older code. "
            "`python -m ml reproduce --data DIR --records DIR` writes the records anew, "
            "and with `--ship FILE --recipe NAME` that of a checkpoint."
        ) from error


def _context(records: Records) -> dict[str, Any]:
    recall = {name: records.models[0].runs["folds"]["mean"][f"recall_{name}"] for name in CLASSES}
    return {
        "records": records,
        "models": records.models,
        "first": records.models[0],
        "data": records.data,
        "comparison": records.comparison,
        "sources": records.sources,
        "classes": CLASSES,
        "claim": CLAIM_ITEMS,
        "cases": _cases(records),
        "mistakes": mistakes,
        "epochs": epochs,
        "weakest": min(recall, key=lambda name: recall[name]),
    }


def _cases(records: Records) -> dict[tuple[str, str], dict[str, Any]]:
    if records.sources is None:
        return {}
    return {(case["source"], case["measure"]): case for case in records.sources["cases"]}


def folds(runs: Mapping[str, Any]) -> list[str]:
    """Returns the names of the runs that held out a fold, repetitions and variants left out."""
    return sorted(name for name in runs if re.fullmatch(r"fold-\d", name))


def share(value: float | None, digits: int = 3) -> str:
    """Returns a share as a decimal; what is not defined says so."""
    return "not defined" if value is None else f"{value:.{digits}f}"


def bounded(measured: Mapping[str, Any] | None) -> str:
    """Returns {n, share, interval} as "0.912 (0.880–0.941, n = 251)"; a dash where there is nothing to measure."""
    if not measured or not measured["n"]:
        return "–"
    return f"{share(measured['share'])} ({span(measured['interval'])}, n = {count(measured['n'])})"


def span(interval: Sequence[float] | None) -> str:
    """Returns an interval as "0.910–0.960"; nothing where there is none."""
    return "" if interval is None else f"{interval[0]:.3f}–{interval[1]:.3f}"


def count(value: int) -> str:
    """Returns a count with a comma between thousands."""
    return f"{value:,}"


def points(value: float) -> str:
    """Returns a difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}"


def minutes(seconds: float) -> str:
    """Returns a time in whole minutes, at least one."""
    return str(max(1, round(seconds / 60)))


def megabytes(size: int) -> str:
    """Returns a size in megabytes."""
    return f"{size / 1e6:.1f} MB"


def mistakes(confusion: Sequence[Sequence[int]], of: str | None = None) -> list[tuple[str, str, int]]:
    """Returns the most frequent mistakes, of one true class or of all: true class, class that was named, how often."""
    found = [
        (CLASSES[row], CLASSES[column], number)
        for row, numbers in enumerate(confusion)
        for column, number in enumerate(numbers)
        if row != column and number and of in (None, CLASSES[row])
    ]
    return sorted(found, key=lambda mistake: -mistake[2])[:_MISTAKES]


def epochs(recipe: Mapping[str, Any]) -> str:
    """Returns a recipe's stages in words: "6 epochs at 160 pixels, 6 at 224"."""
    stages = recipe["stages"]
    parts = [f"{stage['epochs']} at {stage['size']}" for stage in stages]
    return f"{stages[0]['epochs']} epochs at {stages[0]['size']} pixels" + "".join(
        f", {p}" for p in parts[1:]
    )
