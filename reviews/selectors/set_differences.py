"""What is different between two label sets, image by image: found by the database, however large they are."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.db import connection

from reviews.models import LabelSet, Split

# What can be different about an image; one may be so in several ways.
CHANGES: Final = ("added", "removed", "label", "split", "reason", "weight")
# Rows that come over at a time.
_ROWS: Final = 2000


@dataclass(frozen=True, slots=True)
class Side:
    """An image as one of the sets has it."""

    label: str
    split: str
    reason: str
    weight: float


@dataclass(frozen=True, slots=True)
class Difference:
    """An image that two sets differ in. They know it by its pixels, so that sets of two collections can be compared.

    Attributes:
        changes: some of `CHANGES`. An image that only one of the sets has is added or removed and nothing else.
        before, after: None where the set does not have the image.
    """

    pixel_sha256: str
    image: str
    changes: tuple[str, ...]
    before: Side | None
    after: Side | None


def difference_counts(before: LabelSet, after: LabelSet) -> dict[str, int]:
    """How many images differ in which way, and in any: `{"added": …, "all": …, "same": …}`."""
    sums = ", ".join(f"count(*) FILTER (WHERE {change})" for change in CHANGES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_DIFFERENT} SELECT {sums}, count(*) FILTER (WHERE {_ANY}), count(*) FROM judged",  # noqa: S608
            [before.pk, after.pk],
        )
        *counts, different, images = cursor.fetchone()
    return dict(zip(CHANGES, counts, strict=True)) | {"all": different, "same": images - different}


def differences(
    before: LabelSet, after: LabelSet, *, change: str = "", start: str = "", size: int | None = None
) -> Iterator[Difference]:
    """The images that differ, in the order of their pixels' hashes, read in pieces.

    Args:
        change: one of `CHANGES`; empty for all.
        start: the hash after which to begin; empty for the first.
        size: how many at most; None for all.
    """
    wanted = change if change in CHANGES else _ANY
    statement = (
        f"{_DIFFERENT} SELECT * FROM judged WHERE ({wanted}) AND pixel_sha256 > %s ORDER BY 1 LIMIT %s"  # noqa: S608
    )
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, [before.pk, after.pk, start, size])
        while rows := cursor.fetchmany(_ROWS):
            yield from map(_difference, rows)


def differences_as_json(before: LabelSet, after: LabelSet) -> Iterator[str]:
    """Every difference as one JSON document, in pieces: a hundred thousand are never together in memory."""
    about = {"before": _about(before), "after": _about(after), "counts": difference_counts(before, after)}
    yield f'{json.dumps(about)[:-1]}, "differences": ['
    for number, difference in enumerate(differences(before, after)):
        yield f"{', ' if number else ''}{json.dumps(asdict(difference))}"
    yield "]}"


def _about(label_set: LabelSet) -> dict[str, Any]:
    return {
        "id": str(label_set.pk), "number": label_set.number, "manifest_sha256": label_set.manifest_sha256
    }  # fmt: skip


def _difference(row: tuple[Any, ...]) -> Difference:
    pixel_sha256, image, had, has, *sides = row[:12]
    flags = row[12:]
    return Difference(
        pixel_sha256,
        image,
        tuple(change for change, found in zip(CHANGES, flags, strict=True) if found),
        Side(*sides[:4]) if had else None,
        Side(*sides[4:]) if has else None,
    )


_ANY: Final = " OR ".join(CHANGES)
_SIDE: Final = """
    SELECT image.pixel_sha256, image.id::text AS image, entry.label, entry.split, entry.reason, entry.weight
    FROM reviews_labelsetentry entry JOIN classifier_image image ON image.id = entry.image_id
    WHERE entry.label_set_id = %s
"""
# What is left out counts for nothing, so its weight is no difference of its own.
_DIFFERENT: Final = f"""
WITH before AS ({_SIDE}), after AS ({_SIDE}), judged AS (
    SELECT coalesce(after.pixel_sha256, before.pixel_sha256) AS pixel_sha256,
           coalesce(after.image, before.image) AS image,
           before.image IS NOT NULL AS had, after.image IS NOT NULL AS has,
           before.label AS label_before, before.split AS split_before, before.reason AS reason_before,
           before.weight AS weight_before,
           after.label AS label_after, after.split AS split_after, after.reason AS reason_after,
           after.weight AS weight_after,
           before.image IS NULL AS added, after.image IS NULL AS removed,
           coalesce(before.label <> after.label, false) AS label,
           coalesce(before.split <> after.split, false) AS split,
           coalesce(before.reason <> after.reason, false) AS reason,
           coalesce(before.weight <> after.weight, false)
               AND '{Split.EXCLUDED.value}' NOT IN (before.split, after.split) AS weight
    FROM before FULL JOIN after ON after.pixel_sha256 = before.pixel_sha256
)
"""  # noqa: S608
