"""Temperature scaling (Guo et al. 2017, section 4.2): one number that makes confidence mean what it says."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ml.labels import InputError

Floats = npt.NDArray[np.float64]

_LOWEST: Final = 0.05
_HIGHEST: Final = 20.0


class CalibrationError(InputError):
    """Logits and labels that no temperature can be fitted to."""


def probabilities(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Returns softmax(logits / temperature) of shape (N, 4)."""
    tempered = np.asarray(logits, np.float64) / temperature
    shares = np.exp(tempered - tempered.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Returns the temperature with the least log loss.

    Args:
        logits: (N, 4), of images that the network was not trained on.
        labels: (N,) class indices.

    Raises:
        CalibrationError: when there is nothing to fit.
    """
    # Here and not above: it costs a third of a second, and only who trains needs it.
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    scores, truth = np.asarray(logits, np.float64), np.asarray(labels, np.int64)
    if len(truth) == 0 or len(scores) != len(truth):
        raise CalibrationError(
            f"A temperature needs as many logits as labels, got {len(scores)}, {len(truth)}."
        )

    def loss(log_temperature: float) -> float:
        spread = log_softmax(scores / np.exp(log_temperature), axis=1)
        return float(-spread[np.arange(len(truth)), truth].mean())

    found = minimize_scalar(loss, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded")
    return float(np.exp(found.x))


def factor_for_confidence(logits: npt.ArrayLike, confidence: float) -> float:
    """Returns what to multiply logits (N, 4) by so that their mean confidence becomes the given one.

    Confidence is the probability of the likeliest class; its mean rises with the factor. The factor stays between
    0.05 and 20: where no factor reaches the confidence, the nearest of these comes near it.

    Raises:
        CalibrationError: when there are no logits.
    """
    # Here and not above: it costs a third of a second, and only who trains needs it.
    from scipy.optimize import brentq

    scores = np.asarray(logits, np.float64)
    if len(scores) == 0:
        raise CalibrationError("A confidence needs logits, got none.")

    def above(log_factor: float) -> float:
        return float(probabilities(scores * np.exp(log_factor)).max(axis=1).mean()) - confidence

    low, high = np.log(_LOWEST), np.log(_HIGHEST)
    if above(low) >= 0:
        return _LOWEST
    return _HIGHEST if above(high) <= 0 else float(np.exp(brentq(above, low, high, xtol=1e-6)))
