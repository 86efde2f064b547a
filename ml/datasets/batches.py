"""Training batches, made in loader threads while the network learns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt

from ml.config import Augmentation
from ml.datasets.augmentation import augment_pair
from ml.labels import CLASSES
from ml.preprocessing import Levels, scale

Floats = npt.NDArray[np.float32]


class AugmentedImages(keras.utils.PyDataset):  # type: ignore[misc]  # Keras tells no types
    """One epoch of training batches.

    Without masks a batch is (images (B, S, S, 1), one-hot labels (B, 4), weights (B,)). With masks the labels are
    a dict of `logits` (those labels) and `maps` (B, h, h, 4): in the true class's channel the share of the tumour
    that lies in each place, summing to 1, all 0 for an image without a mask; the weights are a dict as well.

    Of near-duplicates one is drawn for each epoch, so that a much-copied image counts once. The same seed
    and epoch give the same batches, whatever the threads do.

    Args:
        levels: uint8 (N, S, S).
        labels: (N,) class indices.
        weights: (N,) of each image in the classification loss.
        near: N keys; near-duplicates share one, an empty key stands alone.
        size: side of the images shown.
        masks: uint8 (N, S, S) or None.
        map_side: side of the network's maps for images of this size; needed with masks.
    """

    def __init__(
        self,
        levels: Levels,
        labels: npt.NDArray[np.int64],
        weights: Floats,
        near: Sequence[str],
        *,
        size: int,
        batch_size: int,
        how: Augmentation,
        seed: int,
        epoch: int,
        masks: Levels | None = None,
        map_side: int = 0,
        threads: int = 2,
    ) -> None:
        super().__init__(workers=threads, max_queue_size=8)
        self._levels, self._labels, self._weights, self._masks = levels, labels, weights, masks
        self._size, self._batch_size, self._how, self._map_side = size, batch_size, how, map_side
        self._key = (seed, epoch)
        self._order = draw_epoch(near, np.random.default_rng((seed, epoch)))

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        rng = np.random.default_rng((*self._key, index))
        pairs = [augment_pair(self._levels[i], self._mask(i), self._size, rng, self._how) for i in chosen]
        images = scale(np.stack([image for image, _ in pairs]))
        hot = np.eye(len(CLASSES), dtype=np.float32)[self._labels[chosen]]
        weights = self._weights[chosen]
        if self._masks is None:
            return images, hot, weights
        maps = self._targets([mask for _, mask in pairs], self._labels[chosen])
        return images, {"logits": hot, "maps": maps}, {"logits": weights, "maps": np.ones_like(weights)}

    def _mask(self, index: int) -> Levels | None:
        if self._masks is None:
            return None
        mask: Levels = self._masks[index]
        return mask if mask.any() else None

    def _targets(self, masks: list[Levels | None], labels: npt.NDArray[np.int64]) -> Floats:
        side = self._map_side
        targets = np.zeros((len(masks), side, side, len(CLASSES)), np.float32)
        for target, mask, label in zip(targets, masks, labels, strict=True):
            if mask is None:
                continue
            shares = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
            total = float(shares.sum())
            if total > 0:
                target[..., label] = shares / total
        return targets


def draw_epoch(near: Sequence[str], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Returns image indices in random order, one for each key of `near`; an empty key stands alone."""
    members: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(near):
        members[key or f"alone {index}"].append(index)
    drawn = np.array([found[int(rng.integers(len(found)))] for found in members.values()], np.int64)
    return rng.permutation(drawn)
