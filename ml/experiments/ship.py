"""From a finished run to the checkpoint that ships."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.checkpoint import Reference, Replay, TrainingHashes, write_checkpoint
from ml.checkpoint.graph import open_session, run_session
from ml.datasets import draw_epoch
from ml.experiments.folds import SEED, Collected, Plan
from ml.export import export_onnx
from ml.networks import Weights, build_network, round_weights
from ml.preprocessing import Preprocessing, scale

REPLAYED: Final = 2000
INTENDED_USE: Final = (
    "Research and review support: a second look at single brain MRI slices that a radiologist reads. "
    "Not a medical device; not for diagnosis, triage or screening."
)


def build_checkpoint(
    plan: Plan, collected: Collected, weights: Weights, preprocessing: Preprocessing, metadata: dict[str, Any]
) -> bytes:
    """Returns the archive of a run's network, with replay, reference and training hashes.

    Args:
        weights: in the order of `Network.trainable`; rounded here.
        metadata: name, figures, seed, recipe and whatever else is to be told; network, calibration and
            intended use are filled in.
    """
    network = build_network(plan.recipe.network, size=preprocessing.size)
    network.trainable.set_weights(round_weights(weights))
    onnx = export_onnx(network)
    seen = np.concatenate((plan.train, plan.validation))
    sample = _replay_sample(collected, seen)
    session = open_session(onnx)

    def embed(chosen: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        parts = np.array_split(chosen, max(1, len(chosen) // 32))
        images = (scale(collected.pixels.levels[part]) for part in parts)
        return np.concatenate([run_session(session, image, ["embeddings"])[0] for image in images])

    labels, hashes = collected.labels, collected.pixels.sha256
    groups = [collected.images[i].group for i in plan.test]
    return write_checkpoint(
        network=network,
        onnx=onnx,
        preprocessing=preprocessing,
        replay=Replay(embed(sample), labels[sample], tuple(hashes[sample])),
        reference=Reference(embed(plan.test), labels[plan.test], tuple(groups), tuple(hashes[plan.test])),
        training_hashes=TrainingHashes(tuple(hashes[seen]), collected.pixels.phash[seen]),
        metadata={
            "network": plan.recipe.network.model_dump(mode="json"),
            "calibration": {"temperature": 1.0},
            "intended_use": INTENDED_USE,
            "code_version": code_version(),
            **metadata,
        },
    )


def code_version() -> str:
    """Returns a hash of this package's source, which names the code that made a checkpoint."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _replay_sample(collected: Collected, seen: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Chooses as many images of each class, one of each set of near-duplicates."""
    rng = np.random.default_rng(SEED)
    distinct = seen[draw_epoch([collected.images[i].near for i in seen], rng)]
    labels = collected.labels[distinct]
    each = REPLAYED // len(np.unique(labels))
    return np.sort(np.concatenate([distinct[labels == label][:each] for label in np.unique(labels)]))
