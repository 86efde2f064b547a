"""Labels to be taken away as CSV, JSON or JSON Lines."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, Final

from mriplatform.accounts.models import Collection
from mriplatform.tables import as_csv, as_json_lines, json_value
from reviews.selectors.labels import LabelRow

COLUMNS: Final = tuple(field.name for field in fields(LabelRow))


def labels_as_csv(rows: Iterable[LabelRow]) -> Iterator[str]:
    """The rows as CSV, in pieces."""
    return as_csv(COLUMNS, map(_values, rows))


def labels_as_json_lines(rows: Iterable[LabelRow]) -> Iterator[str]:
    """The rows as JSON Lines, in pieces."""
    return as_json_lines(COLUMNS, map(_values, rows))


def labels_as_json(collection: Collection, rows: Iterable[LabelRow]) -> Iterator[str]:
    """The rows as a JSON document, with the collection that they are from."""
    about = {"id": str(collection.pk), "name": collection.name}
    yield f'{{"collection": {json.dumps(about)}, "labels": ['
    waiting: list[str] = []
    for number, row in enumerate(rows):
        values = {name: json_value(value) for name, value in _values(row).items()}
        waiting.append(f"{', ' if number else ''}{json.dumps(values)}")
        if len(waiting) == 50:
            yield "".join(waiting)
            waiting.clear()
    yield f"{''.join(waiting)}]}}"


def labels_in(form: str, collection: Collection, rows: Iterable[LabelRow]) -> Iterator[str]:
    """The rows as `csv`, `json` or `jsonl`."""
    if form == "json":
        return labels_as_json(collection, rows)
    return labels_as_csv(rows) if form == "csv" else labels_as_json_lines(rows)


def _values(row: LabelRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COLUMNS}
