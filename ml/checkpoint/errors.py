"""What a checkpoint can be refused for."""

from __future__ import annotations

from ml.labels import InputError


class CheckpointError(InputError):
    """A checkpoint that is missing, altered, incompatible or unsafe; the message is a sentence that says why."""
