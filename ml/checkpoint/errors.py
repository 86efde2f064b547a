"""What a checkpoint can be refused for."""

from __future__ import annotations


class CheckpointError(ValueError):
    """A checkpoint that is missing, altered, incompatible or unsafe; the message is a sentence that says why."""
