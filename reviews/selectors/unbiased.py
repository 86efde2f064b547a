"""Which images were read whatever the machine answers on them: on these alone its live accuracy is unbiased."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np

from mriplatform.accounts.models import Collection
from reviews.figures.data import Bools, Floats
from reviews.models import Reading, ReadingProtocol, ReviewEvent

DAY: Final = 86_400
_WHATEVER: Final = (Reading.Drawn.RANDOM, Reading.Drawn.ARRIVAL)


def unbiased_images(
    collection: Collection, places: Mapping[UUID, int], arrived: Floats, aside: Bools
) -> Bools:
    """Which images (N,) nothing chose by their answer, and nothing passed over by it while they waited.

    It is not enough that the reading which was said first was drawn at random or came in order of arrival: an order by
    the answer that was in force before may have taken the others, so that what is left is what it passed over. Of the
    images that waited under such an order only those count that were in its random share. And where the protocol shows
    the answer from the start, images without a class wait in a list of their own: readers take from it by the answer.

    Args:
        arrived: (N,), in days. aside: (N,), whether the machine gave no class.
    """
    drawn = np.zeros(len(places), bool)
    claimed, draw = np.zeros(len(places)), np.ones(len(places))
    for image, how, when, number in _first_readings(collection):
        if (place := places.get(image)) is not None and number is not None:
            drawn[place] = how in _WHATEVER
            claimed[place], draw[place] = when.timestamp() / DAY, number
    for begin, end, protocol in _in_force(collection):
        waited = (arrived < end) & (claimed >= begin)
        if protocol.order != ReadingProtocol.Order.ARRIVAL:
            drawn &= ~(waited & (draw >= protocol.random_share))
        if protocol.mode == ReadingProtocol.Mode.ASSISTED:
            drawn &= ~(waited & aside)
    return drawn


def _first_readings(collection: Collection) -> Iterator[tuple[UUID, str, datetime, float | None]]:
    """Of each image that was read for a label, the reading in which somebody first said something about it."""
    first = ReviewEvent.objects.filter(
        sequence=1, reading__image__collection=collection, reading__purpose=Reading.Purpose.LABEL
    )
    rows = first.order_by("reading__image", "at", "id").distinct("reading__image")
    columns = ("reading__image", "reading__drawn", "reading__claimed_at", "reading__image__entry__draw")
    yield from rows.values_list(*columns).iterator(chunk_size=20_000)


def _in_force(collection: Collection) -> list[tuple[float, float, ReadingProtocol]]:
    """Each version of the protocol, from when until when it was in force, in days."""
    versions = list(ReadingProtocol.objects.filter(collection=collection).order_by("version"))
    begins = [version.created_at.timestamp() / DAY for version in versions]
    return list(zip(begins, [*begins, np.inf][1:], versions, strict=True))
