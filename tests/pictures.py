"""Images to upload: quick to draw, each seed its own, none of anybody."""

from functools import cache

import cv2
import numpy as np

from ml.labels import CLASSES
from mriplatform.demo.slices import PLANES, draw_slice


def picture(seed: int = 1, size: int = 224) -> np.ndarray:
    """A head-like oval with its own random texture, uint8 (size, size)."""
    random = np.random.default_rng(seed)
    texture = cv2.resize(
        random.integers(60, 220, (12, 12), dtype=np.uint8), (size, size), interpolation=cv2.INTER_CUBIC
    )
    oval = np.zeros((size, size), np.uint8)
    cv2.ellipse(oval, (size // 2, size // 2), (int(size * 0.36), int(size * 0.44)), 0, 0, 360, 1, -1)
    return texture * oval


def png(pixels: np.ndarray) -> bytes:
    """The pixels as a PNG file."""
    return cv2.imencode(".png", pixels)[1].tobytes()


def picture_png(seed: int = 1, size: int = 224) -> bytes:
    return png(picture(seed, size))


@cache
def slice_png(seed: int = 1) -> bytes:
    """A drawn slice, enough like a brain MRI that the shipped models give it a class."""
    return png(drawn_slice(CLASSES[seed % len(CLASSES)], PLANES[seed % len(PLANES)], seed, 256))


@cache
def drawn_slice(kind: str, plane: str, seed: int, size: int = 384) -> np.ndarray:
    """A slice as the demo draws it, once for all tests: to draw one takes a tenth of a second."""
    pixels = draw_slice(kind, plane, seed, size)
    pixels.flags.writeable = False
    return pixels
