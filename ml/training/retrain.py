"""Retraining the head alone, from embeddings that were stored with the predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.calibration import factor_for_confidence, probabilities
from ml.checkpoint import Checkpoint, Reference
from ml.config import HeadRecipe, recipe_to_dict
from ml.evaluation import evaluate_head
from ml.labels import CLASSES
from ml.training.errors import TrainingError
from ml.training.head import fit_head

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class HeadResult:
    """A retrained head.

    Attributes:
        kernel: float32 (D, 4).
        bias: float32 (4,).
        history: `step` and `loss` of every step, for a curve.
        figures: `candidate` and `incumbent` on the checkpoint's reference part, how many `corrections` each
            head gets right, how many images were `replayed`, what the fitted head was `scaled` by, and the recipe.
        learned_from: pixel sha256 of the reviewed images that had any weight in the fit; empty where no hashes
            were given.
    """

    kernel: Floats
    bias: Floats
    history: list[dict[str, float]]
    figures: dict[str, Any]
    learned_from: tuple[str, ...] = ()


def retrain_head(
    checkpoint: Checkpoint,
    embeddings: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    groups: Sequence[str] | None = None,
    sample_weight: npt.ArrayLike | None = None,
    hashes: Sequence[str] | None = None,
    validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    seed: int = 0,
    recipe: HeadRecipe | None = None,
    bootstrap: int = 1000,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> HeadResult:
    """Fits a new head to reviewed labels and to the checkpoint's replay sample together.

    The replay sample keeps what was learned; the pull towards the head in force keeps a handful of reviews from
    moving more than they must; and each review weighs as much as several replayed images, up to a total of
    `HeadRecipe.correction_share` of the replay sample's mass. The fitted head is scaled to be as sure of the replay
    sample as the one in force, whose temperature stays. Deterministic: the problem is convex, so the
    seed only decides the bootstrap of the figures.

    Args:
        checkpoint: whose network made the embeddings.
        embeddings: (n, D) of the reviewed images.
        labels: (n,) class indices.
        groups: subject of each image; n images of one subject weigh as much as sqrt(n) of different ones.
        sample_weight: (n,) on top of that.
        hashes: pixel sha256 of each image. What a reader says of an image supersedes the label that it was trained
            with, so an image among these is not replayed too.
        validation: embeddings and labels that decide nothing; they are measured after each step.
        bootstrap: resamples for the intervals of the figures; 0 gives none.
        progress: as for `fit_head`.

    Raises:
        TrainingError: when there is nothing to learn from, or the arrays do not fit.
    """
    how = recipe or HeadRecipe()
    reviewed, truth = np.asarray(embeddings, np.float32), np.asarray(labels, np.int64)
    incumbent = checkpoint.head()
    _demand_fit(reviewed, truth, incumbent[0].shape[0])
    replay = checkpoint.replay()
    mass = _review_mass(len(truth), groups, sample_weight, how, len(replay.labels))
    kept = _not_superseded(replay.hashes, hashes, len(truth))
    fit = fit_head(
        np.concatenate((replay.embeddings[kept], reviewed)),
        np.concatenate((replay.labels[kept], truth)),
        np.concatenate((np.ones(int(kept.sum())), mass)),
        penalty=how.penalty, start=incumbent, iterations=how.iterations, converged=True, validation=validation,
        progress=progress,
    )  # fmt: skip
    reference, temperature = checkpoint.reference(), checkpoint.temperature
    candidate, factor = _as_sure((fit.kernel, fit.bias), incumbent, replay.embeddings, temperature)
    figures = {
        "candidate": _figures(candidate, reference, temperature, seed, bootstrap),
        "incumbent": _figures(incumbent, reference, temperature, seed, bootstrap),
        "corrections": {
            "n": len(truth),
            "candidate_right": _right(candidate, reviewed, truth),
            "incumbent_right": _right(incumbent, reviewed, truth),
        },
        "replayed": int(kept.sum()),
        "scaled": factor,
        "recipe": recipe_to_dict(how),
        "seed": seed,
    }
    history = [{"step": float(number), "loss": loss} for number, loss in enumerate(fit.losses, 1)]
    learned_from = tuple(name for name, weight in zip(hashes or (), mass, strict=False) if weight > 0)
    return HeadResult(*candidate, history, figures, learned_from)


def _as_sure(
    head: tuple[Floats, Floats], incumbent: tuple[Floats, Floats], replayed: Floats, temperature: float
) -> tuple[tuple[Floats, Floats], float]:
    """Returns the head, scaled so that it is as sure of the replay sample as the one in force, and the factor.

    The fit goes on until it is sure of every image that it was shown; what the temperature was fitted on is not at
    hand any more. Scaling changes no answer, only how sure it is.
    """

    def logits(kernel: Floats, bias: Floats) -> npt.NDArray[np.float64]:
        return np.asarray((replayed @ kernel + bias) / temperature, np.float64)

    sure = float(probabilities(logits(*incumbent)).max(axis=1).mean())
    factor = factor_for_confidence(logits(*head), sure)
    return (head[0] * np.float32(factor), head[1] * np.float32(factor)), factor


def _figures(
    head: tuple[Floats, Floats], part: Reference, temperature: float, seed: int, bootstrap: int
) -> dict[str, Any]:
    return evaluate_head(head, part, temperature=temperature, seed=seed, bootstrap=bootstrap)


def _not_superseded(
    replayed: Sequence[str], reviewed: Sequence[str] | None, count: int
) -> npt.NDArray[np.bool_]:
    """Which of the replayed images nobody has labelled anew, bool."""
    if reviewed is None:
        return np.ones(len(replayed), bool)
    if len(reviewed) != count:
        raise TrainingError(f"{len(reviewed)} hashes do not fit {count} labels.")
    anew = set(reviewed)
    return np.array([name not in anew for name in replayed], bool)


def _demand_fit(embeddings: Floats, labels: npt.NDArray[np.int64], width: int) -> None:
    if len(labels) == 0:
        raise TrainingError("There is no reviewed image to learn from.")
    if embeddings.shape != (len(labels), width):
        raise TrainingError(f"Expected embeddings of shape ({len(labels)}, {width}), got {embeddings.shape}.")
    if not np.isfinite(embeddings).all():
        raise TrainingError("The embeddings hold numbers that are not finite.")
    if labels.min() < 0 or labels.max() >= len(CLASSES):
        raise TrainingError(f"Labels must lie in 0..{len(CLASSES) - 1}.")


def _review_mass(
    count: int, groups: Sequence[str] | None, weight: npt.ArrayLike | None, how: HeadRecipe, replayed: int
) -> npt.NDArray[np.float64]:
    mass = np.full(count, how.correction_weight)
    if groups is not None:
        if len(groups) != count:
            raise TrainingError(f"{len(groups)} groups do not fit {count} labels.")
        sizes = Counter(groups)
        mass /= np.sqrt([sizes[group] for group in groups])
    if weight is not None:
        given = np.asarray(weight, np.float64)
        if given.shape != (count,) or not (np.isfinite(given).all() and (given >= 0).all() and given.any()):
            raise TrainingError(
                "The weights must be one number of at least 0 for each label, not all of them 0."
            )
        mass *= given
    bound = float(how.correction_share * replayed / mass.sum())
    return np.asarray(mass * min(1.0, bound))


def _right(head: tuple[Floats, Floats], embeddings: Floats, labels: npt.NDArray[np.int64]) -> int:
    return int(((embeddings @ head[0] + head[1]).argmax(axis=1) == labels).sum())
