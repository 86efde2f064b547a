"""Asks for figures, and makes them: a dated snapshot of everything that the readings of a collection say."""

import logging
import time
from datetime import datetime
from typing import Final

from django.db import InterfaceError, OperationalError, connection, transaction

from classifier import doorbell
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from reviews.figures.whole import all_figures
from reviews.models import FigureRequest, FigureSnapshot
from reviews.selectors.figure_data import gather
from reviews.selectors.figures import collections_with_due_figures, open_request

logger = logging.getLogger(__name__)

COMPUTE: Final = "reviews.compute_figures"
_QUEUE: Final = "inference"
# One worker makes the figures of a collection at a time.
_FIGURES_LOCK: Final = 0x66_6967  # "fig"


@transaction.atomic
def ask_for_figures(*, actor: User, collection: Collection) -> FigureRequest:
    """Ask that the figures be made anew; as long as nobody has answered, asking again adds nothing but a bell."""
    doorbell.ring(COMPUTE, _QUEUE)
    if waiting := open_request(collection):
        return waiting
    asked = FigureRequest.objects.create(collection=collection, asked_by=actor)
    record(action="figures.asked", actor=actor, target=asked, collection_id=collection.pk)
    return asked


def compute_due_figures() -> FigureSnapshot | None:
    """Make the figures of one collection whose are due, and ring again, so that predictions get in between.

    A collection whose figures cannot be made holds up no other.
    """
    for collection in collections_with_due_figures():
        try:
            snapshot = compute_figures(collection=collection)
        except (OperationalError, InterfaceError):
            raise  # The database is away: no collection's fault, and the next would fail alike.
        except Exception:
            # Whatever it was, it lies in this collection's readings, and is met again at every attempt: the log has
            # the stack, and the others get their figures.
            logger.exception("The figures of collection %s could not be made.", collection.pk)
            continue
        if snapshot is not None:
            doorbell.ring(COMPUTE, _QUEUE)
            return snapshot
    return None


@transaction.atomic
def compute_figures(*, collection: Collection) -> FigureSnapshot | None:
    """Make and keep the figures of a collection; None where another worker is at it.

    Their date is when the reading of what was said began, so that what is said or asked for meanwhile is newer. No row
    is locked: it takes seconds, and nobody who sets a protocol meanwhile waits for it.
    """
    free, started = _begin(collection)
    if not free:
        return None
    begun = time.monotonic()
    found = gather(collection)
    content = all_figures(found.images, found.readings, found.embeddings, found.shadows)
    content["numbers"] = {str(reader): number for reader, number in found.readers.items()}
    seconds = time.monotonic() - begun
    snapshot = FigureSnapshot.objects.create(
        collection=collection,
        content=content,
        events=found.events,
        seconds=round(seconds, 3),
        computed_at=started,
    )
    record(
        action="figures.computed", target=snapshot, collection_id=collection.pk,
        events=found.events, seconds=snapshot.seconds,
    )  # fmt: skip
    return snapshot


def _begin(collection: Collection) -> tuple[bool, datetime]:
    """Whether nobody else makes these figures, which from now on nobody does until the transaction ends; and when."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s)), statement_timestamp()",
            [_FIGURES_LOCK, str(collection.pk)],
        )
        free, now = cursor.fetchone()
    return free, now
