"""Grey levels as a screen shows them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

_DARKEST, _BRIGHTEST = 0.5, 99.5
"""Percentiles that become black and white where 16 bits come without a window: the viewer's own (`grey.js`)."""
_LEAST_SPAN: Final = 1e-6


def to_eight_bits(
    pixels: npt.NDArray[Any], window: tuple[float, float] | None = None
) -> npt.NDArray[np.uint8]:
    """Returns the levels through the window; without one 8 bits as they are, and 16 bits between two percentiles.

    Args:
        pixels: (H, W), uint8 or uint16.
        window: centre and width in pixel values, the width above 0.
    """
    if window is None and pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    if window is None:
        low, high = (float(level) for level in np.percentile(pixels, (_DARKEST, _BRIGHTEST)))
    else:
        low, high = window[0] - window[1] / 2, window[0] + window[1] / 2
    unit = (pixels.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, _LEAST_SPAN))
    return np.asarray(np.rint(np.clip(unit, 0, 1) * 255), np.uint8)
