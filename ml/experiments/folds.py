"""The parts of a run: what it learns from, stops early by and is measured on; what bridges them is left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.config import TrainRecipe
from ml.datasets import Pixels, load_masks, load_pixels
from ml.duplicates import near_pairs
from ml.experiments.public_data import FOLDS, PublicImage, read_brisc, read_nickparvar, read_roboflow
from ml.labels import label_index
from ml.manifest import Row
from ml.masks import contradicted
from ml.preprocessing import Levels, Preprocessing
from ml.splits import choose_groups
from ml.training.examples import Examples

Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SEED: Final = 20261121
SHIPPED: Final = "fold-5"
"""The shipped networks never saw fold 5."""

BRIDGE_BITS: Final = 6
"""What may bridge training and test is judged more widely than what counts as a duplicate."""

ROBOFLOW: Final = "roboflow"

TUNED_ON: Final = ("fold-2", "fold-5", ROBOFLOW)
"""Runs whose figures were looked at while recipes were chosen; they may flatter the choice a little."""

RUNS: Final = (SHIPPED, *(f"fold-{fold}" for fold in FOLDS if f"fold-{fold}" != SHIPPED), ROBOFLOW)


@dataclass(frozen=True)
class Collected:
    """Public images with their pixels; row i of one belongs to item i of the other.

    Attributes:
        images: N of them.
        pixels: preprocessed, with hashes.
        masks: tumour masks in the network's frame, uint8 (N, S, S), all zero where there is none; None where
            nobody asked for them.
        doubted: whether another mask of the same slice contradicts an image's, bool (N,); None without masks.
    """

    images: list[PublicImage]
    pixels: Pixels
    masks: Levels | None = None
    doubted: Bools | None = None

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Class indices (N,)."""
        return np.array([label_index(image.label) for image in self.images], np.int64)

    def examples(self, chosen: Indices) -> Examples:
        """Returns some of the images to learn from or to validate on, with the masks that nothing contradicts."""
        near = tuple(self.images[i].near for i in chosen)
        masks = None if self.masks is None else self.masks[chosen]
        if masks is not None and self.doubted is not None:
            masks[self.doubted[chosen]] = 0
        return Examples(self.pixels.levels[chosen], self.labels[chosen], near, masks)

    def groups(self, chosen: Indices) -> list[str]:
        """Returns the subject or cluster of some of the images."""
        return [self.images[i].group for i in chosen]


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
    return _collected(root, cache, name == ROBOFLOW, preprocessing)


@lru_cache(maxsize=2)  # the five folds are of the same images, and reading them takes minutes
def _collected(root: Path, cache: Path, roboflow: bool, preprocessing: Preprocessing) -> Collected:
    images = read_roboflow(root) if roboflow else read_nickparvar(root) + read_brisc(root)
    return load(images, cache, preprocessing)


def load(images: list[PublicImage], cache: Path, preprocessing: Preprocessing) -> Collected:
    """Decodes images and their masks, or takes them from the cache."""
    paths = [image.path for image in images]
    pixels = load_pixels(paths, preprocessing, cache)
    masks = load_masks(paths, [image.mask for image in images], preprocessing, cache)
    having = np.flatnonzero(masks.any(axis=(1, 2)))
    doubted = np.zeros(len(images), bool)
    doubted[having] = contradicted(pixels.levels[having], masks[having])
    return Collected(images, pixels, masks, doubted)


def make_plan(name: str, collected: Collected, recipe: TrainRecipe) -> Plan:
    """Decides the parts of a run; for one name, data and recipe always the same.

    A fold run leaves out of training what looks like CT, what carries a disputed label, and whatever is a
    near-duplicate, mirrored or not, of an image of the held-out fold or of the validation part. The Roboflow run
    keeps its own split.
    """
    if name == ROBOFLOW:
        held = np.array([image.split == "test" for image in collected.images])
        return cut(name, collected, recipe, held, np.zeros(len(held), bool), {})
    held = np.array([image.fold == int(name.removeprefix("fold-")) for image in collected.images])
    return apart(cut(name, collected, recipe, held, *unfit(collected, held)), collected)


def cut(
    name: str,
    collected: Collected,
    recipe: TrainRecipe,
    held: Bools,
    left_out: Bools,
    reasons: dict[str, int],
) -> Plan:
    """Cuts what is neither held out nor left out into training and validation, whole subjects together."""
    learn = np.flatnonzero(~held & ~left_out)
    groups, labels = collected.groups(learn), [collected.images[i].label for i in learn]
    chosen = choose_groups(groups, labels, recipe.validation_share, SEED)
    aside = np.array([group in chosen for group in groups])
    return Plan(name, recipe, learn[~aside], learn[aside], np.flatnonzero(held), reasons)


def apart(plan: Plan, collected: Collected) -> Plan:
    """Returns the plan without the training images that are near one of its validation part."""
    aside = np.zeros(len(collected.images), bool)
    aside[plan.validation] = True
    among = np.zeros_like(aside)
    among[plan.train] = True
    near = bridges(collected, aside, among)
    counts = {**plan.left_out, "near a validation image": int(near.sum())}
    return replace(plan, train=plan.train[~near[plan.train]], left_out=counts)


def unfit(collected: Collected, held: Bools) -> tuple[Bools, dict[str, int]]:
    """Returns what must not be learned from when some images are held out, (N,), and how many for each reason."""
    conflict = np.array([image.conflict for image in collected.images])
    reasons = {
        "looks like CT": collected.pixels.ct,
        "label disputed": conflict,
        "near a held-out image": bridges(collected, held),
    }
    counts, left_out = {}, np.zeros(len(held), bool)
    for reason, mask in reasons.items():
        counts[reason] = int((mask & ~left_out & ~held).sum())
        left_out |= mask
    return left_out, counts


def bridges(collected: Collected, held: Bools, among: Bools | None = None) -> Bools:
    """Returns which images outside `held` are near one inside, mirrored or not, (N,).

    Args:
        among: look only at these; by default at all outside.
    """
    pixels, found = collected.pixels, np.zeros(len(held), bool)
    outside = np.flatnonzero(~held if among is None else ~held & among)
    inside = np.flatnonzero(held)
    upright, turned = pixels.phash, pixels.phash_mirrored
    for ours, theirs in ((upright, upright), (turned, upright), (upright, turned)):
        pairs = near_pairs([int(v) for v in ours[outside]], [int(v) for v in theirs[inside]], BRIDGE_BITS)
        found[outside[sorted({i for i, _ in pairs})]] = True
    return found


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
