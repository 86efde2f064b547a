"""Models side by side on the same images: what differs, how surely, and whether one of them knew the images."""

from ml.comparison.ensembles import ensemble
from ml.comparison.errors import ComparisonError, KnownImagesError
from ml.comparison.paired import compare, holm, mcnemar
from ml.comparison.trained_on import TrainedOn, trained_on

__all__ = [
    "ComparisonError",
    "KnownImagesError",
    "TrainedOn",
    "compare",
    "ensemble",
    "holm",
    "mcnemar",
    "trained_on",
]
