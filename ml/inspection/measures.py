"""Numbers about an image that say nothing of anatomy: borders, brightness, contrast."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

PERCENTILES: Final = (1, 5, 25, 50, 75, 95, 99)
BINS: Final = 32

_SAME: Final = 12
"""Levels of 255 by which a border's pixels may differ: JPEG rings at the edge of a head."""

_BLACK: Final = 8

_FILLED: Final = 0.99
"""The share of a row's or column's pixels that have to be border for it to count as border."""


def eight_bits(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Returns pixels (H, W) as uint8; of 16 bits the upper 8."""
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)


def pixel_measures(pixels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Returns measures of an image (H, W) by name.

    Borders are shares of the image's side, from the edge inwards, over which a row or column holds nothing but
    the level of the outermost pixels; levels are 0..255, `black` is the share of pixels of at most 8.
    """
    edge = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    level = float(np.median(edge))
    same = np.abs(pixels.astype(np.int16) - level) <= _SAME
    rows, columns = same.mean(axis=1) >= _FILLED, same.mean(axis=0) >= _FILLED
    counts = np.bincount(pixels.ravel(), minlength=256)
    held = np.cumsum(counts) / pixels.size
    spread = np.searchsorted(held, np.array(PERCENTILES) / 100)
    levels = np.arange(256)
    mean = float(counts @ levels / pixels.size)
    return {
        "border_top": _run(rows),
        "border_bottom": _run(rows[::-1]),
        "border_left": _run(columns),
        "border_right": _run(columns[::-1]),
        "border_level": level,
        "mean": mean,
        "std": float(np.sqrt(counts @ (levels - mean) ** 2 / pixels.size)),
        "black": float(held[_BLACK]),
        **{f"p{share:02d}": float(value) for share, value in zip(PERCENTILES, spread, strict=True)},
    }


def intensity_shares(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Returns which share of an image's pixels lies in each of `BINS` equal steps of 0..255."""
    counts = np.bincount(pixels.ravel() // (256 // BINS), minlength=BINS)
    return counts / pixels.size


def _run(border: npt.NDArray[np.bool_]) -> float:
    """Returns the share of a side that is border from its start."""
    inside = np.flatnonzero(~border)
    return float(inside[0] / len(border)) if len(inside) else 1.0
