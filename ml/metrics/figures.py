"""All figures of one evaluation, as plain values that go into JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES
from ml.metrics.contradictions import check_figures, check_probabilities
from ml.metrics.counts import by_class, confusion_matrix, overall
from ml.metrics.errors import ContradictionError, MetricsError
from ml.metrics.intervals import group_numbers, intervals, tumour_only
from ml.metrics.ranking import auroc, average_precision
from ml.metrics.trust import expected_calibration_error, log_losses, reliability, squared_errors

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_CHANCE_DRAWS: Final = 100


def evaluate(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    bootstrap: int = 1000,
) -> dict[str, Any]:
    """Returns all figures of one evaluation as plain values.

    Args:
        probabilities: (N, 4).
        labels: (N,) class indices.
        groups: subject or cluster of each image; resampled whole. By default every image is its own.
        seed: of the bootstrap.
        bootstrap: resamples; 0 gives no intervals, and a single subject none either.

    Returns:
        `n`, `subjects`, `accuracy`, `balanced_accuracy`, `macro_f1`, `tumour_only_accuracy` (of the images with a
        tumour, how often the likeliest of the three tumours is the true one), `macro_auroc`,
        `macro_average_precision`, `per_class`, `confusion` (rows: truth), `ece` (15 bins), `ece_by_chance` (what a
        perfectly calibrated model of the same confidences would show on so many images), `reliability`,
        `brier`, `log_loss`, and with a bootstrap `intervals`. None where a figure is not defined.

    Raises:
        MetricsError: when the arrays are empty or do not fit each other.
        ContradictionError: when the figures cannot all be true.
    """
    scores, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.int64)
    _demand_fit(scores, truth, groups)
    check_probabilities(scores)
    confusion = confusion_matrix(truth, scores.argmax(axis=1))
    classes = {
        name: {**row, "auroc": auroc(scores[:, index], truth == index),
               "average_precision": average_precision(scores[:, index], truth == index)}
        for index, (name, row) in enumerate(by_class(confusion).items())
    }  # fmt: skip
    tumour, right = tumour_only(scores, truth)
    subjects = int(group_numbers(len(truth), groups).max()) + 1
    result = {
        "n": len(truth),
        "subjects": subjects,
        **overall(confusion),
        "tumour_only_accuracy": float(right[tumour].mean()) if tumour.any() else None,
        "macro_auroc": _mean([row["auroc"] for row in classes.values()]),
        "macro_average_precision": _mean([row["average_precision"] for row in classes.values()]),
        "per_class": classes,
        "confusion": confusion.tolist(),
        **_trust(scores, truth, seed),
    }
    check_figures(result)
    # One subject, drawn again and again, would give intervals without any width.
    if bootstrap and subjects > 1:
        result["intervals"] = intervals(scores, truth, groups, seed, bootstrap)
    return result


def evaluate_subgroups(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    values: Sequence[str],
    groups: Sequence[str] | None = None,
    seed: int = 0,
    bootstrap: int = 1000,
) -> dict[str, dict[str, Any]]:
    """Returns the figures (`evaluate`) of each subgroup, by its value in order; an empty value is `not stated`.

    Args:
        values: (N,) what the images are divided by, such as plane or source.

    Raises:
        ContradictionError: naming the subgroup whose figures cannot all be true.
    """
    scores, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.int64)
    _demand_fit(scores, truth, groups)
    if len(values) != len(truth):
        raise MetricsError(f"{len(values)} values do not fit {len(truth)} labels.")
    named = np.array([value or "not stated" for value in values])
    found = {}
    for value in sorted(set(named.tolist())):
        chosen = np.flatnonzero(named == value)
        theirs = None if groups is None else [groups[int(index)] for index in chosen]
        try:
            found[value] = evaluate(scores[chosen], truth[chosen], theirs, seed, bootstrap)
        except ContradictionError as error:
            raise ContradictionError(f"In the subgroup {value!r}: {error}") from error
    return found


def _demand_fit(scores: Floats, truth: Ints, groups: Sequence[str] | None) -> None:
    if scores.shape != (len(truth), len(CLASSES)) or len(truth) == 0:
        raise MetricsError(f"Expected (N, {len(CLASSES)}) probabilities for N labels, got {scores.shape}.")
    if truth.min() < 0 or truth.max() >= len(CLASSES):
        raise MetricsError(f"Labels must lie in 0..{len(CLASSES) - 1}.")
    if groups is not None and len(groups) != len(truth):
        raise MetricsError(f"{len(groups)} groups do not fit {len(truth)} labels.")


def _trust(scores: Floats, truth: Ints, seed: int) -> dict[str, Any]:
    return {
        "ece": expected_calibration_error(scores, truth),
        "ece_by_chance": _ece_by_chance(scores, seed),
        "reliability": reliability(scores, truth),
        "brier": float(squared_errors(scores, truth).mean()),
        "log_loss": float(log_losses(scores, truth).mean()),
    }


def _ece_by_chance(scores: Floats, seed: int) -> float:
    """Mean ECE over labels that are drawn from the probabilities themselves, images independent."""
    edges = (scores / scores.sum(axis=1, keepdims=True)).cumsum(axis=1)[:, :-1]
    draws = np.random.default_rng(seed).random((_CHANCE_DRAWS, len(scores), 1))
    labels = (draws > edges).sum(axis=2)
    return float(np.mean([expected_calibration_error(scores, drawn) for drawn in labels]))


def _mean(values: list[Any]) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
