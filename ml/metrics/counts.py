"""Figures that follow from the confusion matrix alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def confusion_matrix(truth: Ints, predicted: Ints) -> Ints:
    """Returns counts (4, 4): rows are the truth, columns what was predicted."""
    size = len(CLASSES)
    return np.bincount(truth * size + predicted, minlength=size * size).reshape(size, size)


def overall(confusion: Ints) -> dict[str, float]:
    """Returns accuracy, balanced accuracy (mean recall of the classes present) and macro F1.

    Macro F1 is the mean over the classes that occur in truth or prediction, as in scikit-learn.
    """
    return {name: float(value[0]) for name, value in stacked(confusion[np.newaxis].astype(float)).items()}


def stacked(confusion: Floats) -> dict[str, Floats]:
    """Returns accuracy, balanced accuracy and macro F1, each (B,), of B confusion matrices (B, 4, 4)."""
    hit, actual = confusion.diagonal(axis1=1, axis2=2), confusion.sum(axis=2)
    either = actual + confusion.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": hit.sum(axis=1) / actual.sum(axis=1),
            "balanced_accuracy": _mean_where(hit / actual, actual > 0),
            "macro_f1": _mean_where(2 * hit / either, either > 0),
        }


def stacked_by_class(confusion: Floats) -> dict[str, Floats]:
    """Returns recall, precision, specificity and F1, each (B, 4), NaN where not defined."""
    hit, actual = confusion.diagonal(axis1=1, axis2=2), confusion.sum(axis=2)
    claimed, total = confusion.sum(axis=1), confusion.sum(axis=(1, 2))[:, np.newaxis]
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "recall": hit / actual,
            "precision": hit / claimed,
            "specificity": (total - actual - claimed + hit) / (total - actual),
            "f1": 2 * hit / (actual + claimed),
        }


def by_class(confusion: Ints) -> dict[str, dict[str, float | None]]:
    """Returns images, precision, recall, specificity and F1 by class name; None where not defined."""
    found = stacked_by_class(confusion[np.newaxis].astype(float))
    return {
        name: {
            "n": int(confusion[index].sum()),
            **{figure: _defined(values[0, index]) for figure, values in found.items()},
        }
        for index, name in enumerate(CLASSES)
    }


def _mean_where(values: Floats, defined: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(np.where(defined, values, 0).sum(axis=1) / defined.sum(axis=1))


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
