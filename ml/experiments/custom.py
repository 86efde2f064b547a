"""Training on images of one's own, listed in a manifest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ml.config import TrainRecipe, recipe_to_dict
from ml.datasets import load_pixels
from ml.experiments.folds import Collected, Plan
from ml.experiments.public_data import PublicImage
from ml.experiments.ship import build_checkpoint
from ml.manifest import Manifest, ManifestError
from ml.preprocessing import Preprocessing
from ml.training.fine_tune import train_network


def train_on_manifest(
    manifest: Manifest,
    root: Path,
    work: Path,
    recipe: TrainRecipe,
    *,
    seed: int,
    imagenet: Path | str | None = "imagenet",
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> bytes:
    """Trains on the train part, stops early by the validation part, and returns a checkpoint.

    The test part becomes the checkpoint's reference part; it decides nothing.

    Args:
        root: the folder that the manifest's paths are relative to.
        work: caches and the state of a stopped training.

    Raises:
        ManifestError: when a part is empty.
    """
    parts = {}
    for name in ("train", "validation", "test"):
        parts[name] = np.array([i for i, row in enumerate(manifest.rows) if row.split == name], np.int64)
        if len(parts[name]) == 0:
            raise ManifestError(f"The manifest has no image in its {name} part.")
    images = [
        PublicImage(root / row.image, "manifest", row.label, row.split, 0, row.group or row.image, row.near,
                    False, None)
        for row in manifest.rows
    ]  # fmt: skip
    preprocessing = Preprocessing()
    collected = Collected(images, load_pixels([image.path for image in images], preprocessing, work))
    plan = Plan("manifest", recipe, parts["train"], parts["validation"], parts["test"], {})
    weights, history = train_network(
        recipe, collected.examples(plan.train), collected.examples(plan.validation),
        seed=seed, state=work / f"train-{manifest.sha256[:12]}-{seed}", imagenet=imagenet, progress=progress,
    )  # fmt: skip
    facts = {
        "name": f"{recipe.network.name}-{manifest.sha256[:12]}",
        "seed": seed,
        "recipe": recipe_to_dict(recipe),
        "manifest_sha256": manifest.sha256,
        "training": {"history": history},
    }
    return build_checkpoint(plan, collected, weights, preprocessing, facts)
