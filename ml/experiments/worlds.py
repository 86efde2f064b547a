"""Where a model goes wrong on purpose, and images from which readers could teach it better.

Two worlds of the public sets: one whose model never saw a source, and one whose model was taught wrong labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.checkpoint import Checkpoint, Reference, read_checkpoint
from ml.config import Stage, read_recipe
from ml.datasets import Pixels
from ml.experiments import folds, ship, sources
from ml.experiments.folds import Bools, Collected, Indices, Plan
from ml.experiments.public_data import PublicImage
from ml.experiments.runs import Job, train
from ml.inference import OnnxPredictor
from ml.labels import CLASSES
from ml.preprocessing import Preprocessing, scale
from ml.storing import write_whole

RECIPE: Final = "mobilenet"
WRONG_SHARE: Final = 0.15
SEED: Final = 20261121
_BATCH: Final = 64

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class World:
    """A model, unlabelled images to spend labels on, and locked parts that nothing is learned from.

    Attributes:
        title: what is wrong with the model.
        base: its checkpoint.
        pool: images whose true labels a reader would give. No subject, near-duplicate or mirrored copy of it is in a
            locked part.
        taught: the labels that the pool's images were learned with, (N,); None where they were not learned from.
        locked: by name; "all" holds all others.
    """

    title: str
    base: Checkpoint
    pool: Reference
    taught: npt.NDArray[np.int64] | None
    locked: dict[str, Reference]


def source_left_out(root: Path, work: Path) -> World:
    """The model never saw what Nickparvar's set collected from the web; readers there teach it."""
    collected, short = _collected(root, work)
    plan = sources.plan_case("collected", "all", collected, short)
    there = np.array([sources.SOURCES["collected"].holds(image) for image in collected.images])
    locked = {
        "the source left out": there & _held(collected),
        "the sources learned from": ~there & _held(collected),
    }
    job = Job(RECIPE, "sources-collected-all", plan, collected, Preprocessing(size=sources.SIZE), root)
    base = _checkpoint(job, work, collected)
    pool = there & ~_held(collected)
    return _world("one source left out of training", base, collected, pool, locked)


def wrong_labels(root: Path, work: Path, share: float = WRONG_SHARE) -> World:
    """The model was taught a share of wrong labels; readers look at what it was taught with."""
    collected, short = _collected(root, work)
    held = _held(collected)
    plan = folds.apart(
        folds.cut("wrong-labels", collected, short, held, *folds.unfit(collected, held)), collected
    )
    taught = mislabelled(collected, plan, share)
    job = Job(
        RECIPE, f"wrong-labels-{round(100 * share)}", plan, taught, Preprocessing(size=sources.SIZE), root
    )
    base = _checkpoint(job, work, taught)
    pool = np.zeros(len(held), bool)
    pool[plan.train] = True
    title = f"{share:.0%} wrong labels in training"
    world = _world(title, base, collected, pool, {"held-out fold": held})
    return replace(world, taught=taught.labels[_fit_to_spend(collected, pool, held)])


def mislabelled(collected: Collected, plan: Plan, share: float) -> Collected:
    """Returns the images with a share of the training and validation part's labels turned into another class.

    Whole sets of near-duplicates are turned alike, as one mistake of a labeller would be.
    """
    rng = np.random.default_rng(SEED)
    learned = {
        collected.images[i].near or collected.images[i].path.name for i in (*plan.train, *plan.validation)
    }
    turned = {near: int(rng.integers(1, len(CLASSES))) for near in sorted(learned) if rng.random() < share}

    def wrong(image: PublicImage) -> PublicImage:
        step = turned.get(image.near or image.path.name)
        if step is None:
            return image
        # A tumour's mask would give the true class away, and a healthy head has none.
        label = CLASSES[(CLASSES.index(image.label) + step) % len(CLASSES)]
        return replace(image, label=label)

    learned_from = set(plan.train.tolist()) | set(plan.validation.tolist())
    images = [wrong(image) if i in learned_from else image for i, image in enumerate(collected.images)]
    return replace(collected, images=images)


def _collected(root: Path, work: Path) -> tuple[Collected, Any]:
    recipe = read_recipe(RECIPE)
    short = recipe.model_copy(update={"stages": (Stage(size=sources.SIZE, epochs=sources.EPOCHS),)})
    return folds.collect(root, work, sources.RUN, Preprocessing(size=sources.SIZE)), short


def _held(collected: Collected) -> Bools:
    return np.array([sources.fold_of(image) == sources.HELD_FOLD for image in collected.images])


def _checkpoint(job: Job, work: Path, collected: Collected) -> Checkpoint:
    """The archive of a run, trained and written where that is not done yet; an older code's training is taken."""
    archive = job.folder(work) / "checkpoint.ckpt.zip"
    if not archive.exists():
        trained = train(job, work, older_code=True)
        data = ship.build_checkpoint(
            job.plan, collected, trained.weights, job.preprocessing, {"name": job.run}
        )
        write_whole(archive, lambda unfinished: unfinished.write_bytes(data))
    return read_checkpoint(archive.read_bytes())


def _fit_to_spend(collected: Collected, pool: Bools, locked: Bools) -> Indices:
    """The pool's images but for those that are near a locked one, doubtful in label, or no MRI."""
    doubtful = collected.pixels.ct | np.array([image.conflict for image in collected.images])
    return np.flatnonzero(pool & ~doubtful & ~folds.bridges(collected, locked, pool))


def _world(
    title: str, base: Checkpoint, collected: Collected, pool: Bools, locked: dict[str, Bools]
) -> World:
    doubtful = collected.pixels.ct | np.array([image.conflict for image in collected.images])
    parts = {name: np.flatnonzero(part & ~doubtful) for name, part in locked.items()}
    whole = np.logical_or.reduce(list(locked.values()))
    if len(parts) > 1:
        parts = {"all": np.flatnonzero(whole & ~doubtful), **parts}
    read = _reader(base, collected)
    chosen = _fit_to_spend(collected, pool, whole)
    return World(title, base, read(chosen), None, {name: read(part) for name, part in parts.items()})


def _reader(base: Checkpoint, collected: Collected) -> Callable[[Indices], Reference]:
    predictor, pixels, labels = OnnxPredictor(base), collected.pixels, collected.labels

    def read(chosen: Indices) -> Reference:
        return Reference(
            _embeddings(predictor, pixels, chosen),
            labels[chosen],
            tuple(collected.groups(chosen)),
            tuple(str(pixels.sha256[i]) for i in chosen),
        )

    return read


def _embeddings(predictor: OnnxPredictor, pixels: Pixels, chosen: Indices) -> Floats:
    parts = np.array_split(chosen, max(1, len(chosen) // _BATCH))
    return np.concatenate([predictor.predict(scale(pixels.levels[part])).embeddings for part in parts])
