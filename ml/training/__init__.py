"""Training: the whole network, or its head alone."""

from ml.training.errors import TrainingError
from ml.training.examples import Examples
from ml.training.fine_tune import train_network
from ml.training.head import HeadFit, fit_head
from ml.training.retrain import HeadResult, retrain_head

__all__ = [
    "Examples",
    "HeadFit",
    "HeadResult",
    "TrainingError",
    "fit_head",
    "retrain_head",
    "train_network",
]
