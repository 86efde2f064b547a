"""One run: some public images to learn from, others to measure on, and everything that bridges them left out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.calibration import probabilities
from ml.config import Stage, TrainRecipe, recipe_to_dict
from ml.datasets import Pixels, load_pixels
from ml.duplicates import near_pairs
from ml.experiments.public_data import FOLDS, PublicImage, read_brisc, read_nickparvar, read_roboflow
from ml.labels import label_index
from ml.manifest import Row
from ml.metrics import evaluate
from ml.networks import build_network, round_weights
from ml.preprocessing import Preprocessing, scale
from ml.splits import choose_groups
from ml.training.fine_tune import Examples, train_network

log = logging.getLogger(__name__)
Indices = npt.NDArray[np.int64]

SEED: Final = 20261121
SHIPPED: Final = "fold-5"
"""The shipped network never saw fold 5."""

BRIDGE_BITS: Final = 6
"""What may bridge training and test is judged more widely than what counts as a duplicate."""

RUNS: Final = (SHIPPED, *(f"fold-{fold}" for fold in FOLDS if f"fold-{fold}" != SHIPPED), "roboflow")
ROBOFLOW_STAGES: Final = (Stage(size=160, epochs=8), Stage(size=224, epochs=8))


@dataclass(frozen=True)
class Collected:
    """Public images with their pixels; row i of one belongs to item i of the other."""

    images: list[PublicImage]
    pixels: Pixels

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Class indices (N,)."""
        return np.array([label_index(image.label) for image in self.images], np.int64)

    def examples(self, chosen: Indices) -> Examples:
        """Returns some of the images to learn from or to validate on."""
        near = tuple(self.images[i].near for i in chosen)
        return Examples(self.pixels.levels[chosen], self.labels[chosen], near)


@dataclass(frozen=True)
class Plan:
    """Which images a run learns from, stops early by, and is measured on; what was left out, and why."""

    name: str
    recipe: TrainRecipe
    train: Indices
    validation: Indices
    test: Indices
    left_out: dict[str, int]


def collect(root: Path, cache: Path, name: str, preprocessing: Preprocessing) -> Collected:
    """Reads the images of a run: Roboflow's alone, or Nickparvar's and BRISC's "no tumour"."""
    images = read_roboflow(root) if name == "roboflow" else read_nickparvar(root) + read_brisc(root)
    return Collected(images, load_pixels([image.path for image in images], preprocessing, cache))


def make_plan(name: str, collected: Collected, recipe: TrainRecipe) -> Plan:
    """Decides the parts of a run; for one name, data and recipe always the same.

    A fold run leaves out of training what looks like CT, what carries a disputed label, and whatever is a
    near-duplicate, mirrored or not, of an image of the held-out fold. The Roboflow run keeps its own split.
    """
    images = collected.images
    if name == "roboflow":
        held = np.array([image.split == "test" for image in images])
        recipe = TrainRecipe(**{**vars(recipe), "stages": ROBOFLOW_STAGES})
        left_out = np.zeros(len(images), bool)
        reasons: dict[str, int] = {}
    else:
        held = np.array([image.fold == int(name.removeprefix("fold-")) for image in images])
        left_out, reasons = _left_out(collected, held)
    learn = np.flatnonzero(~held & ~left_out)
    groups, labels = [images[i].group for i in learn], [images[i].label for i in learn]
    chosen = choose_groups(groups, labels, recipe.validation_share, SEED)
    aside = np.array([group in chosen for group in groups])
    return Plan(name, recipe, learn[~aside], learn[aside], np.flatnonzero(held), reasons)


def manifest_rows(plan: Plan, collected: Collected, root: Path) -> list[Row]:
    """Returns the run's parts as the rows of a manifest, paths relative to the public data's folder."""
    parts = {"train": plan.train, "validation": plan.validation, "test": plan.test}
    return [
        Row(
            image=collected.images[i].path.relative_to(root).as_posix(),
            label=collected.images[i].label,
            split=split,
            group=collected.images[i].group,
            sha256=str(collected.pixels.sha256[i]),
            near=collected.images[i].near,
        )
        for split, part in parts.items()
        for i in part
    ]


def run(
    name: str,
    root: Path,
    work: Path,
    recipe: TrainRecipe,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Trains and measures one run, or returns its figures when it was done before.

    Args:
        root: folder of the public data.
        work: folder for caches and results; a run that was stopped goes on from its last epoch.
    """
    folder = work / "runs" / name
    done = folder / "result.json"
    if done.exists():
        return json.loads(done.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    preprocessing = Preprocessing()
    collected = collect(root, work, name, preprocessing)
    plan = make_plan(name, collected, recipe)
    log.info("%s: %d to learn, %d to validate, %d to measure, left out %s", name, len(plan.train),
             len(plan.validation), len(plan.test), plan.left_out)  # fmt: skip
    given = root / "weights" / "mobilenet_v2_1.0_224_imagenet_no_top.weights.h5"
    weights, history = train_network(
        plan.recipe, collected.examples(plan.train), collected.examples(plan.validation), seed=SEED,
        state=folder, imagenet=given if given.exists() else "imagenet", progress=progress,
    )  # fmt: skip
    result = _measure(plan, collected, weights, folder)
    result |= {"seed": SEED, "recipe": recipe_to_dict(plan.recipe), "history": history}
    result |= {"preprocessing": preprocessing.to_dict()}
    done.write_text(json.dumps(result, indent=1), encoding="utf-8")
    return result


def _measure(
    plan: Plan, collected: Collected, weights: list[npt.NDArray[np.float32]], folder: Path
) -> dict[str, Any]:
    network = build_network(plan.recipe.network)
    network.trainable.set_weights(round_weights(weights))
    logits = network.trainable.predict(scale(collected.pixels.levels[plan.test]), batch_size=64, verbose=0)
    labels = collected.labels[plan.test]
    np.savez(folder / "test.npz", logits=logits, labels=labels, index=plan.test)
    groups = [collected.images[i].group for i in plan.test]
    sizes = {"train": len(plan.train), "validation": len(plan.validation), "test": len(plan.test)}
    figures = evaluate(probabilities(logits), labels, groups)
    return {"run": plan.name, "sizes": sizes, "left_out": plan.left_out, "figures": figures}


def _left_out(
    collected: Collected, held: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
    pixels = collected.pixels
    conflict = np.array([image.conflict for image in collected.images])
    bridge = np.zeros(len(held), bool)
    outside, inside = np.flatnonzero(~held), [int(value) for value in pixels.phash[held]]
    for hashes in (pixels.phash, pixels.phash_mirrored):
        pairs = near_pairs([int(value) for value in hashes[outside]], inside, BRIDGE_BITS)
        bridge[outside[sorted({i for i, _ in pairs})]] = True
    reasons = {"looks like CT": pixels.ct, "label disputed": conflict, "near a held-out image": bridge}
    counts, left_out = {}, np.zeros(len(held), bool)
    for reason, mask in reasons.items():
        counts[reason] = int((mask & ~left_out & ~held).sum())
        left_out |= mask
    return left_out, counts
