"""What can go wrong with a network."""

from __future__ import annotations

from ml.labels import InputError


class NetworkError(InputError):
    """A network that cannot be built, or weights that do not fit it."""
