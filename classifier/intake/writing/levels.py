"""How an image is looked at: in 8 bit, whole and at halves of its size, so that large letters are small in one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from classifier.intake.writing.networks import Levels

_DARKEST, _BRIGHTEST = 0.5, 99.5  # percentiles that become black and white
_NARROW: Final = 100  # levels: an 8-bit image that uses fewer is spread
_MOST_PIXELS: Final = 4_000_000
_SMALLEST: Final = 96  # pixels of the longer side
_MOST_SIZES: Final = 4


def sizes(grey: npt.NDArray[Any]) -> Iterator[tuple[Levels, float]]:
    """Yields the image, at half its size, at a quarter and an eighth, each with its scale.

    Letters of 7 to 20 pixels are spotted best. Images of over 4 megapixels are reduced to that first, so that none
    takes more time than a decoding has.

    Args:
        grey: (H, W), uint8 or uint16.
    """
    levels = to_levels(grey)
    largest = min(1.0, math.sqrt(_MOST_PIXELS / levels.size))
    for number in range(_MOST_SIZES):
        scale = largest / 2**number
        if number and max(levels.shape) * scale < _SMALLEST:
            return
        yield scaled(levels, scale), scale


def to_levels(grey: npt.NDArray[Any]) -> Levels:
    """Returns the image in 8 bit; 16-bit ones, and 8-bit ones of little contrast, spread between two percentiles."""
    lowest, highest = float(grey.min()), float(grey.max())
    if grey.dtype == np.uint8 and highest - lowest >= _NARROW:
        return np.asarray(grey, np.uint8)
    low, high = (float(level) for level in np.percentile(grey, (_DARKEST, _BRIGHTEST)))
    if high - low < 0.01 * (highest - lowest):
        # A few marks on an even ground: between the percentiles there is nothing.
        low, high = lowest, highest
    spread = (grey.astype(np.float32) - low) * (255 / max(high - low, 1))
    return np.asarray(np.clip(spread, 0, 255), np.uint8)


def scaled(levels: Levels, scale: float) -> Levels:
    if scale == 1:
        return levels
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(levels, None, fx=scale, fy=scale, interpolation=how), np.uint8)
