"""Training a checkpoint's network on, with reviewed images: the whole of it, or another network in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.checkpoint import Checkpoint, signature_layers
from ml.config import NetworkSpec, Stage, TrainRecipe, TuneRecipe, network_spec
from ml.config.recipe import FROM_SCRATCH_ONLY
from ml.datasets import Pixels
from ml.experiments.folds import Collected, Plan
from ml.experiments.public_data import PublicImage
from ml.experiments.ship import Kept, build_checkpoint
from ml.labels import CLASSES
from ml.networks import Weights, blocks_until, build_network
from ml.preprocessing import Levels
from ml.training import Examples, TrainingError, train_network
from ml.training.fine_tune import Progress

ENOUGH_TO_CALIBRATE: Final = 50
"""Fewer validation images than these leave the checkpoint's own temperature."""


@dataclass(frozen=True)
class Reviewed:
    """Images of one part with their labels.

    Attributes:
        levels: uint8 (N, S, S), by the checkpoint's preprocessing.
        labels: int64 (N,).
        hashes: pixel sha256 of each.
        phash: uint64 (N,).
        groups: of each; one of each group is shown in an epoch.
        weights: (N,) what each counts for.
    """

    levels: Levels
    labels: npt.NDArray[np.int64]
    hashes: tuple[str, ...]
    phash: npt.NDArray[np.uint64]
    groups: tuple[str, ...]
    weights: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Tuned:
    """A network that was trained on, as an archive.

    Attributes:
        archive: the checkpoint's bytes.
        history: one dict for each epoch (`ml.training.train_network`).
        learned_from: pixel sha256 of the images that were in the fit with any weight.
    """

    archive: bytes
    history: list[dict[str, float]]
    learned_from: tuple[str, ...]


def tune_checkpoint(
    checkpoint: Checkpoint,
    train: Reviewed,
    validation: Reviewed,
    test: Reviewed,
    *,
    recipe: TuneRecipe,
    seed: int,
    state: Path,
    metadata: dict[str, Any] | None = None,
    imagenet: Path | str = "imagenet",
    progress: Progress | None = None,
    tick: Callable[[], None] | None = None,
) -> Tuned:
    """Trains a checkpoint's network on and returns a whole new checkpoint.

    What the network learned from before is not at hand, as a checkpoint holds embeddings of it and no images, and
    those are of features that change here. Against forgetting stand the blocks that do not learn and the mean with the
    weights it started from (`TuneRecipe.keep`; Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"). The
    result's replay sample is of the new images, its reference part is the test part, and its training hashes are those
    of both: of what it learned before, and now.

    Args:
        test: decides nothing; no image of it may have been learned from, now or before.
        state: a folder that belongs to this training; a stopped one goes on from its last epoch.
        metadata: laid over what the new checkpoint says of itself.
        imagenet: where the first weights of another network come from.
        progress: as for `ml.training.train_network`.
        tick: called after each batch; what it raises stops the training.

    Raises:
        TrainingError: a part is empty, or the test part was learned from.
    """
    _demand_parts(checkpoint, train, validation, test)
    own = network_spec(checkpoint.metadata["network"])
    anew = recipe.network is not None and recipe.network != own.name
    how = _recipe(checkpoint, own, recipe, anew=anew)
    start = None if anew else checkpoint.build_network().trainable.get_weights()
    weights, history = train_network(
        how, _examples(train), _examples(validation),
        seed=seed, state=state, imagenet=imagenet, start=start, progress=progress, tick=tick,
    )  # fmt: skip
    if start is not None:
        weights = _mean(start, weights, recipe.keep)
    facts = {
        **({} if anew else {"parent_sha256": checkpoint.sha256}),
        "seed": seed,
        "calibration": checkpoint.metadata["calibration"],
        **(metadata or {}),
    }
    parts = _joined(train, validation, test)
    places = _places(train, validation, test)
    plan = Plan("tuned", how, places[0], places[1], places[2], {})
    kept = _kept(checkpoint, how, validation, anew=anew)
    archive = build_checkpoint(plan, parts, weights, checkpoint.preprocessing, facts, kept)
    learned_from = tuple(name for name, weight in zip(train.hashes, train.weights, strict=True) if weight > 0)
    return Tuned(archive, history, learned_from)


def _demand_parts(checkpoint: Checkpoint, train: Reviewed, validation: Reviewed, test: Reviewed) -> None:
    for part, name in ((train, "training"), (validation, "validation"), (test, "test")):
        if not len(part):
            raise TrainingError(
                f"There is no image in the {name} part; a whole network is trained on one part, stopped by the second "
                "and measured on the third."
            )
    seen = {*checkpoint.training_hashes().sha256, *train.hashes, *validation.hashes} & set(test.hashes)
    if seen:
        raise TrainingError(f"{len(seen)} images of the test part were learned from: {sorted(seen)[0][:12]}…")


def _recipe(checkpoint: Checkpoint, own: NetworkSpec, recipe: TuneRecipe, *, anew: bool) -> TrainRecipe:
    """The recipe of the training: the network's own, or that of another with its defaults."""
    size = checkpoint.preprocessing.size
    spec = own if not anew or recipe.network is None else NetworkSpec(name=recipe.network, size=own.size)
    frozen = recipe.frozen_blocks
    if frozen is None:
        frozen = TrainRecipe.model_fields["frozen_blocks"].default if anew else _told_by(own, size)
    return TrainRecipe(
        network=spec,
        start="scratch" if spec.name in FROM_SCRATCH_ONLY else "imagenet",
        stages=(Stage(size=size, epochs=recipe.epochs),),
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        patience=recipe.patience,
        class_balance=recipe.class_balance,
        attention=0.0,
        frozen_blocks=frozen,
    )


def _told_by(spec: NetworkSpec, size: int) -> int:
    """How many blocks lie before or at the layers by which a network's novelty is told."""
    network = build_network(spec, size=size)
    return max(blocks_until(network, layer) for layer in signature_layers(network))


def _kept(checkpoint: Checkpoint, how: TrainRecipe, validation: Reviewed, *, anew: bool) -> Kept:
    if anew:
        return Kept()
    taught, stated = checkpoint.training_hashes(), checkpoint.metadata.get("novelty") or {}
    same = how.frozen_blocks >= _told_by(how.network, checkpoint.preprocessing.size)
    few = len(validation) < ENOUGH_TO_CALIBRATE
    return Kept(
        training_hashes=taught,
        novelty=checkpoint.novelty() if same else None,
        novelty_facts={name: stated[name] for name in ("fitted_on", "threshold_on") if name in stated},
        temperature=checkpoint.temperature if few else None,
    )


def _mean(start: Weights, tuned: Weights, keep: float) -> Weights:
    pairs = zip(start, tuned, strict=True)
    return [(keep * old + (1 - keep) * new).astype(np.float32) for old, new in pairs]


def _examples(part: Reviewed) -> Examples:
    return Examples(part.levels, part.labels, part.groups, weights=part.weights)


def _places(*parts: Reviewed) -> list[npt.NDArray[np.int64]]:
    ends = np.cumsum([0, *(len(part) for part in parts)])
    return [np.arange(first, last) for first, last in pairwise(ends)]


def _joined(*parts: Reviewed) -> Collected:
    """The parts one after another, in the form that checkpoints are made from."""
    images = [
        PublicImage(
            path=Path(name), source="reviewed", label=CLASSES[label], split="", fold=0, group=group, near=group,
            conflict=False, mask=None,
        )
        for part in parts
        for name, label, group in zip(part.hashes, part.labels, part.groups, strict=True)
    ]  # fmt: skip
    upright = np.concatenate([part.phash for part in parts])
    pixels = Pixels(
        levels=np.concatenate([part.levels for part in parts]),
        sha256=np.array([name for part in parts for name in part.hashes]),
        phash=upright,
        phash_mirrored=np.zeros_like(upright),
        ct=np.zeros(len(upright), bool),
    )
    return Collected(images, pixels)
