"""Embeddings of a network whose weights do not change: computed once, kept for the next head."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.datasets import resize_levels
from ml.networks import Network
from ml.preprocessing import Levels, scale
from ml.storing import write_whole

_BATCH = 64
_CHUNK = 512


def frozen_embeddings(
    network: Network, levels: Levels, size: int, cache: Path | None = None
) -> npt.NDArray[np.float32]:
    """Returns the embeddings of images as the network is now, or takes them from a cache of the same.

    Args:
        levels: uint8 (N, S, S).
        size: side at which they are shown.
        cache: a folder; the cache is named by weights and images, so that it is never of others.

    Returns:
        float32 (N, D).
    """
    kept = None if cache is None else cache / f"frozen-{_fingerprint(network, levels, size)}.npy"
    if kept is not None and kept.exists():
        return np.asarray(np.load(kept, allow_pickle=False), np.float32)
    parts = [
        network.features.predict(scale(resize_levels(part, size)), batch_size=_BATCH, verbose=0).mean(
            axis=(1, 2)
        )
        for part in np.array_split(levels, -(-len(levels) // _CHUNK))
    ]
    embeddings = np.concatenate(parts).astype(np.float32)
    if kept is not None:
        write_whole(kept, lambda unfinished: np.save(unfinished, embeddings))
    return embeddings


def _fingerprint(network: Network, levels: Levels, size: int) -> str:
    digest = hashlib.sha256(f"{network.spec.model_dump_json()} {size}".encode())
    for weights in network.features.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    digest.update(np.ascontiguousarray(levels).tobytes())
    return digest.hexdigest()[:16]
