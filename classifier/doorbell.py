"""Which task each queue of classifier's listens to; see `mriplatform.bell` for what a bell is worth."""

from typing import Final

from mriplatform.bell import ring_later

INFERENCE: Final = "classifier.drain_predictions"
TRAINING: Final = "classifier.drain_training"
ARCHIVES: Final = "classifier.drain_archives"
_QUEUES: Final = {INFERENCE: "inference", TRAINING: "training", ARCHIVES: "intake"}


def ring(task: str, queue: str = "") -> None:
    """Ask, once this transaction has committed, that a worker look at its queue: its own, unless one is named."""
    ring_later(task, queue or _QUEUES[task])
