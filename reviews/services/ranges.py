"""One first read for several images of a study at once: each image gets a reading of its own, or none of them does."""

from typing import Any, Final
from uuid import UUID, uuid5

from django.db import transaction

from classifier.models import Image
from mriplatform.accounts.models import User
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import Reading, ReviewEvent
from reviews.selectors.beside import images_of_study
from reviews.services.claims import claim_image
from reviews.services.reading import commit_first_read

# What belongs to the image that was looked at while it was said, and to none of the others.
OF_ONE_IMAGE: Final = ("region", "active_ms")


@transaction.atomic
def commit_first_reads(
    *, reader: User, reading: Reading, first: int, last: int, idempotency_key: UUID, **said: Any
) -> list[ReviewEvent]:
    """Say the same of every image from `first` to `last` of the reading's study, before the machine's answer to any.

    Each image is claimed and gets a first read of its own, as if it had been read by itself; its reveal and its
    verdict follow by themselves. Sent twice, it is said once.

    Args:
        reading: the reader's own, of an image within the range.
        first, last: places in the study as the viewer counts them, from 1, both included.
        said: as for `commit_first_read`; a region stays with the image that was being read.

    Raises:
        ReviewRefused: 400, the range is none, or leaves out the image being read; else as for a first read.
        ReadingConflict: some image cannot be read by this reader, or has their first read. The sentence names it,
            and nothing is recorded.
    """
    images = _chosen(reading, first, last)
    events = []
    for number, image in enumerate(images, start=first):
        own = image.pk == reading.image_id
        words = said if own else {name: said[name] for name in said if name not in OF_ONE_IMAGE}
        try:
            each = reading if own else claim_image(reader=reader, image=image)
            key = uuid5(idempotency_key, str(image.pk))
            event = commit_first_read(reader=reader, reading=each, idempotency_key=key, **words)
        except ReadingConflict as conflict:
            raise ReadingConflict(
                f"Nothing was recorded, because of image {number}. {conflict.sentence}", code="range_not_free"
            ) from conflict
        events.append(event)
    return events


def _chosen(reading: Reading, first: int, last: int) -> list[Image]:
    images = images_of_study(reading)
    if not 1 <= first <= last <= len(images):
        raise ReviewRefused(
            f"The study has images 1 to {len(images)}; a range goes from a lower to a higher of these.",
            code="no_such_range", status=400,
        )  # fmt: skip
    chosen = images[first - 1 : last]
    if reading.image_id not in {image.pk for image in chosen}:
        raise ReviewRefused(
            "The range leaves out the image that you are reading. Choose one that holds it.",
            code="range_without_image", status=400,
        )  # fmt: skip
    return chosen
