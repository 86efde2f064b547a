"""What is wrong with arrays or figures, as sentences."""

from __future__ import annotations

from ml.labels import InputError


class MetricsError(InputError):
    """Arrays that do not fit each other."""


class ContradictionError(InputError):
    """Figures that cannot all be true. The message says what contradicts what, and the likely cause."""
