"""Labels that are likely wrong, by confident learning on out-of-sample probabilities.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021). Written
after the paper: the library of its authors, cleanlab, is under the AGPL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES, InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FOLDS: Final = 5
# How many directions of the embeddings the head sees at most, how many images stand behind each of them at least, and
# how strongly its weights are drawn to zero.
_DIRECTIONS: Final = 64
_IMAGES_A_DIRECTION: Final = 8
_PENALTY: Final = 0.05
_STEPS: Final = 150


@dataclass(frozen=True)
class LabelErrors:
    """What speaks against each of n labels.

    Attributes:
        probabilities: (n, 4) out of sample: by heads that saw neither the image nor one of its group.
        suggested: (n,) the class that the image is confidently taken for; its own label where that is none other.
        likely: (n,) whether it lies off the diagonal of the confident joint (section 3.1): at least as sure of
            another class as the heads are, on average, of images that bear that class's label.
        score: (n,) 0..1, how much more probable the best other class is than the label (normalised margin,
            section 3.2): 0 sure of the label, 1 sure of another.
        joint: (4, 4) the confident joint, scaled to the counts of the labels: rows what was given, columns what it
            is taken for.
    """

    probabilities: Floats
    suggested: Ints
    likely: npt.NDArray[np.bool_]
    score: Floats
    joint: Floats

    def ranked(self) -> Ints:
        """Returns all places, likely errors first, each half by descending score."""
        return np.lexsort((-self.score, ~self.likely)).astype(np.int64)


def find_label_errors(
    embeddings: npt.ArrayLike, labels: npt.ArrayLike, groups: Sequence[str], *, seed: int = 0
) -> LabelErrors:
    """Holds each label against what a head says that never saw its image.

    Args:
        embeddings: (n, D) by one network.
        labels: (n,) class indices.
        groups: (n,) subject or near-duplicate cluster of each: images of a group are held out together.
        seed: of the folds.

    Raises:
        InputError: the arrays do not fit, a label occurs in fewer groups than two, or fewer than two labels occur.
    """
    features, truth = np.asarray(embeddings, np.float64), np.asarray(labels, np.int64)
    _demand_fit(features, truth, groups)
    return confident_learning(cross_validated(features, truth, groups, seed=seed), truth)


def confident_learning(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> LabelErrors:
    """Finds the labels that out-of-sample probabilities speak against (the paper's equations 1 and 2, and 3.2).

    Args:
        probabilities: (n, 4) that were not made by a model that was fitted to these labels' images.
        labels: (n,) class indices.
    """
    p, given = np.asarray(probabilities, np.float64), np.asarray(labels, np.int64)
    classes, rows = p.shape[1], np.arange(len(given))
    present = np.bincount(given, minlength=classes) > 0
    # The threshold of a class: how sure one is, on average, of what bears its label (equation 2).
    threshold = np.array([p[given == j, j].mean() if present[j] else np.inf for j in range(classes)])
    above = np.where(p >= threshold, p, -1.0)
    taken = np.where(above.max(axis=1) >= 0, above.argmax(axis=1), -1)
    joint = np.zeros((classes, classes))
    np.add.at(joint, (given[taken >= 0], taken[taken >= 0]), 1)
    likely = (taken >= 0) & (taken != given)
    others = p.copy()
    others[rows, given] = -1.0
    score = np.clip((others.max(axis=1) - p[rows, given] + 1) / 2, 0.0, 1.0)
    counted = joint.sum(axis=1, keepdims=True)
    scaled = np.divide(joint, counted, out=np.zeros_like(joint), where=counted > 0)
    return LabelErrors(
        probabilities=p,
        suggested=np.where(likely, taken, given),
        likely=likely,
        score=score,
        joint=scaled * np.bincount(given, minlength=classes)[:, np.newaxis],
    )


def cross_validated(features: Floats, labels: Ints, groups: Sequence[str], *, seed: int = 0) -> Floats:
    """Returns (n, 4) probabilities, each by a head that was fitted without the image's fold; groups never part."""
    fold = _folds(labels, groups, seed)
    probabilities = np.zeros((len(labels), len(CLASSES)))
    for held_out in range(FOLDS):
        inside, outside = fold != held_out, fold == held_out
        if outside.any():
            known, asked = _whitened(features[inside], features[outside])
            probabilities[outside] = _softmax(asked @ _fit(known, labels[inside]))
    return probabilities


def _folds(labels: Ints, groups: Sequence[str], seed: int) -> Ints:
    """A fold for each image: whole groups, dealt out by class of their first image, so that each fold has all."""
    _, first, number = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(len(first))
    dealt = shuffled[np.argsort(labels[first][shuffled], kind="stable")]
    fold = np.empty(len(first), np.int64)
    fold[dealt] = np.arange(len(first)) % FOLDS
    return np.asarray(fold[number], np.int64)


def _whitened(known: Floats, asked: Floats) -> tuple[Floats, Floats]:
    """Both in the strongest directions of `known`, each of variance 1, with a column of ones."""
    mean = known.mean(axis=0)
    values, vectors = np.linalg.eigh((known - mean).T @ (known - mean) / len(known))
    directions = max(len(CLASSES) - 1, min(_DIRECTIONS, len(known) // _IMAGES_A_DIRECTION))
    strongest = slice(-min(directions, len(values)), None)
    turn = vectors[:, strongest] / np.sqrt(np.maximum(values[strongest], 1e-9 * max(values[-1], 1e-12)))
    return _with_ones((known - mean) @ turn), _with_ones((asked - mean) @ turn)


def _with_ones(rows: Floats) -> Floats:
    return np.column_stack((rows, np.ones(len(rows))))


def _fit(features: Floats, labels: Ints) -> Floats:
    """A multinomial logistic head (D, 4) by accelerated gradient steps.

    On whitened features the curvature of the loss is at most 1/2 (Böhning 1992), so the step needs no search; and
    NumPy alone does, which a web process has at hand.
    """
    hot = np.eye(len(CLASSES))[labels]
    head = ahead = np.zeros((features.shape[1], len(CLASSES)))
    drawn = np.full((features.shape[1], 1), 2 * _PENALTY)
    drawn[-1] = 0  # the bias is free
    step = 1 / (0.5 + 2 * _PENALTY)
    for number in range(_STEPS):
        slope = features.T @ (_softmax(features @ ahead) - hot) / len(labels) + drawn * ahead
        following = ahead - step * slope
        ahead = following + number / (number + 3) * (following - head)
        head = following
    return head


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _demand_fit(features: Floats, labels: Ints, groups: Sequence[str]) -> None:
    if features.ndim != 2 or len(features) != len(labels) or len(groups) != len(labels):
        raise InputError(
            f"{len(labels)} labels, {len(groups)} groups and embeddings of shape {features.shape} do not fit."
        )
    if not np.isfinite(features).all():
        raise InputError("The embeddings hold numbers that are not finite.")
    of = {
        index: len({g for g, label in zip(groups, labels, strict=True) if label == index})
        for index in set(labels)
    }
    few = [CLASSES[index] for index, count in sorted(of.items()) if count < 2]
    if len(of) < 2 or few:
        raise InputError(
            "At least two classes are needed, each on images of at least two subjects or clusters"
            + (f"; {', '.join(few)} has too few." if few else ".")
        )
