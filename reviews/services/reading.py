"""The steps of a reading: claim, first read, reveal, verdict, amendment; taking back stands in a file of its own."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from mriplatform.accounts.models import User
from reviews.exceptions import ReadingConflict
from reviews.models import Reading, ReadingProtocol, ReviewEvent
from reviews.selectors import ReadingState, Step, machine_answer, reading_state
from reviews.services.claims import (
    answer_to,
    claim_image,
    claim_next,
    keep_claim,
    lock_reading,
    renew_lease,
)
from reviews.services.drafts import ensure_unchanged, save_draft
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
from reviews.services.taking_back import undo, withdraw
from reviews.services.telling import tell_review

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
    "withdraw",
]

Kind = ReviewEvent.Kind
Mode = ReadingProtocol.Mode


@transaction.atomic
def commit_first_read(
    *,
    reader: User,
    reading: Reading,
    label: str,
    confidence: int | None = None,
    image_quality: str = "",
    location: str = "",
    region: dict[str, Any] | None = None,
    active_ms: int | None = None,
    idempotency_key: UUID | None = None,
) -> ReviewEvent:
    """Say what the image shows before the machine's answer does: a class and how sure, or `not_assessable`.

    Args:
        image_quality, location, region: what the reader adds of the image and its finding, if anything.
        active_ms: how long they worked on it, as their client measured it; more than went by is cut off.

    Raises:
        ReviewRefused: 400, an unknown label, confidence, quality or location, or a malformed region or time; 422,
            the key was used for another statement.
        ReadingConflict: the protocol has no first read, it is committed already, or the claim is lost.
    """
    statement = first_read_statement(
        Statement.with_findings(
            label=label, confidence=confidence, image_quality=image_quality, location=location, region=region
        )
    )
    held = lock_reading(reader=reader, reading=reading)
    if (said := said_before(held, idempotency_key, Kind.FIRST_READ, statement)) is not None:
        return said
    keep_claim(held)
    state = reading_state(held)
    if state.mode == Mode.ASSISTED:
        raise ReadingConflict("An assisted reading has no first read; give a verdict.", code="no_first_read")
    if state.step != Step.FIRST_READ:
        raise ReadingConflict("Your first read is committed already.", code="first_read_committed")
    event = append(held, Kind.FIRST_READ, statement, idempotency_key=idempotency_key, active_ms=active_ms)
    Reading.objects.filter(pk=held.pk).update(draft={})
    return event


@transaction.atomic
def reveal(*, reader: User, reading: Reading, active_ms: int | None = None) -> ReviewEvent:
    """Show the machine's answer, and put on record that it was shown, and which; the second time changes nothing.

    Raises:
        ReviewRefused: 400, an active time that is none.
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
    shown = append(held, Kind.REVEAL, Statement(), prediction=prediction, active_ms=active_ms)
    if "active_ms" in held.draft:  # of the step that is done; what was typed is for the next
        held.draft.pop("active_ms")
        held.save(update_fields=["draft"])
    return shown


@transaction.atomic
def give_verdict(
    *,
    reader: User,
    reading: Reading,
    verdict: str,
    label: str = "",
    reason: str = "",
    note: str = "",
    image_quality: str = "",
    location: str = "",
    region: dict[str, Any] | None = None,
    active_ms: int | None = None,
    idempotency_key: UUID | None = None,
) -> ReviewEvent:
    """Say the last word of this reading: confirm or correct the machine's answer, or `not_assessable`.

    Confirming a machine that gave no class is recorded as what it means, `not_assessable`.
    In an unaided reading it is the reader's own first read that is confirmed or corrected. A correction needs a
    reason, and so does a change from the first read to the machine's answer. Quality, location, region and active
    time are as for a first read.

    Raises:
        ReviewRefused: 400, a word outside its list, or a malformed region or time; 422, a verdict that contradicts
            its label or lacks its reason, or a key that was used for another statement.
        ReadingConflict: the steps before are missing, a verdict is given already, or the claim is lost.
    """
    held = lock_reading(reader=reader, reading=reading)
    raw = _said(
        held, label=label, verdict=verdict, reason=reason, note=note,
        image_quality=image_quality, location=location, region=region,
    )  # fmt: skip
    if (said := said_before(held, idempotency_key, Kind.VERDICT, raw)) is not None:
        return said
    keep_claim(held)
    state = reading_state(held)
    ensure_at_verdict(state)
    if state.step == Step.DONE:
        raise ReadingConflict("A verdict is given already; amend it instead.", code="verdict_given")
    event = _conclude(held, state, Kind.VERDICT, raw, key=idempotency_key, active_ms=active_ms)
    Reading.objects.filter(pk=held.pk).update(finished_at=Now(), draft={})
    tell_review(held)
    refresh_finality(held.image.study_id, image_id=held.image_id)
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
    image_quality: str = "",
    location: str = "",
    region: dict[str, Any] | None = None,
    active_ms: int | None = None,
    idempotency_key: UUID | None = None,
    if_revision: str | None = None,
) -> ReviewEvent:
    """Say otherwise later: the new verdict supersedes the one in force, which stays on record.

    It is said whole: a reason, quality, location or region that it leaves out is not said any more. What is in force
    already is not said twice: the same content returns the event that says it.

    Args:
        if_revision: the `reading_revision` that the caller saw; what was said of another is refused.

    Raises:
        ReviewRefused: as for a verdict.
        ReadingConflict: no verdict is given yet, or the image is hidden; 412, the reading changed meanwhile.
    """
    held = lock_reading(reader=reader, reading=reading)
    raw = _said(
        held, label=label, verdict=verdict, reason=reason, note=note,
        image_quality=image_quality, location=location, region=region,
    )  # fmt: skip
    if (said := said_before(held, idempotency_key, Kind.AMENDMENT, raw)) is not None:
        return said
    ensure_unchanged(held, if_revision)
    keep_claim(held)
    state = reading_state(held)
    if state.verdict is None:
        raise ReadingConflict("There is no verdict to amend yet.", code="verdict_missing")
    event = _conclude(held, state, Kind.AMENDMENT, raw, key=idempotency_key, active_ms=active_ms)
    if event != state.verdict:
        tell_review(held)
    refresh_finality(held.image.study_id, image_id=held.image_id)
    return event


def _said(held: Reading, *, note: str, **words: Any) -> Statement:
    """What was said, its note and findings checked, and a confirmation as it is meant."""
    answer = machine_answer(held)
    raw = Statement.with_findings(note=clean_note(note), **words)
    return as_meant(raw, answer.label if answer else "")


def _conclude(
    held: Reading,
    state: ReadingState,
    kind: ReviewEvent.Kind,
    raw: Statement,
    *,
    key: UUID | None,
    active_ms: int | None,
) -> ReviewEvent:
    """Check a verdict against what it is about, and add it, superseding the one in force."""
    answer = machine_answer(held)
    statement = verdict_statement(state=state, machine_answer=answer.label if answer else "", raw=raw)
    standing = state.verdict
    if standing is not None and statement == Statement.of(standing):
        return standing
    return append(
        held,
        kind,
        statement,
        idempotency_key=key,
        prediction=answer,
        saw_prediction=state.shows_answer,
        supersedes=standing,
        active_ms=active_ms,
    )
