"""One image changed at random: moved and turned together with its mask, re-lit and worn without it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ml.config import Augmentation
from ml.preprocessing import Levels


def augment(levels: Levels, size: int, rng: np.random.Generator, how: Augmentation) -> Levels:
    """Returns one image (S, S) moved, turned, stretched, re-lit and worn at random, at the side `size`."""
    return augment_pair(levels, None, size, rng, how)[0]


def augment_pair(
    levels: Levels, mask: Levels | None, size: int, rng: np.random.Generator, how: Augmentation
) -> tuple[Levels, Levels | None]:
    """Changes an image at random, and its tumour mask in the same way.

    The image is the same with and without a mask. What is erased of the image is erased of the mask.

    Args:
        levels: uint8 (S, S).
        mask: uint8 (S, S), 255 inside, or None.
        size: side of the result.

    Returns:
        Image and mask, uint8 (size, size); the mask is soft at its edge.
    """
    matrix = _affine(levels.shape[0], size, rng, how)
    lit = cv2.LUT(_moved(levels, matrix, size), _tone(rng, how))
    image = _worn(np.asarray(lit, np.uint8), rng, how)
    moved = None if mask is None else _moved(mask, matrix, size)
    if rng.random() < how.erase:
        place, grey = _rectangle(size, rng)
        image[place] = grey
        if moved is not None:
            moved[place] = 0
    return image, moved


def _moved(levels: Levels, matrix: npt.NDArray[np.float64], size: int) -> Levels:
    return np.asarray(cv2.warpAffine(levels, matrix, (size, size), flags=cv2.INTER_LINEAR), np.uint8)


def _affine(side: int, size: int, rng: np.random.Generator, how: Augmentation) -> npt.NDArray[np.float64]:
    angle, shear = np.deg2rad(rng.uniform(-1, 1, 2) * (how.rotation, how.shear))
    window = 1 - rng.uniform(0, how.crop)
    grow = np.exp(rng.uniform(-how.zoom, how.zoom)) * size / side / window
    stretch = np.exp(rng.uniform(-how.aspect, how.aspect) / 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flip = -1.0 if rng.random() < how.mirror else 1.0
    linear = turn @ np.array([[1, np.tan(shear)], [0, 1]]) @ np.diag((flip * grow * stretch, grow / stretch))
    middle = (size - 1) / 2 + rng.uniform(-how.shift, how.shift, 2) * size
    middle += rng.uniform(-1, 1, 2) * (1 / window - 1) / 2 * size
    return np.column_stack((linear, middle - linear @ np.full(2, (side - 1) / 2)))


def _tone(rng: np.random.Generator, how: Augmentation) -> Levels:
    curve = np.linspace(0, 1, 256) ** np.exp(rng.uniform(-how.gamma, how.gamma))
    curve = curve * (1 + rng.uniform(-how.contrast, how.contrast))
    curve = curve + rng.uniform(-how.brightness, how.brightness)
    table: Levels = np.rint(np.clip(curve, 0, 1) * 255).astype(np.uint8)
    return table


def _worn(image: npt.NDArray[np.uint8], rng: np.random.Generator, how: Augmentation) -> npt.NDArray[np.uint8]:
    size = image.shape[0]
    if rng.random() < how.bias_field:
        field = rng.uniform(0.7, 1.3, (3, 3)).astype(np.float32)
        light = cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC)
        image = np.clip(image * light, 0, 255).astype(np.uint8)
    if rng.random() < how.resolution:
        coarse = max(1, round(size * rng.uniform(0.4, 0.9)))
        small = cv2.resize(image, (coarse, coarse), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    if rng.random() < how.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3)), np.uint8)
    if rng.random() < how.noise:
        grain = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(2, 9))
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    return image


def _rectangle(size: int, rng: np.random.Generator) -> tuple[tuple[slice, slice], int]:
    height, width = (int(value) for value in rng.integers(size // 10, size // 4 + 1, 2))
    top, left = int(rng.integers(0, size - height + 1)), int(rng.integers(0, size - width + 1))
    return (slice(top, top + height), slice(left, left + width)), int(rng.integers(0, 256))
