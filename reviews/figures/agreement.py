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


def kappa_of(
    first: npt.ArrayLike, second: npt.ArrayLike, categories: int, clusters: npt.ArrayLike
) -> Estimate:
    """Returns Cohen's kappa of answers (N,) and (N,), with an interval that knows that those of one cluster are alike.

    It sums each cluster's part in the large-sample variance of `cohen_kappa` (Liang & Zeger 1986), with Student's t on
    clusters - 1; where each answer is a cluster of its own it is that interval.
    """
    one, other = np.asarray(first, np.int64), np.asarray(second, np.int64)
    counts = table(one, other, categories)
    found, keys = cohen_kappa(counts), _numbered(clusters)
    if found.value is None or len(np.unique(keys)) == len(one):
        return found
    p = counts / len(one)
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    chance = float(rows @ columns)
    parts = (one == other) - (1 - found.value) * (columns[one] + rows[other])
    variance, freedom = _of_clusters((parts - parts.mean()) / (1 - chance), keys)
    return Estimate(found.n, found.value, *_ends(found.value, variance, student(freedom)))


def _kappa_variance(p: Floats, rows: Floats, columns: Floats, kappa: float, chance: float, n: int) -> float:
    off = p * (columns[:, np.newaxis] + rows[np.newaxis, :]) ** 2
    diagonal = p.diagonal() * (1 - (rows + columns) * (1 - kappa)) ** 2
    rest = (1 - kappa) ** 2 * (off.sum() - off.trace())
    return float(diagonal.sum() + rest - (kappa - chance * (1 - kappa)) ** 2) / (n * (1 - chance) ** 2)


def observed_agreement(ratings: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> Estimate:
    """Returns the share of agreeing pairs of answers, a mean over images; ratings as in `fleiss_kappa`."""
    counts = np.asarray(ratings, np.float64)
    several = counts.sum(axis=1) >= 2
    agreed, keys = _agreed(counts[several]), _keys(clusters, several)
    n = len(agreed)
    if n == 0:
        return Estimate(0)
    value = float(agreed.mean())
    variance, freedom = _of_clusters(agreed - value, keys)
    return Estimate(n, value, *_ends(value, variance, student(freedom)))


def fleiss_kappa(ratings: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> Estimate:
    """Returns Fleiss' kappa (1971) of ratings (N, K): how often each image was given each answer.

    Images may have different numbers of answers; one that was answered once counts for how common the answers are
    alone (Gwet 2014, chapter 2). The interval is Gwet's (2008), which does not presume independent readers, with
    Student's t on N - 1; where images of one cluster (N,) are alike, their parts in it are summed first. None where
    only one answer was ever given.
    """
    return _corrected(np.asarray(ratings, np.float64), clusters, inverse=False)


def gwet_ac1(ratings: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> Estimate:
    """Returns Gwet's AC1 (2008) of ratings (N, K), as `fleiss_kappa` takes them, with his interval.

    It stays near the observed agreement where almost all images have one answer, where kappa falls to nought.
    """
    return _corrected(np.asarray(ratings, np.float64), clusters, inverse=True)


def _corrected(counts: Floats, clusters: npt.ArrayLike | None, *, inverse: bool) -> Estimate:
    answered = counts.sum(axis=1) >= 1
    counts, keys = counts[answered], _keys(clusters, answered)
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
    variance, freedom = _of_clusters(moved - value, keys)
    return Estimate(compared, value, *_ends(value, variance, student(freedom)))


def _agreed(counts: Floats) -> Floats:
    """The share of agreeing pairs among each image's answers, of which there are at least two."""
    raters = counts.sum(axis=1)
    return np.asarray((counts * (counts - 1)).sum(axis=1) / (raters * (raters - 1)))


def _keys(clusters: npt.ArrayLike | None, among: npt.NDArray[np.bool_]) -> Ints:
    """The number, from 0, of the cluster of each image that counts; without clusters each is its own."""
    return _numbered(np.arange(len(among))[among] if clusters is None else np.asarray(clusters)[among])


def _numbered(clusters: npt.ArrayLike) -> Ints:
    return np.asarray(np.unique(np.asarray(clusters), return_inverse=True)[1], np.int64)


def _of_clusters(parts: Floats, keys: Ints) -> tuple[float, int]:
    """The variance of a mean from the images' parts (N,) in it, which sum to 0, and its degrees of freedom."""
    sums = np.bincount(keys, weights=parts)
    count = len(sums)
    if count < 2:
        return 0.0, 0
    return float((sums**2).sum()) * count / (count - 1) / len(parts) ** 2, count - 1


def _ends(value: float, variance: float, quantile: float) -> tuple[float | None, float | None]:
    """The ends of an interval within -1 and 1; none where no variance could be seen."""
    if not variance > 1e-15:
        return None, None
    half = quantile * sqrt(variance)
    return max(-1.0, value - half), min(1.0, value + half)
