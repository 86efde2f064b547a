"""What the header checks hand to the decoder: a checked image, stripped of all that decoding does not need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Raster:
    """One image whose container was checked and whose pixels were not yet decoded.

    Attributes:
        format: "PNG" or "JPEG".
        width, height: as the header declares them; within the limits.
        essential: a file of that format without text, profiles, Exif, comments and tail.
        orientation: how Exif says the image is to be turned, 1 to 8; 1 is upright.
        packed: zlib streams of left-out parts that are compressed; the decoder proves that they are no bombs.
        transparent: the grey level or the three colour levels that stand for "transparent" (PNG only).
        components: samples of a pixel (JPEG only).
    """

    format: Literal["PNG", "JPEG"]
    width: int
    height: int
    essential: bytes
    orientation: int = 1
    packed: tuple[bytes, ...] = ()
    transparent: tuple[int, ...] = ()
    components: int = 0
