"""The steps of a reading: claim, first read, reveal, verdict, and the ways to take a step back."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from mriplatform.accounts.models import User
from reviews.exceptions import ReadingConflict
from reviews.models import Reading, ReadingProtocol, ReviewEvent
from reviews.selectors import (
    UNDO_SECONDS,
    ReadingState,
    Step,
    machine_answer,
    reading_state,
)
from reviews.services.claims import (
    LEASE,
    answer_to,
    claim_image,
    claim_next,
    keep_claim,
    lock_reading,
    renew_lease,
)
from reviews.services.drafts import save_draft
from reviews.services.finality import refresh_finality
from reviews.services.ledger import append, said_before
from reviews.services.statements import (
    Statement,
    as_meant,
    clean_note,
    ensure_at_verdict,
    first_read_statement,
    verdict_statement,
)

__all__ = [
    "amend",
    "claim_image",
    "claim_next",
    "commit_first_read",
    "give_verdict",
    "renew_lease",
    "reveal",
    "save_draft",
    "undo",
]

Kind = ReviewEvent.Kind
Mode = ReadingProtocol.Mode
UNDO: Final = "undo"
# What the page counts down, and a little for the request's way here.
UNDO_WINDOW: Final = timedelta(seconds=UNDO_SECONDS + 2)


@transaction.atomic
def commit_first_read(
    *,
    reader: User,
    reading: Reading,
    label: str,
    confidence: int | None = None,
    idempotency_key: UUID | None = None,
) -> ReviewEvent:
    """Say what the image shows before the machine's answer does: a class and how sure, or `not_assessable`.

    Raises:
        ReviewRefused: 400, an unknown label or confidence; 422, the key was used for another statement.
        ReadingConflict: the protocol has no first read, it is committed already, or the claim is lost.
    """
    statement = first_read_statement(label, confidence)
    held = lock_reading(reader=reader, reading=reading)
    if (said := said_before(held, idempotency_key, Kind.FIRST_READ, statement)) is not None:
        return said
    keep_claim(held)
    state = reading_state(held)
    if state.mode == Mode.ASSISTED:
        raise ReadingConflict("An assisted reading has no first read; give a verdict.", code="no_first_read")
    if state.step != Step.FIRST_READ:
        raise ReadingConflict("Your first read is committed already.", code="first_read_committed")
    event = append(held, Kind.FIRST_READ, statement, idempotency_key=idempotency_key)
    Reading.objects.filter(pk=held.pk).update(draft={})
    return event


@transaction.atomic
def reveal(*, reader: User, reading: Reading) -> ReviewEvent:
    """Show the machine's answer, and put on record that it was shown, and which; the second time changes nothing.

    Raises:
        ReadingConflict: the first read is missing, the protocol never shows it, there is no answer, or the claim
            is lost.
    """
    held = lock_reading(reader=reader, reading=reading)
    state = reading_state(held)
    if state.reveal is not None:
        return state.reveal
    keep_claim(held)
    if state.mode == Mode.UNAIDED:
        raise ReadingConflict("This protocol never shows the machine's answer.", code="never_revealed")
    if state.step == Step.FIRST_READ:
        raise ReadingConflict(
            "Commit your first read before you see the machine's answer.", code="first_read_missing"
        )
    prediction = answer_to(held.image)
    if prediction is None:
        raise ReadingConflict("This image has no answer of the machine's.", code="not_analysed")
    return append(held, Kind.REVEAL, Statement(), prediction=prediction)


@transaction.atomic
def give_verdict(
    *,
    reader: User,
    reading: Reading,
    verdict: str,
    label: str = "",
    reason: str = "",
    note: str = "",
    idempotency_key: UUID | None = None,
) -> ReviewEvent:
    """Say the last word of this reading: confirm or correct the machine's answer, or `not_assessable`.

    Confirming a machine that gave no class is recorded as what it means, `not_assessable`.
    In an unaided reading it is the reader's own first read that is confirmed or corrected. A correction needs a
    reason, and so does a change from the first read to the machine's answer.

    Raises:
        ReviewRefused: 400, a word outside its list; 422, a verdict that contradicts its label or lacks its reason,
            or a key that was used for another statement.
        ReadingConflict: the steps before are missing, a verdict is given already, or the claim is lost.
    """
    held = lock_reading(reader=reader, reading=reading)
    raw = _said(held, Statement(label=label, verdict=verdict, reason=reason, note=clean_note(note)))
    if (said := said_before(held, idempotency_key, Kind.VERDICT, raw)) is not None:
        return said
    keep_claim(held)
    state = reading_state(held)
    ensure_at_verdict(state)
    if state.step == Step.DONE:
        raise ReadingConflict("A verdict is given already; amend it instead.", code="verdict_given")
    event = _conclude(held, state, Kind.VERDICT, raw, idempotency_key)
    Reading.objects.filter(pk=held.pk).update(finished_at=Now(), draft={})
    refresh_finality(held.image.study_id)
    return event


@transaction.atomic
def amend(
    *,
    reader: User,
    reading: Reading,
    verdict: str,
    label: str = "",
    reason: str = "",
    note: str = "",
    idempotency_key: UUID | None = None,
) -> ReviewEvent:
    """Say otherwise later: the new verdict supersedes the one in force, which stays on record.

    What is in force already is not said twice: the same content returns the event that says it.

    Raises:
        ReviewRefused: as for a verdict.
        ReadingConflict: no verdict is given yet, or the image is hidden.
    """
    held = lock_reading(reader=reader, reading=reading)
    raw = _said(held, Statement(label=label, verdict=verdict, reason=reason, note=clean_note(note)))
    if (said := said_before(held, idempotency_key, Kind.AMENDMENT, raw)) is not None:
        return said
    keep_claim(held)
    state = reading_state(held)
    if state.verdict is None:
        raise ReadingConflict("There is no verdict to amend yet.", code="verdict_missing")
    event = _conclude(held, state, Kind.AMENDMENT, raw, idempotency_key)
    refresh_finality(held.image.study_id)
    return event


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
        Reading.objects.filter(pk=held.pk).update(finished_at=None, lease_expires_at=Now() + LEASE)
        refresh_finality(held.image.study_id)
    return withdrawal


def _said(held: Reading, statement: Statement) -> Statement:
    answer = machine_answer(held)
    return as_meant(statement, answer.label if answer else "")


def _conclude(
    held: Reading, state: ReadingState, kind: ReviewEvent.Kind, raw: Statement, key: UUID | None
) -> ReviewEvent:
    """Check a verdict against what it is about, and add it, superseding the one in force."""
    answer = machine_answer(held)
    statement = verdict_statement(
        state=state,
        machine_answer=answer.label if answer else "",
        verdict=raw.verdict,
        label=raw.label,
        reason=raw.reason,
        note=raw.note,
    )
    standing = state.verdict
    if standing is not None and statement == Statement(
        standing.label, standing.verdict, standing.confidence, standing.reason, standing.note
    ):
        return standing
    return append(
        held,
        kind,
        statement,
        idempotency_key=key,
        prediction=answer,
        saw_prediction=state.shows_answer,
        supersedes=standing,
    )


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
