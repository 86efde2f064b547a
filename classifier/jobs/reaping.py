"""Returns to the queues what silent workers held, and clears away what killed ones left lying."""

import logging
import time
from typing import Final

from classifier.jobs.training.workplace import sweep_workplaces
from classifier.services.files import sweep_files
from classifier.services.predictions import reap_expired
from classifier.services.quarantine_decisions import reject_overdue
from classifier.services.training import reap_expired_runs

logger = logging.getLogger(__name__)

# How often a worker looks for what was left lying; leases it looks at each time it is asked.
SWEEP_SECONDS: Final = 300.0

_swept = float("-inf")


def reap() -> None:
    queued, failed = reap_expired()
    if queued or failed:
        logger.warning("Leases expired: %s predictions queued again, %s failed.", queued, failed)
    if runs := reap_expired_runs():
        logger.warning("Leases expired: %s training runs queued again.", runs)
    sweep()


def sweep(*, now: bool = False) -> None:
    """Delete what no row names, in the storage and on this worker, and what waited too long in quarantine."""
    global _swept
    if not now and time.monotonic() - _swept < SWEEP_SECONDS:
        return
    _swept = time.monotonic()
    sweep_files()
    sweep_workplaces()
    reject_overdue()
