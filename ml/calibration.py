"""Temperature scaling (Guo et al. 2017, section 4.2): one number that makes confidence mean what it says."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ml.labels import InputError

Floats = npt.NDArray[np.float64]

_LOWEST: Final = 0.05
_HIGHEST: Final = 20.0
_STEPS: Final = 80


class CalibrationError(InputError):
    """Logits and labels that no temperature can be fitted to."""


def probabilities(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Returns softmax(logits / temperature) of shape (N, 4)."""
    tempered = np.asarray(logits, np.float64) / temperature
    shares = np.exp(tempered - tempered.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Returns the temperature with the least log loss, by golden-section search on its logarithm.

    Args:
        logits: (N, 4), of images that the network was not trained on.
        labels: (N,) class indices.

    Raises:
        CalibrationError: when there is nothing to fit.
    """
    scores, truth = np.asarray(logits, np.float64), np.asarray(labels, np.int64)
    if len(truth) == 0 or len(scores) != len(truth):
        raise CalibrationError(
            f"A temperature needs as many logits as labels, got {len(scores)}, {len(truth)}."
        )

    def loss(log_temperature: float) -> float:
        tempered = scores / np.exp(log_temperature)
        top = tempered.max(axis=1)
        log_sum = top + np.log(np.exp(tempered - top[:, np.newaxis]).sum(axis=1))
        return float((log_sum - tempered[np.arange(len(truth)), truth]).mean())

    low, high = np.log(_LOWEST), np.log(_HIGHEST)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(_STEPS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) <= loss(right) else (left, high)
    return float(np.exp((low + high) / 2))
