"""Pages of a table that grows at its top: each begins where another ended, so no row is skipped or shown twice."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

PAGE_SIZE = 50


@dataclass(frozen=True)
class Page[M: Model]:
    """Rows, newest first, and the identifiers from which the pages beside this one begin; None where there is none."""

    rows: list[M]
    newer_than: UUID | None
    older_than: UUID | None


def page_of[M: Model](
    rows: QuerySet[M], *, before: Any = None, after: Any = None, size: int = PAGE_SIZE
) -> Page[M]:
    """The newest rows, or those right `before` or right `after` a row, by their time-ordered identifiers."""
    if after:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        more, shown = len(found) > size, found[:size][::-1]
        return _page(shown, newer=more, older=bool(shown))
    older = rows.filter(pk__lt=before) if before else rows
    found = list(older.order_by("-pk")[: size + 1])
    return _page(found[:size], newer=bool(before) and bool(found), older=len(found) > size)


def _page[M: Model](rows: list[M], *, newer: bool, older: bool) -> Page[M]:
    return Page(rows, rows[0].pk if newer and rows else None, rows[-1].pk if older and rows else None)
