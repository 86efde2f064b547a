"""Drains the queue of deliveries: claim an endpoint, send what is due to it in order, record each try."""

import logging
import threading
import time
from typing import Final

from django.db import transaction
from django.utils import timezone

from mriplatform.bell import ring_later
from mriplatform.outbox.audience import may_hear
from mriplatform.outbox.claims import (
    KEY_CHANGED,
    begin_attempt,
    claim_endpoint,
    drop,
    give_back,
    hold,
    keep_lease,
    next_delivery,
    record_outcome,
    stop,
)
from mriplatform.outbox.messages import body_of, signed_headers
from mriplatform.outbox.models import Delivery, Endpoint
from mriplatform.outbox.publishing import DELIVER, QUEUE, hold_lock
from mriplatform.outbox.sealing import SecretLost
from mriplatform.outbox.sending import post

logger = logging.getLogger(__name__)

# A drain gives its thread back after this long; an endpoint gives way to others after so long, or so many deliveries.
DRAIN_SECONDS: Final = 20.0
TURN_SECONDS: Final = 5.0
AT_ONCE: Final = 50
# Of a worker's threads, however slowly all receivers answer: the others are for archives, which come in beside this.
THREADS: Final = 2
_threads = threading.BoundedSemaphore(THREADS)


def drain() -> int:
    """Deliver until nothing is due, unless as many threads of this process as may are delivering already.

    Returns:
        How many tries were made.
    """
    if not _threads.acquire(blocking=False):
        # They look for what is due until nothing is; what is put in line just then waits for beat's next bell.
        return 0
    tried, deadline = 0, time.monotonic() + DRAIN_SECONDS
    try:
        while time.monotonic() < deadline and (endpoint := claim_endpoint()) is not None:
            tried += serve(endpoint)
    finally:
        _threads.release()
    if time.monotonic() >= deadline:
        ring_later(DELIVER, QUEUE)
    return tried


def serve(endpoint: Endpoint) -> int:
    """Send what is due to a claimed endpoint, until its turn is over or a try fails.

    What is left after its turn is sent once others have had theirs; after a failure, once it has rested.

    Returns:
        How many tries were made.
    """
    tried, turn_ends = 0, time.monotonic() + TURN_SECONDS
    for _ in range(AT_ONCE):
        delivery = next_delivery(endpoint)
        if delivery is None or not keep_lease(endpoint):
            break
        if not _cleared(endpoint, delivery):
            continue
        tried += 1
        if not _deliver(endpoint, delivery) or time.monotonic() >= turn_ends:
            break
    give_back(endpoint)
    return tried


def _cleared(endpoint: Endpoint, delivery: Delivery) -> bool:
    """Whether the endpoint's owner may know of the event now; where not, the delivery is held or dropped."""
    answer = may_hear(endpoint, delivery.event)
    if answer.hear:
        return True
    if answer.wait_for is None:
        drop(delivery)
        return False
    with transaction.atomic():
        # Whoever makes it known at this moment is waited for, and then it is asked again.
        hold_lock(answer.wait_for)
        if (again := may_hear(endpoint, delivery.event)).hear:
            return True
        hold(delivery, again.wait_for or answer.wait_for)
    return False


def _deliver(endpoint: Endpoint, delivery: Delivery) -> bool:
    body = body_of(delivery.event)
    try:
        headers = signed_headers(endpoint, delivery.event, body, timezone.now())
    except SecretLost:
        logger.warning(
            "The secret of webhook %s cannot be read: the platform's key was changed.", endpoint.pk
        )
        stop(endpoint, KEY_CHANGED)
        return False
    begin_attempt(delivery)
    outcome = post(endpoint.url, body, headers)
    record_outcome(endpoint, delivery, outcome)
    return outcome.delivered
