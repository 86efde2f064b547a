"""How an image is looked at: in 8 bit, at the sizes and in the parts in which the networks find letters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from classifier.intake.writing.networks import Levels

_DARKEST, _BRIGHTEST = 0.5, 99.5  # percentiles that become black and white
_NARROW: Final = 100  # levels: an 8-bit image that uses fewer is spread
_WHOLE: Final = 736  # longer side of the look at the whole image
_MOST_PIXELS: Final = 4_000_000
_DOUBLED_UP_TO: Final = 384
# A strip overlaps the next by more than a line is tall, so that each line is whole in one of them.
_STRIP_WIDTH, _STRIP_STEP_RIGHT = 1056, 800
_STRIP_HEIGHT, _STRIP_STEP_DOWN = 128, 80


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One version of an image.

    Attributes:
        levels: (H, W) in 8 bit.
        scale: pixels of it for one of the image.
        in_strips: whether it is looked at strip by strip.
    """

    levels: Levels
    scale: float
    in_strips: bool

    def windows(self) -> Iterator[tuple[int, int, Levels]]:
        """Yields the parts that are looked at, each with where its left and top are."""
        if not self.in_strips:
            yield 0, 0, self.levels
            return
        height, width = self.levels.shape
        for top in _starts(height, _STRIP_HEIGHT, _STRIP_STEP_DOWN):
            for left in _starts(width, _STRIP_WIDTH, _STRIP_STEP_RIGHT):
                yield left, top, self.levels[top : top + _STRIP_HEIGHT, left : left + _STRIP_WIDTH]


def looks(grey: npt.NDArray[Any]) -> Iterator[Look]:
    """Yields the image as a whole, for large letters, and in strips, for small ones.

    In a strip there is no head: seen whole, the network takes it for a large character and marks nothing that is
    written across it. Small images are doubled for it, since letters of 8 pixels are then as tall as those that the
    network was taught. Very large ones are reduced, so that none takes more time than a decoding has.

    Args:
        grey: (H, W), uint8 or uint16.
    """
    levels = to_levels(grey)
    longer = max(levels.shape)
    yield _scaled(levels, min(1.0, _WHOLE / longer), in_strips=False)
    doubled = 2.0 if longer <= _DOUBLED_UP_TO else 1.0
    yield _scaled(levels, min(doubled, math.sqrt(_MOST_PIXELS / levels.size)), in_strips=True)


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


def _scaled(levels: Levels, scale: float, *, in_strips: bool) -> Look:
    if scale != 1:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        levels = np.asarray(cv2.resize(levels, None, fx=scale, fy=scale, interpolation=how), np.uint8)
    return Look(levels, scale, in_strips)


def _starts(size: int, window: int, step: int) -> range:
    return range(0, max(1, size - (window - step)), step)
