"""Tumour masks beside images: brought into the network's frame, and doubted where image and mask disagree.

No rule here looks at a model: what a map is measured against must not depend on the map.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from ml.inspection import read_grey
from ml.preprocessing import Levels, Preprocessing, large_bright_parts

Bools = npt.NDArray[np.bool_]

_IN_HEAD: Final = 0.5
_HEAD_THRESHOLD: Final = 0.4
_THUMBNAIL: Final = 56
_SAME_SLICE: Final = 0.98
_SAME_TUMOUR: Final = 0.5


def framed_mask(image: Path, mask: Path, preprocessing: Preprocessing) -> Bools | None:
    """Returns the mask of an image in the network's frame, bool (S, S).

    Returns:
        None where the mask does not fit its image: another size, nothing drawn, or more than half of it
        drawn outside the head.

    Raises:
        ImageError: when either file cannot be read.
    """
    grey, drawn = read_grey(image), read_grey(mask)
    if grey.shape != drawn.shape:
        return None
    bits = 8 * grey.dtype.itemsize
    frame = preprocessing.frame(grey, bits)
    step = preprocessing.size / frame.side
    shift = step / 2 - 0.5  # pixels are squares: their centres lie at a half
    matrix = np.array([[step, 0, shift - frame.x * step], [0, step, shift - frame.y * step]])
    inside = (drawn > np.iinfo(drawn.dtype).max // 2).astype(np.uint8)
    moved = cv2.warpAffine(inside, matrix, (preprocessing.size,) * 2, flags=cv2.INTER_NEAREST) > 0
    if not moved.any() or head_area(preprocessing.levels(grey, bits))[moved].mean() < _IN_HEAD:
        return None
    return np.asarray(moved)


def head_area(levels: Levels) -> Bools:
    """Returns the head without holes, bool (S, S), of a preprocessed image uint8 (S, S).

    The same rule that preprocessing crops by: the large parts above a share of Otsu's threshold. An image
    without any such part counts as head throughout.
    """
    head, parts = large_bright_parts(levels, _HEAD_THRESHOLD)
    if not len(parts):
        return np.ones(levels.shape, np.bool_)
    large = head.astype(np.uint8)
    outlines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(large, outlines, -1, 1, cv2.FILLED) > 0)


def contradicted(levels: Levels, masks: npt.NDArray[np.uint8] | Bools) -> Bools:
    """Returns which masks another mask of the very same slice contradicts.

    Public sets hold many slices twice, often mirrored, and the copies' masks were drawn or matched apart.
    Where two images correlate to 0.98 at 56 x 56 pixels, as they are or mirrored, and their masks share less
    than half of their union, one of the two is wrong; as nothing tells which, neither is believed.

    Args:
        levels: uint8 (M, S, S), preprocessed images that have a mask.
        masks: (M, S, S), not zero inside; row i belongs to image i.

    Returns:
        bool (M,).
    """
    doubted = np.zeros(len(levels), np.bool_)
    small = [cv2.resize(image, (_THUMBNAIL,) * 2, interpolation=cv2.INTER_AREA) for image in levels]
    upright = np.array(small, np.float32).reshape(len(levels), _THUMBNAIL, _THUMBNAIL)
    for mirrored in (False, True):
        other = upright[:, :, ::-1] if mirrored else upright
        alike = _standardised(upright) @ _standardised(other).T
        for first, second in np.argwhere(np.triu(alike, 1) >= _SAME_SLICE):
            twin = masks[second][:, ::-1] if mirrored else masks[second]
            if _overlap(masks[first] > 0, twin > 0) < _SAME_TUMOUR:
                doubted[[first, second]] = True
    return doubted


def _standardised(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    flat = images.reshape(len(images), _THUMBNAIL**2)
    centred = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 0), np.float32)


def _overlap(first: Bools, second: Bools) -> float:
    """Intersection over union; 1 for two empty masks."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0
