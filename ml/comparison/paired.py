"""Paired differences: the same resampled subjects for every model, McNemar's test, Holm's correction."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.comparison.errors import ComparisonError
from ml.labels import CLASSES
from ml.metrics.counts import stacked, stacked_by_class
from ml.metrics.figures import evaluate
from ml.metrics.intervals import confusion_cells, draw_groups, group_numbers, span

# scipy is imported where it is used: whoever only reads a stored comparison does not wait for it.

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COMPARED: Final = ("accuracy", "macro_f1", "recall_meningioma")
_MENINGIOMA: Final = CLASSES.index("meningioma")


def compare(
    readers: Mapping[str, npt.ArrayLike],
    labels: npt.ArrayLike,
    groups: Sequence[str] | None = None,
    *,
    seed: int = 0,
    bootstrap: int = 2000,
) -> dict[str, Any]:
    """Returns the figures of every model and the differences of every pair, on the same images.

    Args:
        readers: probabilities (N, 4) by model name; two or more.
        labels: (N,) class indices.
        groups: subject or cluster of each image; resampled whole, and for all models alike.
        seed: of the bootstrap.
        bootstrap: resamples.

    Returns:
        `models`: by name the figures of `ml.metrics.evaluate`. `pairs`: for each two, `a`, `b`, for accuracy, macro F1
        and meningioma recall the `difference` (a minus b) with its 95 % `interval` (paired percentile bootstrap;
        Efron & Tibshirani 1993, chapter 13), and `mcnemar`: images that `only_a` and `only_b` named right, the exact
        two-sided `p`, and `p_holm`, corrected for the number of pairs.

    Raises:
        ComparisonError: for fewer than two models or subjects, or models that answered for different images.
        ContradictionError: when a model's figures cannot all be true.
    """
    truth = np.asarray(labels, np.int64)
    scores = {name: np.asarray(values, np.float64) for name, values in readers.items()}
    if len(scores) < 2:
        raise ComparisonError("A comparison needs at least two models.")
    if len({values.shape for values in scores.values()}) > 1:
        raise ComparisonError("The models answered for different images, so their figures cannot be paired.")
    models = {name: evaluate(values, truth, groups, seed) for name, values in scores.items()}
    keys = group_numbers(len(truth), groups)
    if keys.max() == 0:
        raise ComparisonError(
            f"All {len(truth)} images are of one subject, which cannot say how sure a difference is; "
            "a comparison needs images of two subjects or more."
        )
    drawn = draw_groups(keys, bootstrap, seed)
    predicted = {name: values.argmax(axis=1) for name, values in scores.items()}
    samples = {name: _figures(drawn @ confusion_cells(keys, truth, said)) for name, said in predicted.items()}
    values = {
        name: _figures(confusion_cells(keys, truth, said).sum(axis=0)) for name, said in predicted.items()
    }
    pairs: list[dict[str, Any]] = [
        {
            "a": a,
            "b": b,
            **{key: _difference(key, values[a], values[b], samples[a], samples[b]) for key in COMPARED},
            "mcnemar": mcnemar(predicted[a] == truth, predicted[b] == truth),
        }
        for a, b in itertools.combinations(scores, 2)
    ]
    for pair, corrected in zip(pairs, holm([pair["mcnemar"]["p"] for pair in pairs]), strict=True):
        pair["mcnemar"]["p_holm"] = corrected
    return {"models": models, "pairs": pairs, "seed": seed, "bootstrap": bootstrap}


def mcnemar(right_a: npt.ArrayLike, right_b: npt.ArrayLike) -> dict[str, Any]:
    """Returns McNemar's exact two-sided test (McNemar 1947) on which images (N,) each of two models named right.

    It counts images; where subjects have many, the bootstrap by subject is the more careful answer.
    """
    from scipy.stats import binomtest

    a, b = np.asarray(right_a, bool), np.asarray(right_b, bool)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return {"only_a": only_a, "only_b": only_b, "p": p}


def holm(values: Sequence[float]) -> list[float]:
    """Returns p values corrected for their number (Holm 1979), in the given order."""
    order = np.argsort(values, kind="stable")
    corrected, highest = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        corrected[int(index)] = highest
    return corrected


def _figures(cells: Floats) -> dict[str, Floats]:
    matrices = cells.reshape(-1, len(CLASSES), len(CLASSES))
    found = stacked(matrices)
    recall = stacked_by_class(matrices)["recall"][:, _MENINGIOMA]
    return {"accuracy": found["accuracy"], "macro_f1": found["macro_f1"], "recall_meningioma": recall}


def _difference(
    key: str,
    a: dict[str, Floats],
    b: dict[str, Floats],
    drawn_a: dict[str, Floats],
    drawn_b: dict[str, Floats],
) -> dict[str, Any]:
    value, samples = float(a[key][0] - b[key][0]), drawn_a[key] - drawn_b[key]
    if np.isnan(value):
        return {"difference": None, "interval": None}
    return {"difference": value, "interval": span(samples)}
