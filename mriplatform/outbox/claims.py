"""The queue of deliveries: one endpoint to one worker at a time, its deliveries in order for each object.

All times are the database's. A worker that loses its lease is fenced off by `Endpoint.claim`; what it had sent and not
recorded is sent again, under the same identifier.
"""

import random
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from mriplatform.outbox.models import Delivery, DeliveryAttempt, Endpoint
from mriplatform.outbox.publishing import give_up_time
from mriplatform.outbox.sending import Outcome

FAILED_FOR_LONG: Final = "Every try has failed since {since:%-d %B %Y, %H:%M} UTC."
GONE: Final = "The receiver answered 410: it wants nothing any more."
KEY_CHANGED: Final = "Its secret cannot be read since the platform's key was changed: give it a new one."
# How often what is held is looked at though nothing was published: a role may have changed.
LOOK_AGAIN: Final = timedelta(hours=12)


@transaction.atomic
def claim_endpoint() -> Endpoint | None:
    """Take an endpoint that has something due, with a lease: of the owner who was served longest ago, so that nobody's
    many slow receivers stand before another's one; of theirs, the one that was served longest ago."""
    of_owner = Endpoint.objects.filter(owner=OuterRef("owner"), claimed_at__isnull=False).order_by(
        "-claimed_at"
    )
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now())
    endpoint = (
        # Whoever publishes refers to the row at the same time, which this lock allows.
        Endpoint.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        .filter(free, Exists(due(OuterRef("pk"))), state=Endpoint.State.ACTIVE, rest_until__lte=Now())
        .order_by(
            Subquery(of_owner.values("claimed_at")[:1]).asc(nulls_first=True),
            F("claimed_at").asc(nulls_first=True),
        )
        .first()
    )
    if endpoint is None:
        return None
    Endpoint.objects.filter(pk=endpoint.pk).update(
        claim=F("claim") + 1, claimed_at=Now(), lease_expires_at=_lease_end()
    )
    return Endpoint.objects.select_related("owner").get(pk=endpoint.pk)


def due(endpoint: Any) -> QuerySet[Delivery]:
    """What is to be sent to an endpoint now: due, and nothing before it of the same object is still on its way."""
    before = Delivery.objects.filter(
        endpoint=OuterRef("endpoint"), object_id=OuterRef("object_id"), sequence__lt=OuterRef("sequence"),
        by_hand=False, state__in=Delivery.OPEN,
    )  # fmt: skip
    return Delivery.objects.filter(
        Q(by_hand=True) | ~Exists(before),
        endpoint=endpoint, state__in=Delivery.OPEN, next_attempt_at__lte=Now(),
    )  # fmt: skip


def next_delivery(endpoint: Endpoint) -> Delivery | None:
    """The delivery that is due first."""
    return due(endpoint).select_related("event").order_by("next_attempt_at", "id").first()


def keep_lease(endpoint: Endpoint) -> bool:
    """Renew the lease; False where another worker has taken the endpoint, or nothing more is to be sent to it."""
    held = _mine(endpoint).filter(state=Endpoint.State.ACTIVE)
    return bool(held.update(lease_expires_at=_lease_end()))


def give_back(endpoint: Endpoint) -> None:
    _mine(endpoint).update(lease_expires_at=None)


def begin_attempt(delivery: Delivery) -> None:
    """Note that it is being sent, before it is: a worker that is lost meanwhile has tried.

    Its time to be given up is counted from the first try, however long it was held.
    """
    first = {} if delivery.cleared_at else {"cleared_at": Now(), "give_up_at": give_up_time()}
    Delivery.objects.filter(pk=delivery.pk).update(
        attempts=F("attempts") + 1, state=Delivery.State.WAITING, held_for=None, **first
    )
    delivery.attempts += 1


@transaction.atomic
def drop(delivery: Delivery) -> None:
    """End a delivery of which its owner must not know."""
    _open(delivery).update(state=Delivery.State.DROPPED, finished_at=Now(), held_for=None)


@transaction.atomic
def hold(delivery: Delivery, wait_for: UUID) -> None:
    """Hold a delivery back until something is published about an object; the caller holds `hold_lock` for it."""
    _open(delivery).update(state=Delivery.State.HELD, held_for=wait_for, next_attempt_at=Now() + LOOK_AGAIN)


@transaction.atomic
def record_outcome(endpoint: Endpoint, delivery: Delivery, outcome: Outcome) -> None:
    """Write down what came of a try, and when the next is due if it failed.

    A delivery that was recorded meanwhile by whoever has the endpoint now stays as it is.
    """
    DeliveryAttempt.objects.create(
        delivery=delivery, number=delivery.attempts, status=outcome.status, milliseconds=outcome.milliseconds,
        error=outcome.error[:200],
    )  # fmt: skip
    if outcome.delivered:
        _open(delivery).update(state=Delivery.State.DELIVERED, finished_at=Now())
        Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=None, failures=0)
        return
    wait = timedelta(seconds=max(_pause(delivery.attempts), _asked_for(outcome)))
    over = _open(delivery).filter(give_up_at__lte=Now() + wait)
    if not over.update(state=Delivery.State.GIVEN_UP, finished_at=Now()):
        _open(delivery).update(next_attempt_at=Now() + wait)
    _note_failure(endpoint, outcome)


def stop(endpoint: Endpoint, reason: str) -> None:
    """Send nothing more to an endpoint until its owner says so; what is in line stays there."""
    Endpoint.objects.filter(pk=endpoint.pk, state=Endpoint.State.ACTIVE).update(
        state=Endpoint.State.DISABLED, state_reason=reason, lease_expires_at=None
    )


def _note_failure(endpoint: Endpoint, outcome: Outcome) -> None:
    """Let a receiver that fails rest, the longer the more often, so that nothing else waits for its time limit; and no
    shorter than it asks for: what it says of one message holds for all."""
    rest = max(min(_pause(endpoint.failures + 1), settings.WEBHOOK_REST_SECONDS), _asked_for(outcome))
    Endpoint.objects.filter(pk=endpoint.pk).update(
        failures=F("failures") + 1,
        failing_since=Coalesce("failing_since", Now()),
        rest_until=Now() + timedelta(seconds=rest),
    )
    endpoint.failures += 1
    if outcome.gone:
        stop(endpoint, GONE)
    limit = timedelta(seconds=settings.WEBHOOK_DISABLE_SECONDS)
    failing = Endpoint.objects.filter(pk=endpoint.pk, failing_since__lte=Now() - limit).first()
    if failing is not None and failing.failing_since is not None:
        stop(endpoint, FAILED_FOR_LONG.format(since=failing.failing_since))


def _pause(attempts: int) -> float:
    """Seconds until the next try: longer each time, up to a limit, and never for two receivers at once."""
    first, most = float(settings.WEBHOOK_FIRST_PAUSE_SECONDS), float(settings.WEBHOOK_PAUSE_SECONDS)
    longest = min(most, first * 3.0 ** min(attempts - 1, 30))
    return longest * random.uniform(0.8, 1.2)  # noqa: S311 - it keeps no secret


def _asked_for(outcome: Outcome) -> int:
    """The seconds for which the receiver wants nothing, up to the longest pause."""
    return min(outcome.retry_after, settings.WEBHOOK_PAUSE_SECONDS)


def _mine(endpoint: Endpoint) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(pk=endpoint.pk, claim=endpoint.claim)


def _open(delivery: Delivery) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk=delivery.pk, state__in=Delivery.OPEN)


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.WEBHOOK_LEASE_SECONDS)
