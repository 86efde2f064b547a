"""Writes down what a run made of each line of its manifest."""

from collections.abc import Iterable, Mapping
from itertools import batched
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from classifier.models import Image, TraceLine, TrainingRun

_BATCH: Final = 2000
_LONGEST_REASON: Final = 300


@transaction.atomic
def record_trace(*, run: TrainingRun, lines: Iterable[Mapping[str, Any]]) -> int:
    """Keep the trace of a run, one row for each line of its manifest, in the order of the manifest.

    Called once, in the transaction that finishes the run: a run that did not finish has none.

    Args:
        lines: `image` (identifier, or empty where the platform has none), `pixel_sha256`, `label`, `used_as`,
            `reason`.

    Returns:
        How many lines were kept.

    Raises:
        ValueError: a line says that it was used as nothing that there is.
    """
    kept = 0
    for some in batched(lines, _BATCH):
        known = _known(some)
        TraceLine.objects.bulk_create(
            _row(run, kept + place, line, known) for place, line in enumerate(some, start=1)
        )
        kept += len(some)
    return kept


def _row(run: TrainingRun, number: int, line: Mapping[str, Any], known: set[UUID]) -> TraceLine:
    image = _identifier(line)
    return TraceLine(
        run=run,
        number=number,
        image_id=image if image in known else None,
        pixel_sha256=line.get("pixel_sha256", ""),
        label=line["label"],
        used_as=TraceLine.Used(line["used_as"]),
        reason=line.get("reason", "")[:_LONGEST_REASON],
    )


def _known(lines: Iterable[Mapping[str, Any]]) -> set[UUID]:
    wanted = {identifier for line in lines if (identifier := _identifier(line)) is not None}
    return set(Image.objects.filter(pk__in=wanted).values_list("pk", flat=True))


def _identifier(line: Mapping[str, Any]) -> UUID | None:
    text = str(line.get("image") or "")
    return UUID(text) if text else None
