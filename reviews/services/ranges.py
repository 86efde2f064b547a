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
CHANGED: Final = (
    "Nothing was recorded: the study has other images now than you saw; one was hidden, came back, or was sent since. "
    "Reload the page, or ask for the study again, then name the range again."
)


@transaction.atomic
def commit_first_reads(
    *,
    reader: User,
    reading: Reading,
    first: UUID,
    last: UUID,
    idempotency_key: UUID,
    of: int | None = None,
    **said: Any,
) -> list[ReviewEvent]:
    """Say the same of every image from `first` to `last` of the reading's study, before the machine's answer to any.

    Each image is claimed and gets a first read of its own, as if it had been read by itself; its reveal and its
    verdict follow by themselves. Sent twice, it is said once, of the same images: also where one of them was hidden
    in between.

    Args:
        reading: the reader's own, of an image within the range.
        first, last: images of the study, in its order, both included. What nobody may see between them is left out.
        of: how many images of the study could be seen when the range was chosen; None where that was not told. Nobody
            says anything of an image unseen, so it is held against the very list that the range is taken from.
        said: as for `commit_first_read`; a region stays with the image that was being read.

    Raises:
        ReviewRefused: 400, the range is none, or leaves out the image being read; else as for a first read.
        ReadingConflict: the study has more images than were seen, or fewer; or some image cannot be read by this
            reader, or has their first read. The sentence names it, and nothing is recorded.
    """
    between = _between(reading, first, last, of)
    keys = {image.pk: uuid5(idempotency_key, str(image.pk)) for image in between}
    # All of them first, in the order in which everybody locks several: one by one, as the study has them, could end in
    # two who wait for each other.
    list(Image.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk").values_list("pk"))
    begun = {reading.image_id: reading} | _said_with(reader, keys)
    events = []
    for image in between:
        if not (image.pixels_available or image.pk in begun):
            continue
        words = said if image.pk == reading.image_id else _shared(said)
        try:
            each = begun.get(image.pk) or claim_image(reader=reader, image=image)
            event = commit_first_read(reader=reader, reading=each, idempotency_key=keys[image.pk], **words)
        except ReadingConflict as conflict:
            raise ReadingConflict(
                f"Nothing was recorded, because of image {_place(reading, image)}. {conflict.sentence}",
                code="range_not_free",
            ) from conflict
        events.append(event)
    return events


def image_at(reading: Reading, place: int, of: int | None = None) -> UUID:
    """The image at a place of the reading's study as the viewer counts them: from 1, those that may be seen.

    Args:
        of: as for `commit_first_reads`.

    Raises:
        ReviewRefused: 400, there is no such place.
        ReadingConflict: the study has other images now, and its places may be others'.
    """
    images = images_of_study(reading)
    _ensure_seen(images, of)
    if not 1 <= place <= len(images):
        raise _no_range(f"The study has images 1 to {len(images)}")
    return images[place - 1].pk


def _ensure_seen(images: list[Image], of: int | None) -> None:
    if of not in (None, sum(image.pixels_available for image in images)):
        raise ReadingConflict(CHANGED, code="study_changed")


def _between(reading: Reading, first: UUID, last: UUID, of: int | None) -> list[Image]:
    images = list(Image.objects.filter(study_id=reading.image.study_id).order_by("position", "id"))
    _ensure_seen(images, of)
    places = {image.pk: place for place, image in enumerate(images)}
    if first not in places or last not in places:
        raise _no_range("An end of the range is no image of this study")
    if places[first] > places[last]:
        raise _no_range("The range ends before it begins")
    chosen = images[places[first] : places[last] + 1]
    if reading.image_id not in {image.pk for image in chosen}:
        raise ReviewRefused(
            "The range leaves out the image that you are reading. Choose one that holds it.",
            code="range_without_image", status=400,
        )  # fmt: skip
    return chosen


def _said_with(reader: User, keys: dict[UUID, UUID]) -> dict[UUID, Reading]:
    """By image, the readings in which this same request has been said before."""
    said = ReviewEvent.objects.filter(reading__reader=reader, reading__image__in=keys)
    found = said.filter(idempotency_key__in=keys.values()).select_related("reading")
    return {event.reading.image_id: event.reading for event in found}


def _shared(said: dict[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in said if name not in OF_ONE_IMAGE}


def _place(reading: Reading, image: Image) -> int:
    places = [each.pk for each in images_of_study(reading)]
    return places.index(image.pk) + 1 if image.pk in places else image.position + 1


def _no_range(what: str) -> ReviewRefused:
    sentence = f"{what}; a range goes from an image of the study to the same or a later one."
    return ReviewRefused(sentence, code="no_such_range", status=400)
