"""Estimates with 95 % intervals that know that images of one subject are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from reviews.figures.normal import Z, student

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A figure of `n` images: `value` and the ends of its 95 % interval, each None where it cannot be known."""

    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None

    def row(self) -> dict[str, Any]:
        return asdict(self)


def wilson(hits: float, n: float) -> tuple[float, float]:
    """Returns the 95 % interval of a share (Wilson 1927). `n` may be an effective, not a whole, number above 0."""
    share, spread = hits / n, Z**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = Z * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def share(hits: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> Estimate:
    """Returns the share of true values among `hits` (N,), with Wilson's interval for the effective sample size.

    Where values of one cluster (N,) are alike, fewer images than counted carry information: n is divided by the
    design effect, the cluster-robust variance over the binomial one, if that is above 1 (Korn & Graubard 1998;
    Franco et al. 2019). Where all values are the same no variance can be seen, and each cluster counts once.
    """
    values = np.asarray(hits, np.float64)
    n = len(values)
    if n == 0:
        return Estimate(0)
    p = float(values.mean())
    keys = np.arange(n) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1]
    effective = _effective(values - p, keys, p)
    low, high = wilson(p * effective, effective)
    return Estimate(n, p, low, high)


def _effective(residuals: Floats, keys: Ints, p: float) -> float:
    n, count = len(residuals), int(keys.max()) + 1
    binomial = p * (1 - p)
    if count == n:
        return float(n)
    if count == 1 or binomial <= 0:
        return float(count)
    sums = np.bincount(keys, weights=residuals)
    effect = float((sums**2).sum()) * count / (count - 1) / n / binomial
    return max(n / max(1.0, effect), 1.0)


def combined(parts: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """Returns a weighted sum of independent estimates; its interval recovers their variances from their intervals.

    The method (MOVER; Zou & Donner 2008) gives Newcombe's score interval (1998, method 10) for the difference of
    two shares. None where a part is not known.
    """
    n = sum(part.n for part in parts)
    if not parts or any(part.value is None or part.low is None or part.high is None for part in parts):
        return Estimate(n)
    value, below, above = 0.0, 0.0, 0.0
    for part, weight in zip(parts, weights, strict=True):
        assert part.value is not None
        assert part.low is not None
        assert part.high is not None
        down, up = weight * (part.value - part.low), weight * (part.high - part.value)
        value += weight * part.value
        below += down**2 if weight > 0 else up**2
        above += up**2 if weight > 0 else down**2
    return Estimate(n, value, value - sqrt(below), value + sqrt(above))


def mean(values: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> Estimate:
    """Returns the mean of values (N,) with the cluster-robust interval (Liang & Zeger 1986), t on clusters - 1.

    No interval where there are fewer than two clusters, or where all values are the same.
    """
    numbers = np.asarray(values, np.float64)
    n = len(numbers)
    if n == 0:
        return Estimate(0)
    keys = np.arange(n) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1]
    value, count = float(numbers.mean()), int(keys.max()) + 1
    sums = np.bincount(keys, weights=numbers - value)
    if count < 2 or not np.ptp(numbers):
        return Estimate(n, value)
    half = student(count - 1) * sqrt(float((sums**2).sum()) * count / (count - 1)) / n
    return Estimate(n, value, value - half, value + half)


def median(values: npt.ArrayLike) -> Estimate:
    """Returns the median of values (N,) with the interval between order statistics (Conover 1999, section 3.2).

    It makes no assumption about the distribution and covers the median with at least 95 %; there is none
    below six values.
    """
    numbers = np.sort(np.asarray(values, np.float64))
    n = len(numbers)
    if n == 0:
        return Estimate(0)
    rank = _rank(n)
    ends = (float(numbers[rank - 1]), float(numbers[n - rank])) if rank else (None, None)
    return Estimate(n, float(np.median(numbers)), *ends)


def _rank(n: int) -> int:
    """The largest k for which at most 2.5 % of samples have fewer than k values below the median; 0 for none."""
    if n > 1000:
        return int((n - Z * sqrt(n)) / 2)
    tail, rank = 0, 0
    while (tail := tail + comb(n, rank)) * 40 <= 2**n:
        rank += 1
    return rank
