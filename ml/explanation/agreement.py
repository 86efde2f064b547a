"""How alike two maps of one image are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.explanation.gradcam import ExplanationError

Bools = npt.NDArray[np.bool_]

TOP_SHARE: Final = 0.1


@dataclass(frozen=True)
class Agreement:
    """Figures of two maps over the same places.

    Attributes:
        spearman, pearson: correlations, -1..1; None where one of the maps is flat.
        top_overlap: of the tenth of places that one map ranks highest, the share that the other ranks so too;
            `TOP_SHARE` by chance alone.
        places: how many were compared.
    """

    spearman: float | None
    pearson: float | None
    top_overlap: float | None
    places: int


def agreement(first: npt.ArrayLike, second: npt.ArrayLike, inside: Bools | None = None) -> Agreement:
    """Compares two maps of the same shape, all over or inside an area such as the head.

    Outside the head both maps are usually flat, which would make any two of them agree: give the head.

    Raises:
        ExplanationError: for maps of different shapes, or an area of fewer than ten places.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape or (inside is not None and inside.shape != one.shape):
        raise ExplanationError(f"Maps of shapes {one.shape} and {other.shape} cannot be compared.")
    area = np.ones(one.shape, np.bool_) if inside is None else inside
    one, other = one[area], other[area]
    if len(one) < 1 / TOP_SHARE:
        raise ExplanationError(f"{len(one)} places are too few to compare two maps.")
    # Imported here: a web process draws maps and has no scipy.
    from scipy.stats import rankdata

    ranks, other_ranks = rankdata(one), rankdata(other)
    flat = np.ptp(one) == 0 or np.ptp(other) == 0
    return Agreement(
        None if flat else correlation(ranks, other_ranks),
        None if flat else correlation(one, other),
        None if flat else _top_overlap(ranks, other_ranks),
        len(one),
    )


def correlation(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Returns Pearson's correlation of two lists (N,), 0 where one is flat."""
    one, other = first - first.mean(), second - second.mean()
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length > 0 else 0.0


def _top_overlap(ranks: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    count = max(1, round(TOP_SHARE * len(ranks)))
    top, other_top = (set(np.argsort(-values, kind="stable")[:count].tolist()) for values in (ranks, other))
    return len(top & other_top) / count
