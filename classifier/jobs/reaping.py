"""Returns to the queues what silent workers held."""

import logging

from classifier.services.predictions import reap_expired
from classifier.services.training import reap_expired_runs

logger = logging.getLogger(__name__)


def reap() -> None:
    queued, failed = reap_expired()
    if queued or failed:
        logger.warning("Leases expired: %s predictions queued again, %s failed.", queued, failed)
    if runs := reap_expired_runs():
        logger.warning("Leases expired: %s training runs queued again.", runs)
