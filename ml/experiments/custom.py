"""Training on images of one's own, listed in a manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.config import TrainRecipe, recipe_to_dict
from ml.experiments.folds import Plan
from ml.experiments.keys import training_key
from ml.experiments.listed import Listed
from ml.experiments.ship import build_checkpoint
from ml.training.fine_tune import Progress, train_network


@dataclass(frozen=True)
class Training:
    """How to train, besides the data.

    Attributes:
        recipe: what to do.
        seed: of everything drawn at random.
        init: where the first weights come from: a file, "imagenet", or None for random ones.
        work: folder of caches and of the states of stopped trainings.
    """

    recipe: TrainRecipe
    seed: int
    init: Path | str | None
    work: Path

    def folder(self, plan: Plan, listed: Listed) -> Path:
        """Returns the folder of a plan's state and result: another for other data, parts, recipe, seed or code."""
        weights = None if self.init is None else Path(self.init)
        given = weights if weights is not None and weights.is_file() else None
        test = listed.collected.pixels.sha256[plan.test]
        facts = {
            **training_key(plan, listed.collected, self.seed, given),
            "init": str(self.init) if given is None else "",
            "test": hashlib.sha256(
                "".join([*test, *listed.collected.groups(plan.test)]).encode()
            ).hexdigest(),
        }
        name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
        return self.work / f"{plan.name}-{name}"


def train_on_manifest(
    listed: Listed, training: Training, *, allow: Collection[str] = (), progress: Progress | None = None
) -> bytes:
    """Trains on the train part, stops early by the validation part, and returns a checkpoint.

    The test part becomes the checkpoint's reference part; it decides nothing. A training that was stopped goes
    on from its last epoch.

    Args:
        allow: kinds of leak that are let pass by name; the checkpoint keeps them beside its figures.

    Raises:
        LeakError: when the manifest's parts show each other in a way that is not allowed.
        ManifestError: when a part is empty.
    """
    parts = [row.split for row in listed.rows]
    leakage = listed.leakage(parts, allow)
    return train_plan(listed.plan(training.recipe, parts), listed, training, leakage, progress)


def train_plan(
    plan: Plan,
    listed: Listed,
    training: Training,
    leakage: dict[str, Any],
    progress: Progress | None = None,
) -> bytes:
    """Trains by a plan and returns the checkpoint.

    Args:
        leakage: what the checkpoint keeps of leaks (`Listed.leakage`).
    """
    recipe, collected = training.recipe, listed.collected
    weights, history = train_network(
        recipe, collected.examples(plan.train), collected.examples(plan.validation),
        seed=training.seed, state=training.folder(plan, listed), imagenet=training.init, features=training.work,
        progress=progress,
    )  # fmt: skip
    facts = {
        "name": f"{recipe.network.name}-{listed.manifest_sha256[:12]}",
        "seed": training.seed,
        "recipe": recipe_to_dict(recipe),
        "manifest_sha256": listed.manifest_sha256,
        "images": {
            "train": len(plan.train),
            "validation": len(plan.validation),
            "test": len(plan.test),
            "left_out": plan.left_out,
        },
        "leakage": leakage,
        "training": {
            "history": history,
            "init": _named(None if recipe.start == "scratch" else training.init),
        },
    }
    return build_checkpoint(plan, collected, weights, listed.preprocessing, facts)


def _named(init: Path | str | None) -> str:
    return "none" if init is None else Path(init).name
