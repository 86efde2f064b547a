"""Figures to take away: as JSON values, and one figure's table as CSV."""

from typing import Any

from mriplatform.accounts.models import Collection
from mriplatform.tables import as_csv
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
    names = [*columns(name, rows), "unit"]
    whole = (dict.fromkeys(names) | row | {"unit": unit(name, row)} for row in rows)
    return "".join(as_csv(names, whole))
