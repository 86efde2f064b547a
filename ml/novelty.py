"""Is this a brain MRI at all? The part of an embedding that the training images cannot explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.labels import InputError

Floats = npt.NDArray[np.float64]


class NoveltyError(InputError):
    """Too few embeddings to learn what is ordinary."""


@dataclass(frozen=True)
class Novelty:
    """A principal subspace of embeddings.

    Attributes:
        mean: (D,).
        directions: (C, D), orthonormal rows.
    """

    mean: Floats
    directions: Floats

    def scores(self, embeddings: npt.ArrayLike) -> Floats:
        """Returns, for embeddings (N, D), the share of their deviation that lies outside the subspace, 0..1."""
        away = np.asarray(embeddings, np.float64) - self.mean
        rest = away - away @ self.directions.T @ self.directions
        whole = np.linalg.norm(away, axis=1)
        return np.divide(np.linalg.norm(rest, axis=1), whole, out=np.zeros_like(whole), where=whole > 0)


def fit_novelty(embeddings: npt.ArrayLike, explained: float = 0.95) -> Novelty:
    """Fits the smallest principal subspace that explains a share of the embeddings' variance.

    Args:
        embeddings: (N, D) of ordinary images, at least two.
        explained: share of the variance, above 0 and below 1.
    """
    values = np.asarray(embeddings, np.float64)
    if len(values) < 2 or not 0 < explained < 1:
        raise NoveltyError(f"Novelty needs two embeddings or more and a share in 0..1, got {len(values)}.")
    mean = values.mean(axis=0)
    _, strengths, directions = np.linalg.svd(values - mean, full_matrices=False)
    share = np.cumsum(strengths**2) / (strengths**2).sum()
    count = int(np.searchsorted(share, explained)) + 1
    return Novelty(mean, directions[:count])
