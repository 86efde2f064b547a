"""Pixels as a screen shows them: browsers spread all of 16 bits, of which a scanner uses a few."""

from typing import Protocol

import cv2
import numpy as np

from ml.showing import to_eight_bits


class Windowed(Protocol):
    """What has pixels and may have a window for them."""

    window_centre: float | None
    window_width: float | None


def as_shown(png: bytes, image: Windowed) -> bytes:
    """The stored PNG of an image in 8 bits, through its window where it has one."""
    window = None
    if image.window_centre is not None and image.window_width is not None:
        window = (image.window_centre, image.window_width)
    pixels = np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED))
    return cv2.imencode(".png", to_eight_bits(pixels, window))[1].tobytes()
