"""The numbers of a figure as a table in words."""

from datetime import UTC, datetime
from typing import Any

from reviews.selectors.figure_words import FIGURES, VALUES, columns, unit

_NOTHING = "–"


def table(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """`heads`: heading and whether it is of numbers. `rows`: cells with heading, text and whether it is a number."""
    if not rows:
        return {"heads": [], "rows": []}
    shown = columns(name, rows)
    words = FIGURES[name].labels
    heads = [{"text": heading, "number": key not in words} for key, heading in shown.items()]
    cells = [
        [
            {"head": heading, "text": cell(name, row, key), "number": key not in words}
            for key, heading in shown.items()
        ]
        for row in rows
    ]
    return {"heads": heads, "rows": cells}


def cell(name: str, row: dict[str, Any], key: str) -> str:
    """One value of a row in words."""
    value = row.get(key)
    if value is None:
        return _NOTHING
    if key in VALUES and not isinstance(value, float):
        return VALUES[key].get(value, str(value).capitalize())
    if key == "confidence":
        return _percent(value)
    if key in ("from_day", "to_day"):
        return day(value)
    if key == "version":
        return f"Version {value}"
    if key in ("reader", "other"):
        return f"Reader {value}"
    if key in ("from", "to"):
        return _percent(value)
    if key in ("value", "low", "high"):
        return figure(value, unit(name, row))
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"


def figure(value: float, kind: str) -> str:
    """A number with its unit."""
    if kind == "share":
        return _percent(value)
    if kind == "points":
        return f"{100 * value:+.1f}"
    return f"{value:.1f} s" if kind == "seconds" else f"{value:.3f}"


def day(value: float) -> str:
    return datetime.fromtimestamp(value * 86_400, UTC).strftime("%-d %b %Y")


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
