"""Pixels as a person would see them, for whoever looks in them for writing."""

from __future__ import annotations

import numpy as np

from classifier.intake.rasters import Grey
from classifier.intake.writing import find_writing
from ml.showing import to_eight_bits

type Box = tuple[int, int, int, int]


def find_boxes(pixels: Grey, window: tuple[float, float] | None) -> list[Box]:
    """Returns left, top, width and height of each rectangle with writing.

    Writing may show only in the file's own window (a faint line on black), or only without it: both are looked at,
    unless they show the same.

    Args:
        pixels: (H, W), uint8 or uint16.
        window: centre and width in pixel values, if there is one.
    """
    found = list(find_writing(pixels))
    if window is not None and not _alike(pixels, window):
        found += [box for box in find_writing(to_eight_bits(pixels, window)) if box not in found]
    return [(int(left), int(top), int(width), int(height)) for left, top, width, height in found]


def _alike(pixels: Grey, window: tuple[float, float]) -> bool:
    """Whether the window is nearly the whole span of the levels, so that it shows nothing else."""
    low, high = (float(level) for level in np.percentile(pixels, (0.5, 99.5)))
    centre, width = window
    return abs(centre - width / 2 - low) + abs(centre + width / 2 - high) < 0.5 * (high - low)
