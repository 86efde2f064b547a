"""From a finished run to the checkpoint that ships."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.calibration import fit_temperature
from ml.checkpoint import (
    Reference,
    Replay,
    TrainingHashes,
    joined,
    novelty_margin,
    signature_layers,
    write_checkpoint,
)
from ml.checkpoint.graph import SIGNATURES, open_session, read_head, run_session, with_temperature
from ml.datasets import draw_epoch
from ml.experiments.folds import SEED, Collected, Plan
from ml.export import export_onnx
from ml.networks import Weights, build_network, round_weights
from ml.novelty import Novelty, fit_novelty
from ml.preprocessing import Preprocessing, scale
from ml.splits import choose_groups

REPLAYED: Final = 2000
REPLAY_BYTES: Final = 8 * 2**20
REFERENCE_BYTES: Final = 4 * 2**20
_BESIDE: Final = 33
"""Bytes of an image's label and hash beside its float16 embedding and its group."""

_FRAME: Final = 4096
"""Bytes of a member's own headers, and more."""

FITTED_ON: Final = 4000
"""Training images that novelty is learned from, one of each set of near-duplicates."""

INTENDED_USE: Final = (
    "Research and review support: a second look at single brain MRI slices that a radiologist reads. "
    "Not a medical device; not for diagnosis, triage or screening."
)

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Kept:
    """What a network that was trained on keeps of the checkpoint that it started from; None is made anew.

    Attributes:
        training_hashes: what it had learned from before; it has not become new to the network.
        novelty, novelty_facts: where the layers that it is told by are as they were.
        temperature: where too few images would set another.
    """

    training_hashes: TrainingHashes | None = None
    novelty: Novelty | None = None
    novelty_facts: dict[str, Any] | None = None
    temperature: float | None = None


def build_checkpoint(
    plan: Plan,
    collected: Collected,
    weights: Weights,
    preprocessing: Preprocessing,
    metadata: dict[str, Any],
    kept: Kept | None = None,
) -> bytes:
    """Returns the archive of a run's network, calibrated, with novelty, replay, reference and training hashes.

    The validation part, which the network did not learn from, sets the temperature and the threshold of novelty;
    the test part decides nothing and becomes the reference part. Where a wide network's embeddings would not
    fit, replay and reference part hold fewer images, the reference part by whole subjects.

    Args:
        weights: in the order of `Network.trainable`; rounded here.
        metadata: name, figures, seed, recipe and whatever else is to be told; network, calibration, novelty and
            intended use are filled in.
        kept: of the checkpoint that the network started from, if it did.
    """
    kept = kept or Kept()
    rounded = round_weights(weights)
    network = build_network(plan.recipe.network, size=preprocessing.size)
    network.trainable.set_weights(rounded)
    layers = signature_layers(network)
    onnx = export_onnx(network, signature_layers=layers)
    answers = _Answers(onnx, collected)
    labels, hashes = collected.labels, collected.pixels.sha256
    kernel, bias = read_head(onnx)
    validated = answers.of(plan.validation)
    temperature, calibration = kept.temperature, metadata.get("calibration", {})
    if temperature is None:
        temperature = fit_temperature(validated["embeddings"] @ kernel + bias, labels[plan.validation])
        calibration = {"temperature": temperature, "fitted_on": len(plan.validation)}
    calibrated = build_network(plan.recipe.network, size=preprocessing.size, temperature=temperature)
    calibrated.trainable.set_weights(rounded)
    novelty, told = kept.novelty, kept.novelty_facts
    if novelty is None:
        ordinary = _distinct(collected, plan.train)[:FITTED_ON]
        margin = novelty_margin(network.spec.name)
        novelty = fit_novelty(answers.of(ordinary)[SIGNATURES], validated[SIGNATURES], margin)
        told = {"fitted_on": len(ordinary), "threshold_on": len(plan.validation)}
    seen = np.concatenate((plan.train, plan.validation))
    sample = _replay_sample(collected, seen, _rows(REPLAY_BYTES, len(kernel)))
    longest = max(map(len, collected.groups(plan.test)))
    held = _reference_sample(collected, plan.test, _rows(REFERENCE_BYTES, len(kernel), longest))
    return write_checkpoint(
        network=calibrated,
        onnx=with_temperature(onnx, temperature),
        preprocessing=preprocessing,
        novelty=novelty,
        replay=Replay(answers.of(sample)["embeddings"], labels[sample], tuple(hashes[sample])),
        reference=Reference(
            answers.of(held)["embeddings"], labels[held], tuple(collected.groups(held)), tuple(hashes[held])
        ),
        training_hashes=_taught(kept, TrainingHashes(tuple(hashes[seen]), collected.pixels.phash[seen])),
        metadata={
            "intended_use": INTENDED_USE,
            "code_version": code_version(),
            **metadata,
            "calibration": calibration,
            "novelty": told or {},
        },
    )


def _taught(kept: Kept, now: TrainingHashes) -> TrainingHashes:
    return now if kept.training_hashes is None else joined(kept.training_hashes, now)


class _Answers:
    """Embeddings and signatures of a run's images, from the network's ONNX export."""

    def __init__(self, onnx: bytes, collected: Collected) -> None:
        self._session, self._levels = open_session(onnx), collected.pixels.levels

    def of(self, chosen: Indices) -> dict[str, Floats]:
        """Returns `embeddings` (n, D) and `signatures` (n, K)."""
        names = ("embeddings", SIGNATURES)
        parts = np.array_split(chosen, max(1, len(chosen) // 32))
        found = [run_session(self._session, scale(self._levels[part]), names) for part in parts]
        return {name: np.concatenate([one[i] for one in found]) for i, name in enumerate(names)}


def code_version() -> str:
    """Returns a hash of this package's source, which names the code that made a checkpoint."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _rows(bytes_at_most: int, width: int, longest_group: int = 0) -> int:
    """Returns how many images fit; NumPy gives every group as many characters of four bytes as the longest has."""
    return (bytes_at_most - _FRAME) // (2 * width + _BESIDE + 4 * longest_group)


def _distinct(collected: Collected, chosen: Indices) -> Indices:
    """Draws one of each set of near-duplicates, in random order, always the same."""
    return chosen[draw_epoch([collected.images[i].near for i in chosen], np.random.default_rng(SEED))]


def _replay_sample(collected: Collected, seen: Indices, most: int) -> Indices:
    """Chooses as many images of each class, one of each set of near-duplicates."""
    distinct = _distinct(collected, seen)
    labels = collected.labels[distinct]
    each = min(REPLAYED, most) // len(np.unique(labels))
    return np.sort(np.concatenate([distinct[labels == label][:each] for label in np.unique(labels)]))


def _reference_sample(collected: Collected, held: Indices, most: int) -> Indices:
    """Chooses whole subjects, each class in proportion, until the images fit; all of them where they do."""
    if len(held) <= most:
        return held
    groups, labels = collected.groups(held), [collected.images[i].label for i in held]
    chosen = choose_groups(groups, labels, 0.98 * most / len(held), SEED)
    return held[[group in chosen for group in groups]][:most]
