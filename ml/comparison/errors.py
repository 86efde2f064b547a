"""Comparisons that cannot be made."""

from ml.labels import InputError


class ComparisonError(InputError):
    """What was given cannot be compared; the sentence says why."""


class KnownImagesError(InputError):
    """A model was trained on images that it is to be measured on."""
