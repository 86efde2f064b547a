"""Candidate minus incumbent on the same images, with intervals that know how few subjects there are.

Two things make a difference unsure: few subjects with many images each, which a bootstrap of whole subjects sees,
and few images on which the two disagree at all, which it does not: two models that agree on all of twenty images
have a bootstrap interval without any width. So each share has the wider of two intervals, the paired bootstrap by
subject and Tango's score interval for paired shares (Tango 1998, Statistics in Medicine 17), which is honest
where next to nothing differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES
from ml.metrics.counts import stacked, stacked_by_class
from ml.metrics.intervals import confusion_cells, draw_groups, group_numbers, group_sums, span
from ml.metrics.trust import calibration_gaps

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Z: Final = 1.959964
"""Of a two-sided interval of 95 %: its lower end is a one-sided bound of 97.5 %, as tests of non-inferiority use."""

BOOTSTRAP: Final = 2000


def differences(
    candidate: Floats, incumbent: Floats, truth: Ints, groups: Sequence[str] | None = None, *, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Returns what a candidate gains over an incumbent, negative where it loses.

    Args:
        candidate, incumbent: probabilities (N, 4).
        truth: (N,) class indices.
        groups: subject or cluster of each image.

    Returns:
        For `accuracy`, `balanced_accuracy`, `macro_f1`, `recall_<class>` and `ece`: `candidate`, `incumbent`,
        `difference` and its 95 % `interval`; None where a figure is not defined. A positive difference of `ece` is
        worse, of all others better.
    """
    keys = group_numbers(len(truth), groups)
    drawn = draw_groups(keys, BOOTSTRAP, seed)
    sides = [_samples(scores, truth, keys, drawn) for scores in (candidate, incumbent)]
    (values, samples), (others, other_samples) = sides
    exact = _score_intervals(candidate.argmax(axis=1) == truth, incumbent.argmax(axis=1) == truth, truth)
    found: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        other = others[name]
        if math.isnan(value) or math.isnan(other):
            found[name] = {"candidate": None, "incumbent": None, "difference": None, "interval": None}
            continue
        low, high = span(samples[name] - other_samples[name])
        if name in exact:
            low, high = min(low, exact[name][0]), max(high, exact[name][1])
        found[name] = {
            "candidate": value, "incumbent": other, "difference": value - other, "interval": [low, high],
        }  # fmt: skip
    return found


def tango_interval(only_candidate: int, only_incumbent: int, count: int) -> tuple[float, float]:
    """Returns Tango's 95 % score interval for the difference of two paired shares.

    Args:
        only_candidate, only_incumbent: how many of the `count` images only the one, or only the other, named right.
    """
    return (
        _root(only_candidate, only_incumbent, count, Z),
        _root(only_candidate, only_incumbent, count, -Z),
    )


def _root(more: int, less: int, count: int, level: float) -> float:
    """Where Tango's statistic, which falls as the supposed difference grows, meets a level."""
    low, high = -1.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _statistic(more, less, count, middle) > level else (low, middle)
    return (low + high) / 2


def _statistic(more: int, less: int, count: int, supposed: float) -> float:
    a = 2 * count
    b = -more - less + (a - more + less) * supposed
    c = -less * supposed * (1 - supposed)
    share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = count * (2 * share + supposed * (1 - supposed))
    away = more - less - count * supposed
    if variance <= 0:
        return math.copysign(math.inf, away) if away else 0.0
    return away / math.sqrt(variance)


def clustered_mcnemar(right: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], keys: Ints) -> float:
    """Returns the two-sided p of McNemar's question where images of one subject go together.

    Obuchowski 1998 (Statistics in Medicine 17): the sum over subjects of what one gained, over its own spread
    between subjects, against a normal distribution.
    """
    gained = group_sums(keys, (right.astype(float) - other.astype(float))[:, np.newaxis])[:, 0]
    spread = float(np.sqrt((gained**2).sum()))
    return math.erfc(abs(float(gained.sum())) / spread / math.sqrt(2)) if spread > 0 else 1.0


def _samples(
    scores: Floats, truth: Ints, keys: Ints, drawn: Ints
) -> tuple[dict[str, float], dict[str, Floats]]:
    """Each figure of one side, and its bootstrap samples."""
    cells = confusion_cells(keys, truth, scores.argmax(axis=1))
    gaps = group_sums(keys, calibration_gaps(scores, truth))
    images = drawn @ np.bincount(keys)
    samples = _of_cells(drawn @ cells) | {"ece": np.abs(drawn @ gaps).sum(axis=1) / images}
    values = {name: float(value[0]) for name, value in _of_cells(cells.sum(axis=0)).items()}
    return values | {"ece": float(np.abs(gaps.sum(axis=0)).sum() / len(truth))}, samples


def _of_cells(cells: Floats) -> dict[str, Floats]:
    matrices = cells.reshape(-1, len(CLASSES), len(CLASSES))
    recall = stacked_by_class(matrices)["recall"]
    return stacked(matrices) | {f"recall_{name}": recall[:, index] for index, name in enumerate(CLASSES)}


def _score_intervals(
    right: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], truth: Ints
) -> dict[str, tuple[float, float]]:
    """Tango's interval for accuracy and each recall; for their mean, the two joined (Zou & Donner 2008, MOVER)."""
    found = {"accuracy": _tango(right, other)}
    below, above, classes = 0.0, 0.0, 0
    total = 0.0
    for index, name in enumerate(CLASSES):
        chosen = truth == index
        if not chosen.any():
            continue
        low, high = found[f"recall_{name}"] = _tango(right[chosen], other[chosen])
        value = float(right[chosen].mean() - other[chosen].mean())
        total, classes = total + value, classes + 1
        below, above = below + (value - low) ** 2, above + (high - value) ** 2
    mean = total / classes
    found["balanced_accuracy"] = (mean - math.sqrt(below) / classes, mean + math.sqrt(above) / classes)
    return found


def _tango(right: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> tuple[float, float]:
    return tango_interval(int((right & ~other).sum()), int((~right & other).sum()), len(right))
