"""Writes down what happened, in the transaction in which it happens, and puts it in line for who listens."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, Subquery, Value
from django.db.models.functions import Coalesce, Now

from mriplatform.bell import ring_later
from mriplatform.outbox.kinds import RELEASING
from mriplatform.outbox.models import Delivery, Endpoint, OutboxEvent

DELIVER: Final = "outbox.deliver"
QUEUE: Final = "outbox"
# Whoever holds a delivery for an object and whoever publishes about it follow each other.
_HOLD_LOCK: Final = 0x686F6C  # "hol"


@dataclass(frozen=True)
class News:
    """One thing to be published; see `OutboxEvent`."""

    kind: str
    object_id: UUID
    collection_id: UUID | None = None
    data: dict[str, Any] = field(default_factory=dict)
    actor_id: UUID | None = None


def publish(
    *,
    kind: str,
    object_id: UUID,
    data: dict[str, Any],
    collection_id: UUID | None = None,
    actor_id: UUID | None = None,
) -> OutboxEvent:
    """Publish one event; see `publish_all`."""
    (event,) = publish_all([News(kind, object_id, collection_id, data, actor_id)])
    return event


@transaction.atomic(savepoint=False)
def publish_all(news: Sequence[News]) -> list[OutboxEvent]:
    """Add events, in the caller's transaction, and a delivery for each endpoint that listens; ring if there is one.

    The caller holds the row of each object locked, so that what is said of it has an order. Whether an owner may know
    of an event is decided when it is sent, not here. Where nobody listens it costs one INSERT and one SELECT.
    """
    if not news:
        return []
    events = OutboxEvent.objects.bulk_create(
        OutboxEvent(
            kind=one.kind, object_id=one.object_id, sequence=_next(one.object_id),
            collection_id=one.collection_id, actor_id=one.actor_id, data=one.data,
        )
        for one in news
    )  # fmt: skip
    sent = _put_in_line(events)
    released = sum(_release(one.object_id) for one in news if one.kind in RELEASING)
    if sent or released:
        ring_later(DELIVER, QUEUE)
    return events


def hold_lock(object_id: UUID) -> None:
    """Let whoever publishes about an object, or holds something back for it, wait until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_HOLD_LOCK, str(object_id)])


def give_up_time() -> Any:
    """When a delivery that begins now is given up, by the database's clock."""
    return Now() + timedelta(seconds=settings.WEBHOOK_GIVE_UP_SECONDS)


def _next(object_id: UUID) -> Any:
    last = OutboxEvent.objects.filter(object_id=object_id).order_by("-sequence").values("sequence")[:1]
    return Coalesce(Subquery(last), Value(0)) + Value(1)


def _put_in_line(events: Sequence[OutboxEvent]) -> int:
    listening = list(_listening(events))
    pairs = [(endpoint, event) for event in events for endpoint in listening if _listens(endpoint, event)]
    if not pairs:
        return 0
    made = {event.pk for _, event in pairs}
    sequences = dict(OutboxEvent.objects.filter(pk__in=made).values_list("pk", "sequence"))
    Delivery.objects.bulk_create(
        Delivery(
            endpoint=endpoint, event=event, object_id=event.object_id, sequence=sequences[event.pk],
            give_up_at=give_up_time(),
        )
        for endpoint, event in pairs
    )  # fmt: skip
    return len(pairs)


def _listening(events: Iterable[OutboxEvent]) -> Iterable[Endpoint]:
    """What listens to any of the events; what is paused collects them, what was stopped does not."""
    here = {event.collection_id for event in events if event.collection_id is not None}
    return Endpoint.objects.filter(
        Q(collection=None) | Q(collection__in=here),
        state__in=[Endpoint.State.ACTIVE, Endpoint.State.PAUSED],
        kinds__overlap=list({event.kind for event in events}),
    ).only("pk", "collection_id", "kinds")


def _listens(endpoint: Endpoint, event: OutboxEvent) -> bool:
    here = endpoint.collection_id is None or endpoint.collection_id == event.collection_id
    return here and event.kind in endpoint.kinds


def _release(object_id: UUID) -> int:
    """Have what was held for an object looked at again."""
    hold_lock(object_id)
    held = Delivery.objects.filter(state=Delivery.State.HELD, held_for=object_id)
    return held.update(state=Delivery.State.WAITING, held_for=None, next_attempt_at=Now())
