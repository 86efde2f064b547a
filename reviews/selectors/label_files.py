"""Labels to be taken away as CSV or JSON, in pieces, so that a file of any size is never whole in memory."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from mriplatform.accounts.models import Collection
from reviews.selectors.labels import LabelRow

COLUMNS: Final = tuple(field.name for field in fields(LabelRow))
# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# So many characters make a piece worth sending.
_PIECE: Final = 32_768


def labels_as_csv(rows: Iterable[LabelRow]) -> Iterator[str]:
    """The rows as CSV (RFC 4180); cells that a spreadsheet would run are prefixed with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([safe_cell(getattr(row, name)) for name in COLUMNS])
        if text.tell() > _PIECE:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def labels_as_json(collection: Collection, rows: Iterable[LabelRow]) -> Iterator[str]:
    """The rows as a JSON document, with the collection that they are from."""
    about = {"id": str(collection.pk), "name": collection.name}
    yield f'{{"collection": {json.dumps(about)}, "labels": ['
    waiting: list[str] = []
    for number, row in enumerate(rows):
        values = {name: _json_value(getattr(row, name)) for name in COLUMNS}
        waiting.append(f"{', ' if number else ''}{json.dumps(values)}")
        if len(waiting) == 50:
            yield "".join(waiting)
            waiting.clear()
    yield f"{''.join(waiting)}]}}"


def safe_cell(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _json_value(value: object) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
