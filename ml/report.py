"""Reports for people: plain text, and one HTML page that needs nothing beside it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ml.labels import CLASSES

Table = Sequence[Sequence[Any]]

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1f24}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{padding:.25rem .75rem;text-align:left;"
    "border-bottom:1px solid #d5dbe1;font-variant-numeric:tabular-nums}th{font-weight:600}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}"
)

Section = tuple[str, Table]


def inspection_sections(survey: dict[str, Any]) -> list[Section]:
    """Returns the sections of a survey (`ml.inspection.inspect_images`): heading and rows."""
    labels = sorted({label for counts in survey["classes"].values() for label in counts})
    counts = [
        [split, *(table.get(label, 0) for label in labels)] for split, table in survey["classes"].items()
    ]
    found = survey["duplicates"]
    kinds = [[kind, facts["pairs"], facts["pairs_with_two_labels"]] for kind, facts in found.items()]
    leaks = [
        [f"{leak['from']} into {leak['into']}", leak["images"],
         *(leak[f"up_to_{kind}"] for kind in found)]
        for leak in survey["leakage"]
    ]  # fmt: skip
    clusters = survey["clusters"]
    return [
        ("Images", [["found", "readable"], [survey["images"], survey["readable"]]]),
        ("Classes", [["split", *labels], *counts]),
        ("Sizes", [["size", "images"], *map(list, survey["sizes"].items())]),
        ("Damaged files", [["file", "reason"], *([c["file"], c["reason"]] for c in survey["corrupt"])]),
        ("Duplicates", [["kind", "pairs", "with two labels"], *kinds]),
        ("Clusters of duplicates", [["clusters", "largest"], [clusters["count"], clusters["largest"]]]),
        ("Leakage", [["from … into", "images", "exact", "or near", "or mirrored"], *leaks]),
        ("Looks like CT", [["file"], *([name] for name in survey["looks_like_ct"])]),
    ]


def figures_sections(figures: dict[str, Any]) -> list[Section]:
    """Returns the sections of an evaluation (`ml.metrics.evaluate`): heading and rows."""
    spans = figures.get("intervals", {})
    overall = [
        ["images", figures["n"], ""],
        ["accuracy", _share(figures["accuracy"]), _span(spans.get("accuracy"))],
        ["balanced accuracy", _share(figures["balanced_accuracy"]), ""],
        ["expected calibration error", _share(figures["ece"]), ""],
        ["Brier score", _share(figures["brier"]), ""],
    ]
    names = ("precision", "recall", "specificity", "f1", "auroc")
    classes = [
        [name, row["n"], *(_share(row[key]) for key in names), _span(spans.get(f"recall_{name}"))]
        for name, row in figures["per_class"].items()
    ]
    confusion = [[name, *row] for name, row in zip(CLASSES, figures["confusion"], strict=True)]
    return [
        ("Figures", [["", "value", "95 % interval"], *overall]),
        ("By class", [["class", "images", *names, "95 % interval of recall"], *classes]),
        ("Confusion (rows: truth, columns: predicted)", [["", *CLASSES], *confusion]),
    ]


def to_text(sections: Iterable[Section]) -> str:
    """Returns sections as plain text with aligned columns; an empty section says so."""
    return "\n\n".join(f"{title}\n{_text_table(rows)}" for title, rows in sections) + "\n"


def to_html(title: str, sections: Iterable[Section]) -> str:
    """Returns sections as one HTML page. Every text is escaped."""
    parts = [f"<h2>{html.escape(name)}</h2>{_html_table(rows)}" for name, rows in sections]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{html.escape(title)}</h1>{''.join(parts)}</html>\n"
    )


def _text_table(rows: Table) -> str:
    if len(rows) < 2:
        return "  none"
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return "\n".join(f"  {line.rstrip()}" for line in lines)


def _html_table(rows: Table) -> str:
    if len(rows) < 2:
        return "<p>none</p>"
    head = "".join(f"<th>{html.escape(str(cell))}</th>" for cell in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows[1:]
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _share(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _span(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
