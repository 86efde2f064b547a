"""Rings a queue after the transaction has committed. Best effort: Postgres has the job, beat rings again."""

import logging
import time
from typing import Final

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

INFERENCE: Final = "classifier.drain_predictions"
TRAINING: Final = "classifier.drain_training"
ARCHIVES: Final = "classifier.drain_archives"
_QUEUES: Final = {INFERENCE: "inference", TRAINING: "training", ARCHIVES: "intake"}

_silent_until = 0.0


def ring(task: str, queue: str = "") -> None:
    """Ask, once this transaction has committed, that a worker look at its queue: its own, unless one is named."""
    transaction.on_commit(lambda: _send(task, queue), robust=True)


def _send(task: str, queue: str = "") -> None:
    """Send the bell, unless one went unheard just now: a broker that hangs then holds a request up once only."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        current_app.send_task(task, queue=queue or _QUEUES[task], ignore_result=True, retry=False)
    except OperationalError as error:
        # The row is committed and beat rings every few seconds: a broker that is away only delays the work.
        _silent_until = time.monotonic() + settings.BELL_SECONDS
        logger.warning("The bell for %s was not heard (%s); the next periodic bell will be.", task, error)
