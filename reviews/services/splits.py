"""Writes down which part each group of images belongs to, for ever."""

from collections.abc import Mapping
from itertools import batched
from typing import Final

from django.db import connection

from reviews.models import Split, SplitAssignment
from reviews.selectors.splits import Place, placement

# Rows of the ledger that are written together.
_BATCH: Final = 10_000


def assign_splits[I](clusters: Mapping[I, object], wanted: Mapping[I, str] | None = None) -> dict[I, Place]:
    """Give each image its part as `placement` says, and remember the parts of new groups in the ledger.

    To be called under a lock: the ledger is read and then added to.
    """
    found = placement(clusters, wanted)
    remember_splits(found.unwritten)
    return found.places


def remember_splits(unwritten: Mapping[str, Split]) -> None:
    """Add keys with their parts to the ledger."""
    table = SplitAssignment._meta.db_table
    with connection.cursor() as cursor:
        for rows in batched(sorted(unwritten.items()), _BATCH):
            keys, splits = zip(*rows, strict=True)
            # One statement with two arrays: a hundred thousand objects would take ten times as long.
            cursor.execute(
                f"INSERT INTO {table} (key, split) SELECT * FROM unnest(%s::text[], %s::text[])",  # noqa: S608
                [list(keys), [split.value for split in splits]],
            )
