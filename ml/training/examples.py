"""What a network learns from: images with their labels, and what each counts for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES
from ml.preprocessing import Levels
from ml.training.errors import TrainingError


@dataclass(frozen=True)
class Examples:
    """Images to learn from.

    Attributes:
        levels: uint8 (N, S, S).
        labels: int64 (N,), class indices.
        near: N keys; near-duplicates share one, an empty key stands alone.
        masks: uint8 (N, S, S), 255 inside the tumour, all 0 for an image without a mask; None without any.
        weights: (N,) what each image counts for, on top of the balance of the classes; None for all the same.
    """

    levels: Levels
    labels: npt.NDArray[np.int64]
    near: tuple[str, ...]
    masks: Levels | None = None
    weights: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        count = len(self.levels)
        if count == 0 or len(self.labels) != count or len(self.near) != count:
            raise TrainingError(
                f"Expected as many labels and keys as images, and at least one: got {count} images, "
                f"{len(self.labels)} labels, {len(self.near)} keys."
            )
        if self.masks is not None and self.masks.shape != self.levels.shape:
            raise TrainingError(f"Masks {self.masks.shape} do not fit images {self.levels.shape}.")
        given = self.weights
        if given is not None and not (
            given.shape == (count,) and np.isfinite(given).all() and (given >= 0).all() and given.any()
        ):
            raise TrainingError(
                "The weights must be one number of at least 0 for each image, not all of them 0."
            )


def class_weights(labels: npt.NDArray[np.int64], balance: float) -> npt.NDArray[np.float32]:
    """Returns a weight for each image, mean 1; `balance` 1 gives all classes the same mass, 0 none."""
    counts = np.maximum(np.bincount(labels, minlength=len(CLASSES)), 1)
    weights = (1.0 / counts) ** balance
    each = weights[labels]
    return (each / each.mean()).astype(np.float32)
