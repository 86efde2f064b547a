"""Adds review events: the one place that does."""

from uuid import UUID

from django.db.models import Max

from classifier.models import Prediction
from mriplatform.audit.recording import record
from mriplatform.identifiers import uuid7
from reviews.exceptions import ReviewRefused
from reviews.models import Reading, ReviewEvent
from reviews.services.statements import Statement


def append(
    reading: Reading,
    kind: ReviewEvent.Kind,
    statement: Statement,
    *,
    idempotency_key: UUID | None = None,
    prediction: Prediction | None = None,
    saw_prediction: bool = False,
    supersedes: ReviewEvent | None = None,
) -> ReviewEvent:
    """Add an event to a locked reading, with its trace in the audit (which does not repeat what was said)."""
    last = ReviewEvent.objects.filter(reading=reading).aggregate(last=Max("sequence"))["last"] or 0
    event = ReviewEvent.objects.create(
        reading=reading,
        sequence=last + 1,
        kind=kind,
        label=statement.label,
        verdict=statement.verdict,
        confidence=statement.confidence,
        reason=statement.reason,
        note=statement.note,
        prediction=prediction,
        saw_prediction=saw_prediction,
        supersedes=supersedes,
        idempotency_key=idempotency_key or uuid7(),
    )
    record(
        action=f"reading.{kind.value}", actor=reading.reader, target=reading,
        collection_id=reading.image.collection_id, event=str(event.pk),
    )  # fmt: skip
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
    earlier = Statement(event.label, event.verdict, event.confidence, event.reason, event.note)
    label_implied = statement.verdict == ReviewEvent.Verdict.CONFIRM and not statement.label
    if label_implied:
        statement = Statement(event.label, statement.verdict, None, statement.reason, statement.note)
    if event.kind != kind or earlier != statement:
        raise ReviewRefused(
            "This idempotency key was used before with other content. Use a new key for a new statement.",
            code="idempotency_key_reused",
        )
    return event
