"""Whether a stated probability can be believed: calibration error, Brier score, log loss."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINS: Final = 15
_LEAST: Final = 1e-12


def expected_calibration_error(scores: Floats, truth: Ints, bins: int = BINS) -> float:
    """Returns the ECE of the top class over equally wide bins (Guo et al. 2017, section 2)."""
    number, gap = binned(scores, truth, bins)
    return float(np.abs(np.bincount(number, weights=gap, minlength=bins)).sum() / len(truth))


def calibration_gaps(scores: Floats, truth: Ints, bins: int = BINS) -> Floats:
    """Returns (N, bins): right minus confidence in the image's bin, 0 elsewhere. Their sums make the ECE."""
    number, gap = binned(scores, truth, bins)
    return np.asarray(np.eye(bins)[number] * gap[:, np.newaxis])


def reliability(scores: Floats, truth: Ints, bins: int = BINS) -> list[dict[str, float | int | None]]:
    """Returns, for each bin of confidence, its bounds, images, mean confidence and accuracy (None when empty)."""
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == truth
    number, _ = binned(scores, truth, bins)
    table = []
    for index in range(bins):
        inside = number == index
        count = int(inside.sum())
        table.append(
            {
                "low": index / bins,
                "high": (index + 1) / bins,
                "n": count,
                "confidence": float(confidence[inside].mean()) if count else None,
                "accuracy": float(right[inside].mean()) if count else None,
            }
        )
    return table


def squared_errors(scores: Floats, truth: Ints) -> Floats:
    """Returns each image's squared distance (N,) to its one-hot truth, over all classes; the mean is Brier's score."""
    return np.asarray(((scores - np.eye(len(CLASSES))[truth]) ** 2).sum(axis=1))


def log_losses(scores: Floats, truth: Ints) -> Floats:
    """Returns the negative log-likelihood (N,) of each image's true class, in nats."""
    return np.asarray(-np.log(np.clip(scores[np.arange(len(truth)), truth], _LEAST, 1)))


def binned(scores: Floats, truth: Ints, bins: int) -> tuple[Ints, Floats]:
    """Returns the bin of each image's confidence (N,), and right minus confidence (N,)."""
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == truth
    number = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return number, right - confidence
