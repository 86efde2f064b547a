"""Claims: which reader has which image for now, and the locks that every step of a reading takes."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from classifier.models import Image, JobStatus, Prediction
from classifier.selectors import answering_rows
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from reviews.exceptions import ReadingConflict
from reviews.models import Reading, ReadingProtocol, ReviewEvent
from reviews.selectors import governing_protocols, has_list_aside, may_hold, readable, reading_state
from reviews.selectors.offers import Offer, offers
from reviews.selectors.worklist import begun
from reviews.services.ledger import append
from reviews.services.protocols import ensure_protocol
from reviews.services.statements import Statement

LEASE: Final = timedelta(minutes=20)
LABEL: Final = Reading.Purpose.LABEL


@transaction.atomic
def claim_next(*, reader: User, collection: Collection, aside: bool = False) -> Reading | None:
    """The reader's own open reading, else a new one on what is offered next; None if nothing is.

    Two readers who ask at once get different images where there is more than one; one who asks twice gets one.

    Args:
        aside: take from the images that the machine gave no class (see `selectors.set_aside`), not from the worklist.

    Raises:
        ReadingConflict: there is no such list in this collection's protocol.
    """
    ensure_protocol(collection)
    if aside and not has_list_aside(collection):
        raise ReadingConflict(
            "Images that the model gave no class have a list of their own only where the protocol shows its answer "
            "from the start. Here they are in the worklist, among the others.",
            code="no_list_aside",
        )
    # One claim of a reader's at a time: the second then finds what the first began.
    User.objects.select_for_update(no_key=True).get(pk=reader.pk)
    if (reading := _go_on(reader, collection, aside=aside)) is not None:
        return reading
    # Locked rows are another claim's at this moment. If nothing else waits, wait for it: a place may be left.
    for skip_locked in (True, False):
        for offer in offers(reader, collection, aside=aside):
            if (image := _lock_first(offer.images, skip_locked=skip_locked)) is not None:
                return _claim(reader, image, offer)
    return None


@transaction.atomic
def claim_image(*, reader: User, image: Image) -> Reading:
    """A reading of this image, or the reader's own that there is already, finished or not.

    Raises:
        ReadingConflict: the image cannot be read: not analysed yet, hidden, or with enough readers.
    """
    ensure_protocol(image.collection)
    locked = _lock(Image.objects.filter(pk=image.pk)).get()
    mine = Reading.objects.filter(image=locked, reader=reader, purpose=LABEL)
    if (finished := mine.filter(finished_at__isnull=False).first()) is not None:
        return finished
    chosen = Offer(readable(reader, image.collection).filter(pk=image.pk), Reading.Drawn.CHOSEN)
    if not chosen.images.exists():
        raise ReadingConflict(
            "This image cannot be read now: it has enough readers, or its pixels are not to be seen.",
            code="image_not_to_be_read",
        )
    return _claim(reader, locked, chosen)


@transaction.atomic
def renew_lease(*, reader: User, reading: Reading) -> Reading:
    """Keep the claim for another twenty minutes.

    Raises:
        ReadingConflict: the reading is finished, lost to another reader, or its image is hidden.
    """
    held = lock_reading(reader=reader, reading=reading)
    if held.finished_at is not None:
        raise ReadingConflict("This reading is finished.", code="reading_finished")
    keep_claim(held)
    return held


def lock_reading(*, reader: User, reading: Reading) -> Reading:
    """Lock the image, then the reading, as every step does first: the steps of one reading follow each other.

    It comes with its events as they are under the lock.

    Raises:
        PermissionDenied: it is another's; doors answer 404 before it comes to this.
    """
    _lock(Image.objects.filter(pk=reading.image_id)).get()
    held = (
        Reading.objects.select_for_update(of=("self",))
        .select_related("image", "image__collection", "protocol", "reader")
        .prefetch_related("events")
        .get(pk=reading.pk)
    )
    if held.reader_id != reader.pk:
        raise PermissionDenied("This reading is another reader's.")
    return held


def keep_claim(held: Reading) -> None:
    """Check that a locked reading may go on, and renew its lease.

    A claim that ran out is simply taken up again, unless enough others have come meanwhile.

    Raises:
        ReadingConflict: the image is hidden or gone, or the place was taken.
    """
    if not held.image.pixels_available:
        raise ReadingConflict(
            "The pixels of this image were hidden or removed; it is not read any more. Take the next one.",
            code="image_hidden",
        )
    if held.finished_at is not None:
        return
    if held.purpose != LABEL:  # takes no place, so nobody can have taken it
        _renew(held.pk)
        return
    leased = Reading.objects.filter(pk=held.pk, lease_expires_at__gt=Now()).exists()
    if not leased and not may_hold(held.reader, held.image):
        raise ReadingConflict(
            "Your claim on this image ran out and another reader took it. Take the next one.",
            code="claim_lost",
        )
    _renew(held.pk)


def answer_to(image: Image) -> Prediction | None:
    """What a reveal shows: the answer of the version that read when the image came, never another version's."""
    return answering_rows().filter(image=image, status=JobStatus.SUCCEEDED).first()


def _go_on(reader: User, collection: Collection, *, aside: bool) -> Reading | None:
    """The reader's oldest open reading of the list, its lease renewed; a place lost at this moment is passed over."""
    mine = begun(reader, collection, aside=aside)
    passed: list[UUID] = []
    while (reading := mine.exclude(pk__in=passed).first()) is not None:
        image = _lock(Image.objects.filter(pk=reading.image_id)).get()
        if mine.filter(pk=reading.pk).exists():
            _renew(reading.pk)
            return _shown(reading, image)
        passed.append(reading.pk)
    return None


def _claim(reader: User, image: Image, offer: Offer) -> Reading:
    """Make or renew the reader's reading of a locked image that is free for them."""
    reading, begins = Reading.objects.get_or_create(
        image=image,
        reader=reader,
        purpose=offer.purpose,
        defaults={
            "protocol": _protocol_for(image, offer),
            "lease_expires_at": Now() + LEASE,
            "repeats": offer.repeats,
            "drawn": offer.drawn,
        },
    )
    if begins:
        record(action="reading.begun", actor=reader, target=reading, collection_id=image.collection_id)
    else:
        _renew(reading.pk)
    return _shown(reading, image)


def _protocol_for(image: Image, offer: Offer) -> ReadingProtocol:
    """The one that governs the image; for what counts for no label, the one in force, as the reader expects."""
    if offer.purpose == LABEL and (governing := governing_protocols([image.pk]).get(image.pk)) is not None:
        return governing
    return ensure_protocol(image.collection)


def _shown(reading: Reading, image: Image) -> Reading:
    """The reading as it stands now, with the machine's answer on record where the protocol shows it from the start."""
    reading.refresh_from_db(fields=["claimed_at", "lease_expires_at"])
    if reading.protocol.mode == ReadingProtocol.Mode.ASSISTED and reading_state(reading).reveal is None:
        append(reading, ReviewEvent.Kind.REVEAL, Statement(), prediction=answer_to(image))
    return reading


def _lock_first(waiting: QuerySet[Image], *, skip_locked: bool) -> Image | None:
    """Lock the first image of an offer that is still free once it is locked.

    The query sees the readings as they were when it began. One that was committed while it waited shows only to
    a later statement, hence the second look.
    """
    passed: list[UUID] = []
    while (image := _lock(waiting.exclude(pk__in=passed), skip_locked=skip_locked).first()) is not None:
        if waiting.filter(pk=image.pk).exists():
            return image
        passed.append(image.pk)
    return None


def _lock(images: QuerySet[Image], *, skip_locked: bool = False) -> QuerySet[Image]:
    # NO KEY: rows that refer to the image may be inserted meanwhile.
    return images.select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)


def _renew(reading_id: UUID) -> None:
    Reading.objects.filter(pk=reading_id).update(lease_expires_at=Now() + LEASE)
