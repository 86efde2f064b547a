"""Is this a brain MRI at all? How far an image's signature lies from those of the training images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.labels import InputError

Floats = npt.NDArray[np.float64]

METHOD: Final = "mahalanobis"

QUANTILE: Final = 0.99
MARGIN: Final = 1.25
"""The threshold lies this factor beyond the quantile of held-out brain MRI: another scanner's lie farther out."""

_LEAST_DEVIATION: Final = 1e-3


class NoveltyError(InputError):
    """Too few signatures to learn what is ordinary, or ones of another shape."""


@dataclass(frozen=True)
class Novelty:
    """What ordinary signatures are like (Lee et al. 2018, section 2, with one class and a shrunken covariance).

    A signature holds, for some channels inside the network, the mean and the mean square over the image. Early
    layers are taken because training on a diagnosis leaves them able to see what the diagnosis does not need.

    Attributes:
        mean: (K,) of the channels' means and standard deviations.
        whitening: (K, K); a deviation from the mean times this has unit covariance, divided by the root of K.
        threshold: scores above it are no brain MRI.
        margin: the factor by which it lies beyond the quantile of held-out scores; kept for the record alone.
    """

    mean: npt.NDArray[np.float32]
    whitening: npt.NDArray[np.float32]
    threshold: float
    margin: float = MARGIN

    def scores(self, signatures: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Returns, for signatures (N, K), the root mean square distance in standard deviations: about 1 is ordinary.

        Raises:
            NoveltyError: for signatures of another width.
        """
        given = np.asarray(signatures, np.float64)
        if given.ndim != 2 or given.shape[1] != len(self.mean):
            raise NoveltyError(f"Expected signatures of shape (N, {len(self.mean)}), got {given.shape}.")
        away = (_spread(given) - self.mean) @ self.whitening.astype(np.float64)
        return np.asarray(np.linalg.norm(away, axis=1), np.float32)

    def facts(self) -> dict[str, Any]:
        """Returns what a checkpoint states of it, besides the numbers."""
        return {"method": METHOD, "threshold": self.threshold, "quantile": QUANTILE, "margin": self.margin}


def fit_novelty(train: npt.ArrayLike, held_out: npt.ArrayLike, margin: float = MARGIN) -> Novelty:
    """Learns what is ordinary, and from how far on an image is not.

    Args:
        train: signatures (N, K) of the images that the network learned from.
        held_out: signatures (M, K) of other brain MRI. They alone set the threshold: the 0.99 quantile of
            their scores times the margin.
        margin: see `ml.checkpoint.signatures.novelty_margin`.

    Raises:
        NoveltyError: for fewer than two of either.
    """
    # Here and not above: it costs a second, and only who trains needs it.
    from sklearn.covariance import ledoit_wolf

    values = _spread(np.asarray(train, np.float64))
    others = np.asarray(held_out, np.float64)
    if len(values) < 2 or len(others) < 2:
        raise NoveltyError(f"Novelty needs two signatures or more of each, got {len(values)}, {len(others)}.")
    mean = values.mean(axis=0)
    deviation = np.maximum(values.std(axis=0), _LEAST_DEVIATION)
    covariance, _ = ledoit_wolf((values - mean) / deviation, assume_centered=True)
    whitening = np.linalg.cholesky(np.linalg.inv(covariance)) / deviation[:, np.newaxis]
    whitening = (whitening / np.sqrt(len(mean))).astype(np.float32)
    open_ended = Novelty(mean.astype(np.float32), whitening, float("inf"))
    threshold = float(np.quantile(open_ended.scores(others), QUANTILE)) * margin
    return Novelty(open_ended.mean, whitening, round(threshold, 4), margin)


def _spread(signatures: Floats) -> Floats:
    """Turns means and mean squares into means and standard deviations."""
    means, squares = np.split(signatures, 2, axis=1)
    return np.concatenate((means, np.sqrt(np.maximum(squares - means**2, 0.0))), axis=1)
