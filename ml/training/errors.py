"""What can go wrong with a training."""

from __future__ import annotations

from ml.labels import InputError


class TrainingError(InputError):
    """What cannot be learned from; the message says why."""
