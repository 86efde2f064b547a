"""Tables to be taken away as CSV or JSON Lines, in pieces, so that a file of any size is never whole in memory.

A row is a mapping from the names of the columns; every column is in every row, and every row of a table has them in
the same order. JSON Lines keep numbers, truth values and what is not there (null); CSV has text alone.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import StreamingHttpResponse

type Row = Mapping[str, object]

CONTENT_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
}
# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_GUARD: Final = "'"
# So many characters make a piece worth sending.
_PIECE: Final = 32_768
# How many rows of the database are looked at together: a table of any size takes the memory of these.
BATCH: Final = 1000


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """The rows as CSV (RFC 4180), with the names of the columns first; see `safe_cell` for the cells."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([safe_cell(row[name]) for name in columns])
        if text.tell() > _PIECE:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def as_json_lines(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """The rows as JSON Lines: an object for each, on a line of its own, with the columns in their order."""
    waiting: list[str] = []
    for row in rows:
        waiting.append(f"{json.dumps({name: json_value(row[name]) for name in columns})}\n")
        if len(waiting) == 50:
            yield "".join(waiting)
            waiting.clear()
    yield "".join(waiting)


def table(form: str, columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """The rows as `csv` or `jsonl`, in pieces."""
    return {"csv": as_csv, "jsonl": as_json_lines}[form](columns, rows)


def safe_cell(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula; `plain_cell` gives the text back.

    A text that begins like a formula, or with an apostrophe, gets one apostrophe before it. A number is a number and
    needs none.
    """
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, int | float):
        return str(value)
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"{_GUARD}{text}" if text.startswith((_GUARD, *_FORMULA_STARTS)) else text


def plain_cell(cell: str) -> str:
    """The text that `safe_cell` made a cell of: without its first apostrophe, where it begins with one."""
    return cell.removeprefix(_GUARD)


def json_value(value: object) -> Any:
    """A value as JSON has it: moments in ISO 8601, identifiers as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def in_batches[M: Model](
    rows: QuerySet[M], *, by: str = "pk", falling: bool = False, size: int = BATCH
) -> Iterator[list[M]]:
    """The rows in the order of a column that tells each from all others, `size` at a time.

    Each batch is a query of its own that begins after the last row of the one before: what is added or removed
    meanwhile neither repeats a row nor hides another.

    Args:
        by: the column's name, such as `pk`.
        falling: the greatest first.
    """
    ordered = rows.order_by(f"-{by}" if falling else by)
    batch = list(ordered[:size])
    while batch:
        yield batch
        if len(batch) < size:
            return
        after = f"{by}__{'lt' if falling else 'gt'}"
        batch = list(ordered.filter(**{after: getattr(batch[-1], by)})[:size])


def serve_table(pieces: Iterable[str], *, form: str, name: str) -> StreamingHttpResponse:
    """A table as a file, sent as it is read and kept by nobody on the way.

    Args:
        form: one of `CONTENT_TYPES`, and the ending of the file's name.
    """
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{form}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingHttpResponse(pieces, content_type=CONTENT_TYPES[form], headers=headers)
