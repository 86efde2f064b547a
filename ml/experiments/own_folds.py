"""K-fold cross-validation on a manifest: every image read once by a network that never saw its group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.calibration import probabilities
from ml.checkpoint import Checkpoint, read_checkpoint
from ml.experiments.custom import Training, train_plan
from ml.experiments.listed import Listed
from ml.inspection.pairs import clusters
from ml.manifest import ManifestError
from ml.metrics import evaluate
from ml.splits import assign_folds, choose_groups, join_groups
from ml.storing import write_whole
from ml.training.fine_tune import Progress


@dataclass(frozen=True)
class Folded:
    """A finished cross-validation.

    Attributes:
        archives: the checkpoint of each fold, as bytes.
        folds: figures of each fold's held-out images (`ml.metrics.evaluate`).
        pooled: figures of all images together, each read by the network that never saw its group.
        probabilities: (N, 4), of the pooled images, fold by fold.
        labels: (N,).
        groups: (N,).
    """

    archives: tuple[bytes, ...]
    folds: tuple[dict[str, Any], ...]
    pooled: dict[str, Any]
    probabilities: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    groups: tuple[str, ...]


def train_folds(
    listed: Listed, training: Training, count: int, *, progress: Progress | None = None
) -> Folded:
    """Trains one network for each fold and measures each on the images it never saw.

    The manifest's own parts do not matter. A fold that is done is kept as its checkpoint, and one that was
    stopped goes on from its last epoch.

    Args:
        count: how many folds.
        progress: as for `train_network`, with `fold` and `folds` added.

    Raises:
        ManifestError: when a class has too few groups for so many folds.
    """
    groups = subject_groups(listed)
    fold_of = fold_numbers(listed, groups, count, training.seed)
    archives = tuple(
        _train_fold(number, listed, training, groups, fold_of, progress) for number in range(1, count + 1)
    )
    parts = [_read(read_checkpoint(data)) for data in archives]
    scores = np.concatenate([part[0] for part in parts])
    labels = np.concatenate([part[1] for part in parts])
    owners = tuple(group for part in parts for group in part[2])
    return Folded(
        archives, tuple(evaluate(*part) for part in parts), evaluate(scores, labels, owners), scores, labels,
        owners,
    )  # fmt: skip


def subject_groups(listed: Listed) -> list[str]:
    """Returns groups that must not be cut: subjects and clusters of duplicates, mirrored too, joined."""
    duplicates = [str(number) for number in clusters(listed.hashes)]
    return join_groups(duplicates, [row.group for row in listed.rows], [row.near for row in listed.rows])


def fold_numbers(listed: Listed, groups: list[str], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Returns the fold 1..count of each row, whole groups together and classes spread evenly; 0 if not used.

    Raises:
        ManifestError: when a class has fewer groups than there are folds.
    """
    kept = np.flatnonzero(listed.usable)
    labels = [listed.rows[i].label for i in kept]
    for label in sorted(set(labels)):
        different = len({groups[i] for i in kept if listed.rows[i].label == label})
        if not 2 <= count <= different:
            raise ManifestError(
                f"{count} folds cannot be made: {label} has {different} groups; give 2 to {different}."
            )
    folds = np.zeros(len(listed.rows), np.int64)
    folds[kept] = assign_folds([groups[i] for i in kept], labels, count, seed)
    return folds


def _train_fold(
    number: int,
    listed: Listed,
    training: Training,
    groups: list[str],
    fold_of: npt.NDArray[np.int64],
    progress: Progress | None,
) -> bytes:
    parts = _parts(number, listed, training, groups, fold_of)
    plan = listed.plan(training.recipe, parts, f"fold-{number}")
    folder = training.folder(plan, listed)
    done = folder / "fold.ckpt.zip"
    if done.exists():
        return done.read_bytes()
    told = None if progress is None else _of_fold(progress, number, int(fold_of.max()))
    data = train_plan(plan, listed, training, listed.leakage(parts), told)
    write_whole(done, lambda unfinished: unfinished.write_bytes(data))
    return data


def _parts(
    number: int, listed: Listed, training: Training, groups: list[str], fold_of: npt.NDArray[np.int64]
) -> list[str]:
    learn = np.flatnonzero((fold_of != number) & (fold_of != 0))
    labels = [listed.rows[i].label for i in learn]
    share = training.recipe.validation_share
    aside = choose_groups([groups[i] for i in learn], labels, share, training.seed)
    return [
        "test" if fold == number else "validation" if group in aside else "train"
        for group, fold in zip(groups, fold_of, strict=True)
    ]


def _of_fold(progress: Progress, number: int, count: int) -> Progress:
    def told(figures: dict[str, Any]) -> None:
        progress({**figures, "fold": number, "folds": count})

    return told


def _read(checkpoint: Checkpoint) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], tuple[str, ...]]:
    kernel, bias = checkpoint.head()
    part = checkpoint.reference()
    return probabilities(part.embeddings @ kernel + bias, checkpoint.temperature), part.labels, part.groups
