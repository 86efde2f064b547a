"""Adds review events: the one place that does."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models.functions import Now

from classifier.models import Prediction
from mriplatform.audit.recording import record
from mriplatform.identifiers import uuid7
from reviews.exceptions import ReviewRefused
from reviews.models import Reading, ReviewEvent
from reviews.services.findings import known_active_ms
from reviews.services.statements import Statement

_MILLISECOND: Final = timedelta(milliseconds=1)


def append(
    reading: Reading,
    kind: ReviewEvent.Kind,
    statement: Statement,
    *,
    idempotency_key: UUID | None = None,
    prediction: Prediction | None = None,
    saw_prediction: bool = False,
    supersedes: ReviewEvent | None = None,
    active_ms: int | None = None,
) -> ReviewEvent:
    """Add an event to a locked reading, with its trace in the audit (which does not repeat what was said).

    Args:
        active_ms: what the reader's client measured. Never more is kept than went by since the event before, or since
            the claim: a client's clock may run wrong, or say what it likes.

    Raises:
        ReviewRefused: 400, an active time that is none.
    """
    before = (
        ReviewEvent.objects.filter(reading=reading).order_by("-sequence").values("sequence", "at").first()
    )
    since = before["at"] if before else reading.claimed_at
    event = ReviewEvent.objects.create(
        reading=reading,
        sequence=before["sequence"] + 1 if before else 1,
        kind=kind,
        label=statement.label,
        verdict=statement.verdict,
        confidence=statement.confidence,
        reason=statement.reason,
        note=statement.note,
        image_quality=statement.image_quality,
        location=statement.location,
        region=statement.region,
        active_ms=_clipped(reading, known_active_ms(active_ms), since),
        prediction=prediction,
        saw_prediction=saw_prediction,
        supersedes=supersedes,
        idempotency_key=idempotency_key or uuid7(),
    )
    record(
        action=f"reading.{kind.value}", actor=reading.reader, target=reading,
        collection_id=reading.image.collection_id, event=str(event.pk),
    )  # fmt: skip
    # What was read under the lock lacks this one; it is read again if somebody asks.
    getattr(reading, "_prefetched_objects_cache", {}).pop("events", None)
    return event


def said_before(
    reading: Reading, idempotency_key: UUID | None, kind: ReviewEvent.Kind, statement: Statement
) -> ReviewEvent | None:
    """The event that an earlier request with this key added, if there was one.

    A confirmation may leave its label out the second time too: it is the same confirmation.

    Raises:
        ReviewRefused: the key was used for something else.
    """
    if idempotency_key is None:
        return None
    event = ReviewEvent.objects.filter(reading=reading, idempotency_key=idempotency_key).first()
    if event is None:
        return None
    earlier = Statement.of(event)
    label_implied = statement.verdict == ReviewEvent.Verdict.CONFIRM and not statement.label
    if label_implied:
        statement = replace(statement, label=event.label)
    if event.kind != kind or earlier != statement:
        raise ReviewRefused(
            "This idempotency key was used before with other content. Use a new key for a new statement.",
            code="idempotency_key_reused",
        )
    return event


def _clipped(reading: Reading, active_ms: int | None, since: datetime) -> int | None:
    """At most what went by since then, by the database's clock."""
    if active_ms is None:
        return None
    now: datetime = Reading.objects.filter(pk=reading.pk).values_list(Now(), flat=True).get()
    return max(0, min(active_ms, (now - since) // _MILLISECOND))
