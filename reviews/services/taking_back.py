"""Taking back what was said: at once and without a reason, or later with one. Both are events; nothing is erased."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from mriplatform.accounts.models import User
from reviews.exceptions import ReadingConflict
from reviews.models import Reading, ReviewEvent
from reviews.selectors import UNDO_SECONDS, ReadingState, may_hold, reading_state
from reviews.services.claims import LEASE, keep_claim, lock_reading
from reviews.services.drafts import ensure_unchanged
from reviews.services.finality import refresh_finality
from reviews.services.ledger import append, said_before
from reviews.services.statements import Statement, withdrawal_statement

Kind = ReviewEvent.Kind
UNDO: Final = "undo"
# What the page counts down, and a little for the request's way here.
UNDO_WINDOW: Final = timedelta(seconds=UNDO_SECONDS + 2)


@transaction.atomic
def undo(*, reader: User, reading: Reading, event_id: UUID | None = None) -> ReviewEvent:
    """Withdraw the newest thing said: a first read until the reveal, a verdict for ten seconds.

    Args:
        event_id: the event meant; asking twice then withdraws it once. Without it, whatever is newest.

    Returns:
        The withdrawal.

    Raises:
        ReadingConflict: there is nothing that can still be undone, or the event is not the newest.
    """
    held = lock_reading(reader=reader, reading=reading)
    state = reading_state(held)
    for withdrawal in state.history:
        if (
            event_id is not None
            and withdrawal.supersedes_id == event_id
            and withdrawal.kind == Kind.WITHDRAWAL
        ):
            return withdrawal
    keep_claim(held)
    event = _undoable(state)
    if event_id is not None and event.pk != event_id:
        raise ReadingConflict(
            "Something was said after that; only the newest can be undone.", code="not_newest"
        )
    withdrawal = append(
        held, Kind.WITHDRAWAL, Statement(reason=UNDO), supersedes=event, saw_prediction=state.shows_answer
    )
    if event.kind == Kind.VERDICT:
        _open_again(held)
    return withdrawal


@transaction.atomic
def withdraw(
    *,
    reader: User,
    reading: Reading,
    reason: str,
    note: str = "",
    idempotency_key: UUID | None = None,
    if_revision: str | None = None,
) -> ReviewEvent:
    """Take back the verdict in force, at any time: it counts for nothing then, and the reading waits for another.

    Where enough others have read the image meanwhile, there is no place for a new verdict: the reading then stands
    like one whose claim ran out.

    Args:
        reason: one of `WithdrawalReason`; `other` needs the note.
        if_revision: the `reading_revision` that the caller saw; what was said of another is refused.

    Returns:
        The withdrawal.

    Raises:
        ReviewRefused: 400, an unknown reason or a note that is no text; 422, `other` without a note, or a key that
            was used for another statement.
        ReadingConflict: there is no verdict, or the image is hidden; 412, the reading changed meanwhile.
    """
    held = lock_reading(reader=reader, reading=reading)
    statement = withdrawal_statement(reason, note)
    if (said := said_before(held, idempotency_key, Kind.WITHDRAWAL, statement)) is not None:
        return said
    ensure_unchanged(held, if_revision)
    keep_claim(held)
    state = reading_state(held)
    if state.verdict is None:
        raise ReadingConflict("There is no verdict to take back.", code="verdict_missing")
    withdrawal = append(
        held,
        Kind.WITHDRAWAL,
        statement,
        idempotency_key=idempotency_key,
        supersedes=state.verdict,
        saw_prediction=state.shows_answer,
    )
    _open_again(held)
    return withdrawal


def _open_again(held: Reading) -> None:
    """Let a reading wait for its verdict again, with a claim where a place is free."""
    free = held.purpose != Reading.Purpose.LABEL or may_hold(held.reader, held.image)
    lease = Now() + LEASE if free else Now()
    Reading.objects.filter(pk=held.pk).update(finished_at=None, lease_expires_at=lease)
    refresh_finality(held.image.study_id, image_id=held.image_id)


def _undoable(state: ReadingState) -> ReviewEvent:
    event = state.undoable
    if event is None:
        raise ReadingConflict(
            "There is nothing to undo: the machine's answer was shown, or nothing was said."
            if state.verdict is None
            else "An amendment is not undone; amend it again.",
            code="nothing_to_undo",
        )
    recent = ReviewEvent.objects.filter(pk=event.pk, at__gt=Now() - UNDO_WINDOW)
    if event.kind == Kind.VERDICT and not recent.exists():
        raise ReadingConflict(
            f"A verdict can be undone for {UNDO_SECONDS} seconds; amend it instead.", code="undo_too_late"
        )
    return event
