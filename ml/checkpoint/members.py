"""The members of a checkpoint's archive: their names, and what those are that hold arrays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.preprocessing import Levels

METADATA, WEIGHTS, ONNX = "metadata.json", "model.weights.h5", "model.onnx"
GOLDEN, REPLAY, REFERENCE, HASHES = "golden.npz", "replay.npz", "reference.npz", "training_hashes.npz"
NOVELTY: Final = "novelty.npz"
MEMBERS: Final = frozenset({METADATA, WEIGHTS, ONNX, GOLDEN, REPLAY, REFERENCE, HASHES})
"""What every checkpoint has; one that knows what is no brain MRI has `novelty.npz` too."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Golden:
    """Synthetic images and what the model answered when the checkpoint was made.

    Attributes:
        pixels: uint8 (K, H, W), canonical.
        levels: uint8 (K, S, S), after preprocessing, before scaling.
        probabilities, maps, embeddings: float32 outputs for them.
        novelty: float32 (K,) scores of them, where the checkpoint tells novelty.
    """

    pixels: Levels
    levels: Levels
    probabilities: Floats
    maps: Floats
    embeddings: Floats
    novelty: Floats | None = None


@dataclass(frozen=True)
class Replay:
    """A stratified sample of the training images: embeddings (N, D), class indices (N,), pixel sha256."""

    embeddings: Floats
    labels: npt.NDArray[np.int64]
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """Images the network never saw: embeddings (N, D), class indices (N,), subject groups, pixel sha256."""

    embeddings: Floats
    labels: npt.NDArray[np.int64]
    groups: tuple[str, ...]
    hashes: tuple[str, ...]

    def without(self, hashes: Collection[str]) -> Reference:
        """Returns the part without some images, by pixel sha256; without any of them, the part itself."""
        left_out = set(hashes)
        kept = [index for index, name in enumerate(self.hashes) if name not in left_out]
        if len(kept) == len(self.hashes):
            return self
        return Reference(
            self.embeddings[kept],
            self.labels[kept],
            tuple(self.groups[index] for index in kept),
            tuple(self.hashes[index] for index in kept),
        )


@dataclass(frozen=True)
class TrainingHashes:
    """Of every training image: pixel sha256 and perceptual hash uint64 (N,)."""

    sha256: tuple[str, ...]
    phash: npt.NDArray[np.uint64]
