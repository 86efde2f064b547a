"""Figures of a classifier, with intervals that resample whole subjects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES, InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class MetricsError(InputError):
    """Arrays that do not fit each other."""


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
        bootstrap: resamples; 0 gives no intervals.

    Raises:
        MetricsError: when the arrays are empty or do not fit each other.
    """
    scores, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.int64)
    if scores.shape != (len(truth), len(CLASSES)) or len(truth) == 0:
        raise MetricsError(f"Expected (N, {len(CLASSES)}) probabilities for N labels, got {scores.shape}.")
    if groups is not None and len(groups) != len(truth):
        raise MetricsError(f"{len(groups)} groups do not fit {len(truth)} labels.")
    confusion = confusion_matrix(truth, scores.argmax(axis=1))
    result = {"n": len(truth), **_shares(confusion), "per_class": per_class(confusion, scores, truth)}
    result["confusion"] = confusion.tolist()
    result["ece"] = expected_calibration_error(scores, truth)
    result["brier"] = brier_score(scores, truth)
    result["log_loss"] = float(-np.log(np.clip(scores[np.arange(len(truth)), truth], 1e-12, 1)).mean())
    if bootstrap:
        result["intervals"] = _intervals(scores, truth, groups, seed, bootstrap)
    return result


def confusion_matrix(truth: Ints, predicted: Ints) -> Ints:
    """Returns counts (4, 4): rows are the truth, columns what was predicted."""
    size = len(CLASSES)
    return np.bincount(truth * size + predicted, minlength=size * size).reshape(size, size)


def per_class(confusion: Ints, scores: Floats, truth: Ints) -> dict[str, dict[str, float | None]]:
    """Returns precision, recall, specificity, F1 and AUROC by class name; None where not defined."""
    total, figures = confusion.sum(), {}
    for index, name in enumerate(CLASSES):
        hit = int(confusion[index, index])
        actual, claimed = int(confusion[index].sum()), int(confusion[:, index].sum())
        figures[name] = {
            "n": actual,
            "precision": _ratio(hit, claimed),
            "recall": _ratio(hit, actual),
            "specificity": _ratio(int(total) - actual - claimed + hit, int(total) - actual),
            "f1": _ratio(2 * hit, actual + claimed),
            "auroc": auroc(scores[:, index], truth == index),
        }
    return figures


def auroc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float | None:
    """Returns the area under the ROC curve (Mann-Whitney, ties count half); None without both kinds."""
    hits, misses = int(positive.sum()), int((~positive).sum())
    if hits == 0 or misses == 0:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


def expected_calibration_error(scores: Floats, truth: Ints, bins: int = 15) -> float:
    """Returns the ECE of the top class over equally wide bins (Guo et al. 2017, section 2)."""
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == truth
    number = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(number, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def brier_score(scores: Floats, truth: Ints) -> float:
    """Returns the mean squared distance to the one-hot truth, summed over classes."""
    return float(((scores - np.eye(len(CLASSES))[truth]) ** 2).sum(axis=1).mean())


def _shares(confusion: Ints) -> dict[str, float]:
    actual = confusion.sum(axis=1)
    present = actual > 0
    recalls = confusion.diagonal()[present] / actual[present]
    return {
        "accuracy": float(confusion.trace() / confusion.sum()),
        "balanced_accuracy": float(recalls.mean()),
    }


def _intervals(
    scores: Floats, truth: Ints, groups: Sequence[str] | None, seed: int, count: int
) -> dict[str, list[float]]:
    keys = np.arange(len(truth)) if groups is None else np.unique(np.array(groups), return_inverse=True)[1]
    size = len(CLASSES)
    cells = np.zeros((int(keys.max()) + 1, size * size))
    np.add.at(cells, (keys, truth * size + scores.argmax(axis=1)), 1)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(cells), np.full(len(cells), 1 / len(cells)), size=count) @ cells
    matrices = drawn.reshape(count, size, size)
    samples = {"accuracy": matrices.trace(axis1=1, axis2=2) / matrices.sum(axis=(1, 2))}
    with np.errstate(invalid="ignore"):
        recalls = matrices.diagonal(axis1=1, axis2=2) / matrices.sum(axis=2)
    samples |= {f"recall_{name}": recalls[:, index] for index, name in enumerate(CLASSES)}
    return {
        name: [float(v) for v in np.nanpercentile(values, (2.5, 97.5))]
        for name, values in samples.items()
        if not np.isnan(values).all()
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
