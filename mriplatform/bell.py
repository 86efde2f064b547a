"""Rings a queue after the transaction has committed. Best effort: Postgres has the job, beat rings again."""

import logging
import time

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

_silent_until = 0.0


def ring_later(task: str, queue: str) -> None:
    """Ask, once this transaction has committed, that a worker of a queue look for work."""
    transaction.on_commit(lambda: send(task, queue), robust=True)


def send(task: str, queue: str) -> None:
    """Send the bell, unless one went unheard just now: a broker that hangs then holds a request up once only."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        current_app.send_task(task, queue=queue, ignore_result=True, retry=False)
    except OperationalError as error:
        # The row is committed and beat rings every few seconds: a broker that is away only delays the work.
        _silent_until = time.monotonic() + settings.BELL_SECONDS
        logger.warning("The bell for %s was not heard (%s); the next periodic bell will be.", task, error)
