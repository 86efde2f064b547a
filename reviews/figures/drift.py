"""Whether what comes in now is still like what came first: inputs, class mix, embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from reviews.figures.data import ANSWERS, Bools, Floats, Images, Ints, Row
from reviews.figures.estimates import share

LEAST: Final = 20
"""Images that a period and the reference must have."""

REFERENCE: Final = 500
"""The first images of a collection, at most so many and at most half of them, that later ones are compared with."""

SAMPLE: Final = 200
"""Embeddings of a period, and of the reference, that are compared at most."""

_PERMUTATIONS: Final = 200
_MOST_PERIODS: Final = 24
_LENGTHS: Final = (1.0, 7.0, 28.0, 91.0, 364.0)
_TENTHS: Final = 10
_FLOOR: Final = 1e-4
"""What a bin that is empty on one side counts as, as is customary for the stability index."""


@dataclass(frozen=True)
class Periods:
    """The first images of a collection, and what came after them by time.

    Attributes:
        reference: places in `Images` of what came first.
        later: by period, its first day and its last (excluded), in days as `Images.arrived`, and its places.
    """

    reference: Ints
    later: tuple[tuple[float, float, Ints], ...]


def periods(images: Images, among: Bools | None = None) -> Periods | None:
    """Divide images by when they came; None as long as there are too few.

    Periods are days, weeks, four weeks, quarters or years, the shortest of which there are at most 24 and in which
    most images have `LEAST` beside them; periods with fewer are left out.
    """
    places = np.arange(len(images)) if among is None else np.flatnonzero(among)
    if len(places) < 2 * LEAST:
        return None
    order = places[np.argsort(images.arrived[places], kind="stable")]
    first = min(REFERENCE, len(order) // 2)
    rest = order[first:]
    days = images.arrived[rest]
    length = next((one for one in _LENGTHS if _divides(days, one)), _LENGTHS[-1])
    number = (days // length).astype(np.int64)
    found = [(one * length, (one + 1) * length, rest[number == one]) for one in np.unique(number)]
    return Periods(order[:first], tuple(period for period in found if len(period[2]) >= LEAST))


def _divides(days: Floats, length: float) -> bool:
    """Whether periods of this length are few enough, and full enough for most images."""
    sizes = np.unique(days // length, return_counts=True)[1]
    return len(sizes) <= _MOST_PERIODS and 2 * int(sizes[sizes >= LEAST].sum()) >= len(days)


def stability_index(expected: npt.ArrayLike, actual: npt.ArrayLike) -> float:
    """Returns the population stability index of two lists of counts over the same bins.

    It is the sum of (q - p) ln(q / p) over the shares p of the reference and q of the period: Kullback's symmetric
    divergence (Siddiqi 2006; Yurdakul & Naranjo 2020). By custom below 0.1 little has changed, above 0.25 much.
    """
    p = np.asarray(expected, np.float64)
    q = np.asarray(actual, np.float64)
    p, q = np.maximum(p / p.sum(), _FLOOR), np.maximum(q / q.sum(), _FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def binned(reference: Floats, values: Floats) -> tuple[Ints, Ints]:
    """Counts of both over the tenths of the reference; missing values have a bin of their own.

    A value that makes up a twentieth of the reference or more, such as the usual size, has one too: what is below it
    must not be taken for it.
    """
    known = reference[np.isfinite(reference)]
    edges = np.unique(np.quantile(known, np.arange(1, _TENTHS) / _TENTHS)) if len(known) else np.empty(0)
    usual = (
        edges[[2 * _TENTHS * (known == edge).sum() >= len(known) for edge in edges]] if len(edges) else edges
    )
    edges = np.unique(np.concatenate((edges, np.nextafter(usual, -np.inf))))
    size = len(edges) + 2

    def counts(numbers: Floats) -> Ints:
        place = np.where(np.isfinite(numbers), np.searchsorted(edges, numbers, side="left"), size - 1)
        return np.bincount(place.astype(np.int64), minlength=size)

    return counts(reference), counts(values)


def input_drift(images: Images, found: Periods) -> list[Row]:
    """The stability index of sizes, grey values and unlikeness to a brain MRI, by period."""
    rows: list[Row] = []
    for measure, values in images.inputs.items():
        if not np.isfinite(values[found.reference]).any():
            continue
        for start, end, places in found.later:
            value = stability_index(*binned(values[found.reference], values[places]))
            rows.append(
                {"measure": measure, "from_day": start, "to_day": end, "n": len(places), "value": value}
            )
    return rows


def class_mix(images: Images, found: Periods) -> list[Row]:
    """How often the machine, and the final labels, say what, by period; the first images are the period 0."""
    rows: list[Row] = []
    start = float(images.arrived[found.reference].min())
    spans = [(start, float(images.arrived[found.reference].max()), found.reference), *found.later]
    for source, answers in (("machine", images.machine), ("final", images.truth)):
        for number, (begin, end, places) in enumerate(spans):
            said = places[answers[places] >= 0]
            for place, name in enumerate(ANSWERS if len(said) >= LEAST else ()):
                who = {"source": source, "period": number, "from_day": begin, "to_day": end, "label": name}
                rows.append({**who, **share(answers[said] == place, images.cluster[said]).row()})
    return rows


def mix_drift(images: Images, found: Periods) -> list[Row]:
    """The stability index of the class mix against the first images, by period."""
    rows: list[Row] = []
    for source, answers in (("machine", images.machine), ("final", images.truth)):
        expected = _counted(answers[found.reference])
        for start, end, places in found.later:
            actual = _counted(answers[places])
            if min(expected.sum(), actual.sum()) >= LEAST:
                who = {"source": source, "from_day": start, "to_day": end, "n": int(actual.sum())}
                rows.append({**who, "value": stability_index(expected, actual)})
    return rows


def sampled(places: Ints, seed: int) -> Ints:
    """At most `SAMPLE` of them, the same ones every time."""
    if len(places) <= SAMPLE:
        return places
    return np.sort(np.random.default_rng(seed).choice(places, SAMPLE, replace=False))


def embedding_drift(reference: Floats, later: Sequence[tuple[float, float, Floats]]) -> list[Row]:
    """The maximum mean discrepancy between embeddings (n, D) of the first images and of each period.

    `p` is how often a random division of the same images is as far apart.
    """
    rows: list[Row] = []
    for start, end, vectors in later:
        if min(len(vectors), len(reference)) >= LEAST:
            value, p = discrepancy(reference, vectors)
            rows.append({"from_day": start, "to_day": end, "n": len(vectors), "value": value, "p": p})
    return rows


def discrepancy(first: Floats, second: Floats, seed: int = 0) -> tuple[float, float]:
    """Returns the unbiased squared maximum mean discrepancy of two samples (n, D), (m, D), and its p.

    Gretton et al. 2012, eq. 3, with a Gaussian kernel as wide as the median distance (ibid., section 8) and the
    permutation test. About 0, and below it too, where both come from one distribution.
    """
    kernel = _kernel(np.vstack((first, second)))
    n, total = len(first), len(kernel)
    random = np.random.default_rng(seed)
    member = np.zeros((_PERMUTATIONS + 1, total))
    member[0, :n] = 1
    for row in member[1:]:
        row[random.permutation(total)[:n]] = 1
    values = _unbiased(kernel, member, n)
    return float(values[0]), float((values >= values[0] - 1e-12).mean())


def _kernel(vectors: Floats) -> Floats:
    squares = (vectors**2).sum(axis=1)
    distance = np.maximum(squares[:, np.newaxis] + squares[np.newaxis, :] - 2 * vectors @ vectors.T, 0)
    width = float(np.median(distance[np.triu_indices(len(distance), 1)]))
    return np.asarray(np.exp(-distance / (width or 1.0)))


def _unbiased(kernel: Floats, member: Floats, n: int) -> Floats:
    """The estimate for each division (B, n + m) of the same points in n ones and m zeros."""
    m = kernel.shape[0] - n
    inner = np.einsum("bi,bi->b", member @ kernel, member)
    sums = member @ kernel.sum(axis=1)
    cross, outer = sums - inner, kernel.sum() - 2 * sums + inner
    return np.asarray((inner - n) / (n * (n - 1)) + (outer - m) / (m * (m - 1)) - 2 * cross / (n * m))


def _counted(answers: Ints) -> Ints:
    return np.bincount(answers[answers >= 0], minlength=len(ANSWERS))
