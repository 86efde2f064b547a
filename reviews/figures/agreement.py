"""How far readers agree beyond chance: Cohen's kappa, Fleiss' kappa, Gwet's AC1, with their intervals."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt

from reviews.figures.estimates import Estimate
from reviews.figures.normal import Z, student

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def table(first: npt.ArrayLike, second: npt.ArrayLike, categories: int) -> Ints:
    """Returns counts (K, K): rows are what the first said, columns the second; answers (N,) are 0 to K - 1."""
    pairs = np.asarray(first, np.int64) * categories + np.asarray(second, np.int64)
    return np.bincount(pairs, minlength=categories**2).reshape(categories, categories)


def cohen_kappa(counts: npt.ArrayLike) -> Estimate:
    """Returns Cohen's kappa (1960) of a table (K, K), with the large-sample interval of Fleiss, Cohen & Everitt (1969).

    None where both only ever gave one and the same answer: chance alone explains that.
    """
    observed = np.asarray(counts, np.float64)
    n = int(observed.sum())
    if n == 0:
        return Estimate(0)
    p = observed / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    agreed, chance = float(p.trace()), float(rows @ columns)
    if chance >= 1:
        return Estimate(n)
    kappa = (agreed - chance) / (1 - chance)
    return Estimate(n, kappa, *_ends(kappa, _kappa_variance(p, rows, columns, kappa, chance, n), Z))


def _kappa_variance(p: Floats, rows: Floats, columns: Floats, kappa: float, chance: float, n: int) -> float:
    off = p * (columns[:, np.newaxis] + rows[np.newaxis, :]) ** 2
    diagonal = p.diagonal() * (1 - (rows + columns) * (1 - kappa)) ** 2
    rest = (1 - kappa) ** 2 * (off.sum() - off.trace())
    return float(diagonal.sum() + rest - (kappa - chance * (1 - kappa)) ** 2) / (n * (1 - chance) ** 2)


def observed_agreement(ratings: npt.ArrayLike) -> Estimate:
    """Returns the share of agreeing pairs of answers, a mean over images; ratings as in `fleiss_kappa`."""
    counts = np.asarray(ratings, np.float64)
    agreed = _agreed(counts[counts.sum(axis=1) >= 2])
    n = len(agreed)
    if n == 0:
        return Estimate(0)
    value = float(agreed.mean())
    return Estimate(n, value, *_ends(value, float(agreed.var(ddof=1)) / n if n > 1 else 0.0, student(n - 1)))


def fleiss_kappa(ratings: npt.ArrayLike) -> Estimate:
    """Returns Fleiss' kappa (1971) of ratings (N, K): how often each image was given each answer.

    Images may have different numbers of answers; one that was answered once counts for how common the answers are
    alone (Gwet 2014, chapter 2). The interval is Gwet's (2008), which does not presume independent readers, with
    Student's t on N - 1. None where only one answer was ever given.
    """
    return _corrected(np.asarray(ratings, np.float64), inverse=False)


def gwet_ac1(ratings: npt.ArrayLike) -> Estimate:
    """Returns Gwet's AC1 (2008) of ratings (N, K), as `fleiss_kappa` takes them, with his interval.

    It stays near the observed agreement where almost all images have one answer, where kappa falls to nought.
    """
    return _corrected(np.asarray(ratings, np.float64), inverse=True)


def _corrected(counts: Floats, *, inverse: bool) -> Estimate:
    counts = counts[counts.sum(axis=1) >= 1]
    raters = counts.sum(axis=1)
    several = raters >= 2
    n, compared = len(counts), int(several.sum())
    if compared == 0:
        return Estimate(0)
    shares = counts / raters[:, np.newaxis]
    common = shares.mean(axis=0)
    # What chance gives for an answer: its own frequency for kappa, what is left of it for AC1.
    odds = (1 - common) / (len(common) - 1) if inverse else common
    chance = float(common @ odds)
    if chance >= 1:
        return Estimate(compared)
    agreed = np.zeros(n)
    agreed[several] = _agreed(counts[several])
    value = (float(agreed[several].mean()) - chance) / (1 - chance)
    each = n / compared * (agreed - chance * several) / (1 - chance)
    moved = each - 2 * (1 - value) * (shares @ odds - chance) / (1 - chance)
    variance = float(((moved - value) ** 2).sum()) / (n * (n - 1)) if n > 1 else 0.0
    return Estimate(compared, value, *_ends(value, variance, student(n - 1)))


def _agreed(counts: Floats) -> Floats:
    """The share of agreeing pairs among each image's answers, of which there are at least two."""
    raters = counts.sum(axis=1)
    return np.asarray((counts * (counts - 1)).sum(axis=1) / (raters * (raters - 1)))


def _ends(value: float, variance: float, quantile: float) -> tuple[float | None, float | None]:
    """The ends of an interval within -1 and 1; none where no variance could be seen."""
    if not variance > 1e-15:
        return None, None
    half = quantile * sqrt(variance)
    return max(-1.0, value - half), min(1.0, value + half)
