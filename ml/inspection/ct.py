"""CT heads among MRI: told by the skull, which is white in one and black in the other."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

CT_RING_CLOSED: Final = 0.8
"""Bone closes around a CT head in more than this share of directions."""

CT_RING_FILLED: Final = 0.14
"""Bone fills at least this share of a CT head's outer ring; the fat that is bright in MRI is thinner."""

_DIRECTIONS: Final = 72


def skull_ring(pixels: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Returns how far a saturated ring closes around the head, and how much of the outer ring it fills, 0..1.

    Bone is white in CT and black in MRI. The outer ring is the outer 22 % of the head by depth from its edge,
    relative to the deepest point; saturated means at least 240. On the BRISC "no tumour" slices the 54 CT
    heads close 0.86 or more and fill 0.14 or more; the MRI slice that closes most reaches 0.75.
    """
    smooth = cv2.GaussianBlur(pixels, (3, 3), 0)
    head = _largest_filled(smooth > 25)
    depth = cv2.distanceTransform(head, cv2.DIST_L2, 5)
    ring = (head > 0) & (depth < 0.22 * depth.max())
    ys, xs = np.nonzero(ring & (smooth >= 240))
    if len(ys) == 0:
        return 0.0, 0.0
    centre_y, centre_x = (float(axis.mean()) for axis in np.nonzero(head))
    angles = np.arctan2(ys - centre_y, xs - centre_x) / (2 * np.pi) % 1.0
    directions = np.unique((angles * _DIRECTIONS).astype(int) % _DIRECTIONS)
    return len(directions) / _DIRECTIONS, len(ys) / int(ring.sum())


def looks_like_ct(pixels: npt.NDArray[np.uint8]) -> bool:
    """Says whether an 8-bit image looks like a CT head: a closed, thick, saturated skull.

    A rule for cleaning training data. It misses CT in a window that leaves bone grey, and takes a few MRI with
    thick bright fat for CT; it is no gate for what a user sends.
    """
    closed, filled = skull_ring(pixels)
    return closed > CT_RING_CLOSED and filled >= CT_RING_FILLED


def _largest_filled(mask: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, np.uint8)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, -1)
    return filled
