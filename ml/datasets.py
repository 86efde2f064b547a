"""Images on their way into a network: decoded once, kept as levels, changed at random in loader threads."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt

from ml.config import Augmentation
from ml.duplicates import phash, phash_mirrored, pixel_sha256
from ml.inspection import looks_like_ct, read_grey
from ml.labels import CLASSES
from ml.preprocessing import Levels, Preprocessing, scale


@dataclass(frozen=True)
class Pixels:
    """Preprocessed images. Row i of every array belongs to image i.

    Attributes:
        levels: uint8 (N, S, S).
        sha256: hex, of the canonical grey pixels before preprocessing.
        phash: uint64, of the same pixels.
        phash_mirrored: uint64, of the same pixels mirrored left to right.
        ct: bool, whether the image looks like a CT head.
    """

    levels: Levels
    sha256: npt.NDArray[np.str_]
    phash: npt.NDArray[np.uint64]
    phash_mirrored: npt.NDArray[np.uint64]
    ct: npt.NDArray[np.bool_]


def load_pixels(paths: Sequence[Path], preprocessing: Preprocessing, cache: Path | None = None) -> Pixels:
    """Decodes and preprocesses images, or takes them from a cache made of the same files before.

    Args:
        cache: a folder; the cache is named by paths, sizes, times and the preprocessing.
    """
    kept = None if cache is None else cache / f"pixels-{_fingerprint(paths, preprocessing)}.npz"
    if kept is not None and kept.exists():
        with np.load(kept, allow_pickle=False) as stored:
            return Pixels(**{item.name: stored[item.name] for item in fields(Pixels)})
    pixels = _decode(paths, preprocessing)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".part.npz")
        np.savez(unfinished, **vars(pixels))
        unfinished.replace(kept)
    return pixels


def _decode(paths: Sequence[Path], preprocessing: Preprocessing) -> Pixels:
    levels = np.empty((len(paths), preprocessing.size, preprocessing.size), np.uint8)
    hashes, upright, mirrored, ct = [], [], [], []
    for index, path in enumerate(paths):
        grey = read_grey(path)
        levels[index] = preprocessing.levels(grey, 8 * grey.dtype.itemsize)
        hashes.append(pixel_sha256(grey))
        upright.append(phash(grey))
        mirrored.append(phash_mirrored(grey))
        ct.append(grey.dtype == np.uint8 and looks_like_ct(grey))
    return Pixels(
        levels, np.array(hashes, "U64"), np.array(upright, np.uint64), np.array(mirrored, np.uint64),
        np.array(ct, bool),
    )  # fmt: skip


def _fingerprint(paths: Sequence[Path], preprocessing: Preprocessing) -> str:
    digest = hashlib.sha256(preprocessing.sha256().encode())
    for path in paths:
        facts = path.stat()
        digest.update(f"{path}|{facts.st_size}|{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def resize_levels(levels: Levels, size: int) -> Levels:
    """Returns levels (N, S, S) at another side."""
    if levels.shape[1] == size:
        return levels
    small = [cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in levels]
    resized: Levels = np.array(small, np.uint8)
    return resized


def augment(levels: Levels, size: int, rng: np.random.Generator, how: Augmentation) -> Levels:
    """Returns one image (S, S) moved, turned, stretched and re-lit at random, at the side `size`."""
    matrix = _affine(levels.shape[0], size, rng, how)
    image = cv2.warpAffine(levels, matrix, (size, size), flags=cv2.INTER_LINEAR)
    image = cv2.LUT(image, _tone(rng, how))
    if rng.random() < how.bias_field:
        field = rng.uniform(0.7, 1.3, (3, 3)).astype(np.float32)
        light = cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC)
        image = np.clip(image * light, 0, 255).astype(np.uint8)
    if rng.random() < how.blur:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3))
    if rng.random() < how.noise:
        grain = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 9))
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    return np.asarray(image, np.uint8)


def _affine(side: int, size: int, rng: np.random.Generator, how: Augmentation) -> npt.NDArray[np.float64]:
    angle, shear = np.deg2rad(rng.uniform(-1, 1, 2) * (how.rotation, how.shear))
    grow = np.exp(rng.uniform(-how.zoom, how.zoom)) * size / side
    stretch = np.exp(rng.uniform(-how.aspect, how.aspect) / 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flip = -1.0 if rng.random() < how.mirror else 1.0
    linear = turn @ np.array([[1, np.tan(shear)], [0, 1]]) @ np.diag((flip * grow * stretch, grow / stretch))
    middle = (size - 1) / 2 + rng.uniform(-how.shift, how.shift, 2) * size
    return np.column_stack((linear, middle - linear @ np.full(2, (side - 1) / 2)))


def _tone(rng: np.random.Generator, how: Augmentation) -> Levels:
    curve = np.linspace(0, 1, 256) ** np.exp(rng.uniform(-how.gamma, how.gamma))
    curve = curve * (1 + rng.uniform(-how.contrast, how.contrast))
    curve = curve + rng.uniform(-how.brightness, how.brightness)
    table: Levels = np.rint(np.clip(curve, 0, 1) * 255).astype(np.uint8)
    return table


class AugmentedImages(keras.utils.PyDataset):  # type: ignore[misc]
    """One epoch of training batches: (images (B, S, S, 1), one-hot labels (B, 4), weights (B,)).

    Of near-duplicates one is drawn for each epoch, so that a much-copied image counts once. The same seed
    and epoch give the same batches, whatever the threads do.
    """

    def __init__(
        self,
        levels: Levels,
        labels: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float32],
        near: Sequence[str],
        *,
        size: int,
        batch_size: int,
        how: Augmentation,
        seed: int,
        epoch: int,
        threads: int = 2,
    ) -> None:
        super().__init__(workers=threads, max_queue_size=8)
        self._levels, self._labels, self._weights = levels, labels, weights
        self._size, self._batch_size, self._how = size, batch_size, how
        self._key = (seed, epoch)
        self._order = draw_epoch(near, np.random.default_rng((seed, epoch)))

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        rng = np.random.default_rng((*self._key, index))
        images = np.stack([augment(self._levels[i], self._size, rng, self._how) for i in chosen])
        hot = np.eye(len(CLASSES), dtype=np.float32)[self._labels[chosen]]
        return scale(images), hot, self._weights[chosen]


def draw_epoch(near: Sequence[str], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Returns image indices in random order, one for each key of `near`; an empty key stands alone."""
    members: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(near):
        members[key or f"alone {index}"].append(index)
    drawn = np.array([found[int(rng.integers(len(found)))] for found in members.values()], np.int64)
    return rng.permutation(drawn)
