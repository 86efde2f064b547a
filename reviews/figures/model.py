"""How good the version in force is on images that were read whatever it answered."""

from __future__ import annotations

from typing import Final

import numpy as np

from ml.metrics.intervals import basic_span, draw_groups, group_sums
from ml.metrics.trust import binned, calibration_gaps, expected_calibration_error, reliability
from reviews.figures.against import accuracy, balanced_accuracy
from reviews.figures.agreement import kappa_of
from reviews.figures.data import ANSWERS, Bools, Floats, Images, Ints, Row
from reviews.figures.estimates import Estimate, share

BINS: Final = 10
_DRAWS: Final = 400
_AT_ONCE: Final = 20


def on_unbiased_share(images: Images) -> Bools:
    """Which images (N,) count: answered by the version in force, with a label, and not chosen by the answer."""
    return images.in_force & images.unbiased & (images.machine >= 0) & (images.truth >= 0)


def model_accuracy(images: Images, among: Bools) -> list[Row]:
    """Accuracy, balanced accuracy, kappa, and by true label how often the machine named it."""
    at = np.flatnonzero(among & on_unbiased_share(images))
    said, truth, cluster = images.machine[at], images.truth[at], images.cluster[at]
    if not len(at):
        return []
    measures = [
        ("accuracy", accuracy(said, truth, cluster)),
        ("balanced_accuracy", balanced_accuracy(said, truth, cluster)),
        ("kappa", kappa_of(said, truth, len(ANSWERS), cluster)),
    ]
    rows = [{"measure": name, "label": "all", **estimate.row()} for name, estimate in measures]
    for place, name in enumerate(ANSWERS):
        mine = truth == place
        if mine.any():
            rows.append(
                {"measure": "recall", "label": name, **share(said[mine] == place, cluster[mine]).row()}
            )
    return rows


def truth_paths(images: Images, among: Bools) -> list[Row]:
    """How the labels that the machine is measured by came about."""
    counted = among & on_unbiased_share(images)
    total = int(counted.sum())
    return [
        {"path": name, "n": count, "value": count / total}
        for place, name in enumerate(images.paths)
        if (count := int((images.path[counted] == place).sum()))
    ]


def calibration(images: Images, among: Bools) -> list[Row]:
    """For each tenth of stated probability, how often the class that was named was the true one."""
    scores, truth, cluster = _named(images, among)
    if not len(truth):
        return []
    rows: list[Row] = []
    right, (number, _) = scores.argmax(axis=1) == truth, binned(scores, truth, BINS)
    for place, row in enumerate(reliability(scores, truth, BINS)):
        inside = number == place
        if inside.any():
            bounds = {"from": row["low"], "to": row["high"], "confidence": row["confidence"]}
            rows.append({**bounds, **share(right[inside], cluster[inside]).row()})
    return rows


def calibration_error(images: Images, among: Bools) -> list[Row]:
    """The expected calibration error of the class that was named (Guo et al. 2017), its interval by bootstrap."""
    scores, truth, cluster = _named(images, among)
    if not len(truth):
        return []
    value = expected_calibration_error(scores, truth, BINS)
    keys = np.unique(cluster, return_inverse=True)[1]
    ends = _bootstrapped(scores, truth, keys, value) if int(keys.max()) else (None, None)
    return [{"measure": "ece", **Estimate(len(truth), value, *ends).row()}]


def _bootstrapped(scores: Floats, truth: Ints, keys: Ints, value: float) -> tuple[float, float]:
    """Whole subjects are drawn anew, a few draws at a time, so that a hundred thousand of them fit into memory."""
    sums, sizes = group_sums(keys, calibration_gaps(scores, truth, BINS)), np.bincount(keys)
    found = []
    for part in range(_DRAWS // _AT_ONCE):
        drawn = draw_groups(keys, _AT_ONCE, seed=part)
        found.append(np.abs(drawn @ sums).sum(axis=1) / (drawn @ sizes))
    low, high = basic_span(np.concatenate(found), value)
    return low, high


def _named(images: Images, among: Bools) -> tuple[Floats, Ints, Ints]:
    """Probabilities, truth and subject of the images that count and that were given a class."""
    at = np.flatnonzero(among & on_unbiased_share(images) & np.isfinite(images.probabilities).all(axis=1))
    return images.probabilities[at], images.truth[at], images.cluster[at]
