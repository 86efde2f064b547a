"""How well probabilities rank: areas under the ROC and precision-recall curves, and the curves themselves."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES

# scikit-learn is imported where it is used: a worker that only serves must not load it.

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CURVE_POINTS: Final = 200
THRESHOLDS: Final = 101


def auroc(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float | None:
    """Returns the area under the ROC curve of scores (N,); None unless there are both kinds."""
    from sklearn.metrics import roc_auc_score

    positive = np.asarray(positive, bool)
    return float(roc_auc_score(positive, scores)) if positive.any() and not positive.all() else None


def average_precision(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float | None:
    """Returns the average precision of scores (N,), without interpolation; None without a positive one."""
    from sklearn.metrics import average_precision_score

    positive = np.asarray(positive, bool)
    # Its sum of steps can exceed 1 by a rounding error.
    return min(1.0, float(average_precision_score(positive, scores))) if positive.any() else None


def weighted_areas(scores: Floats, positive: Bools, weights: Floats) -> tuple[Floats, Floats]:
    """Returns AUROC and average precision (B,) for B weightings at once; NaN where not defined.

    scikit-learn would sort the same scores B times over; here they are sorted once.

    Args:
        scores: (N,).
        positive: (N,).
        weights: (B, N), how often each resample drew each image.
    """
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))
    kinds = (weights[:, order] * mask[order] for mask in (positive, ~positive))
    hits, misses = (np.add.reduceat(kind, starts, axis=1) for kind in kinds)
    hits_so_far, misses_so_far = hits.cumsum(axis=1), misses.cumsum(axis=1)
    all_hits, all_misses = hits_so_far[:, -1], misses_so_far[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        above = misses * (hits_so_far - hits / 2)
        area = above.sum(axis=1) / (all_hits * all_misses)
        precision = np.nan_to_num(hits_so_far / (hits_so_far + misses_so_far))
        average = (hits * precision).sum(axis=1) / all_hits
    return area, average


def measure_curves(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> dict[str, dict[str, Any]]:
    """Returns the points of each class's curves, one class against the rest, thinned for drawing.

    Args:
        probabilities: (N, 4).
        labels: (N,) class indices.

    Returns:
        By class: `auroc`, `average_precision`, `share` of the images, `roc` (`fpr`, `tpr`), `pr` (`recall`,
        `precision`), `f1` (`threshold`, `f1`) and `best` (the threshold with the highest F1). A class without
        images, or with nothing else, is left out.
    """
    scores, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.int64)
    return {
        name: _curves(scores[:, index], truth == index)
        for index, name in enumerate(CLASSES)
        if 0 < (truth == index).sum() < len(truth)
    }


def _curves(scores: Floats, positive: Bools) -> dict[str, Any]:
    from sklearn.metrics import precision_recall_curve, roc_curve

    fpr, tpr, _ = roc_curve(positive, scores)
    precision, recall, _ = precision_recall_curve(positive, scores, drop_intermediate=True)
    threshold, f1 = _f1_by_threshold(scores, positive)
    return {
        "auroc": auroc(scores, positive),
        "average_precision": average_precision(scores, positive),
        "share": float(positive.mean()),
        "roc": {"fpr": _thinned(fpr), "tpr": _thinned(tpr)},
        "pr": {"recall": _thinned(recall[::-1]), "precision": _thinned(precision[::-1])},
        "f1": {"threshold": threshold.tolist(), "f1": f1.tolist()},
        "best": {"threshold": float(threshold[f1.argmax()]), "f1": float(f1.max())},
    }


def _f1_by_threshold(scores: Floats, positive: Bools) -> tuple[Floats, Floats]:
    threshold = np.linspace(0, 1, THRESHOLDS)
    hits = len(scores[positive]) - np.searchsorted(np.sort(scores[positive]), threshold)
    claimed = len(scores) - np.searchsorted(np.sort(scores), threshold)
    return threshold, 2 * hits / (positive.sum() + claimed)


def _thinned(values: Floats) -> list[float]:
    chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), CURVE_POINTS)).round().astype(int))
    return [float(value) for value in values[chosen]]
