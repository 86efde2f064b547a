"""Figures to take away: as JSON values, and one figure's table as CSV."""

import csv
import io
from typing import Any

from mriplatform.accounts.models import Collection
from reviews.selectors.figure_words import FIGURES, columns, unit
from reviews.selectors.figures import ShownFigures


def figures_as_json(collection: Collection, shown: ShownFigures) -> dict[str, Any]:
    """All figures that are shown, each with its words and its rows; shares are from 0 to 1."""
    snapshot = shown.snapshot
    return {
        "collection": {"id": str(collection.pk), "name": collection.name},
        "computed_at": snapshot.computed_at.isoformat() if snapshot else None,
        "events": snapshot.events if snapshot else None,
        "seconds": snapshot.seconds if snapshot else None,
        "waiting": shown.waiting,
        "figures": [
            {
                "name": name,
                "title": FIGURES[name].title,
                "about": FIGURES[name].about,
                "source": FIGURES[name].source,
                "rows": [row | {"unit": unit(name, row)} for row in rows],
            }
            for name, rows in shown.figures.items()
        ],
    }


def figure_as_csv(name: str, rows: list[dict[str, Any]]) -> str:
    """One figure's rows with the names of their columns; shares are from 0 to 1, what cannot be known is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    names = [*columns(name, rows), "unit"]
    writer.writerow(names)
    for row in rows:
        writer.writerow(
            ["" if value is None else value for value in map((row | {"unit": unit(name, row)}).get, names)]
        )
    return text.getvalue()
