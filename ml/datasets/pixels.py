"""Images and tumour masks, decoded and preprocessed once, kept as levels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml.duplicates import phash, phash_mirrored, pixel_sha256
from ml.inspection import looks_like_ct, read_grey
from ml.masks import framed_mask
from ml.preprocessing import Levels, Preprocessing
from ml.storing import write_whole


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
    arrays = _kept_or_made(kept, lambda: vars(_decode(paths, preprocessing)), np.savez)
    return Pixels(**{item.name: arrays[item.name] for item in fields(Pixels)})


def load_masks(
    images: Sequence[Path],
    masks: Sequence[Path | None],
    preprocessing: Preprocessing,
    cache: Path | None = None,
) -> Levels:
    """Decodes tumour masks and moves them into the frame of their images, or takes them from a cache.

    Args:
        images: N paths.
        masks: N paths; None where an image has no mask.
        cache: a folder; the cache is named as that of `load_pixels`, by images and masks.

    Returns:
        uint8 (N, S, S), 255 inside the tumour and 0 elsewhere; all 0 for an image without a usable mask.
    """
    given = [path for pair in zip(images, masks, strict=True) for path in pair if path is not None]
    kept = None if cache is None else cache / f"masks-{_fingerprint(given, preprocessing)}.npz"

    def make() -> dict[str, Any]:
        drawn = np.zeros((len(images), preprocessing.size, preprocessing.size), np.uint8)
        for index, (image, mask) in enumerate(zip(images, masks, strict=True)):
            framed = None if mask is None else framed_mask(image, mask, preprocessing)
            if framed is not None:
                drawn[index][framed] = 255
        return {"masks": drawn}

    return np.asarray(_kept_or_made(kept, make, np.savez_compressed)["masks"], np.uint8)


def resize_levels(levels: Levels, size: int) -> Levels:
    """Returns levels (N, S, S) at another side."""
    if levels.shape[1] == size:
        return levels
    small = [cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in levels]
    resized: Levels = np.array(small, np.uint8)
    return resized


def _kept_or_made(
    kept: Path | None, make: Callable[[], dict[str, Any]], write: Callable[..., None]
) -> dict[str, Any]:
    if kept is not None and kept.exists():
        with np.load(kept, allow_pickle=False) as stored:
            return dict(stored)
    made = make()
    if kept is not None:
        write_whole(kept, lambda unfinished: write(unfinished, **made))
    return made


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
