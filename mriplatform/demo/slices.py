"""Synthetic slices for the demo: heads drawn by our own code, with and without tumours. Nobody's scan, nothing learned.

They look like T1-weighted MRI after contrast, so that pages can be tried on them; what a model says about them
means nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES
from mriplatform.demo.anatomy import Head
from mriplatform.demo.drawing import Canvas, Field
from mriplatform.demo.planes import draw_axial, draw_base, draw_coronal
from mriplatform.demo.sagittal import draw_sagittal
from mriplatform.demo.tumours import draw_glioma, draw_meningioma, draw_pituitary

PLANES: Final = ("axial", "coronal", "sagittal")
_HEADS: Final[dict[str, Callable[[Canvas], Head]]] = {
    "axial": draw_axial,
    "coronal": draw_coronal,
    "sagittal": draw_sagittal,
}
_TUMOURS: Final[dict[str, Callable[[Canvas, Head], None]]] = {
    "glioma": draw_glioma,
    "meningioma": draw_meningioma,
    "pituitary": draw_pituitary,
}


def draw_slice(kind: str, plane: str, seed: int, size: int = 384) -> npt.NDArray[np.uint8]:
    """Draws one slice.

    Args:
        kind: one of `ml.labels.CLASSES`.
        plane: "axial", "coronal" or "sagittal".
        seed: the same seed draws the same slice.
        size: side in pixels, 256 to 512.

    Returns:
        (size, size), uint8.

    Raises:
        ValueError: an unknown kind or plane, or a size out of range.
    """
    if kind not in CLASSES or plane not in PLANES:
        raise ValueError(f"There is no {plane} {kind}; give one of {CLASSES} and one of {PLANES}.")
    if not 256 <= size <= 512:
        raise ValueError(f"A slice is 256 to 512 pixels wide, not {size}.")
    rng = np.random.default_rng([seed, CLASSES.index(kind), PLANES.index(plane)])
    canvas = Canvas(rng)
    at_base = plane == "axial" and kind == "pituitary"
    head = draw_base(canvas) if at_base else _HEADS[plane](canvas)
    if kind in _TUMOURS:
        _TUMOURS[kind](canvas, head)
    # A neck goes on below the picture, so those planes are shown a little larger.
    scale = rng.uniform(0.92, 1.04) if plane == "axial" else rng.uniform(1.04, 1.12)
    scanned = _scan(rng, head.image, size, scale)
    return np.ascontiguousarray(scanned[:, ::-1]) if plane == "sagittal" and rng.integers(2) else scanned


def sample_studies(seed: int) -> list[tuple[str, str, npt.NDArray[np.uint8]]]:
    """Returns the demo's studies: every kind in every plane, in a random order, as (kind, plane, pixels)."""
    order = np.random.default_rng(seed).permutation(len(CLASSES) * len(PLANES))
    pairs = [(CLASSES[number % len(CLASSES)], PLANES[number // len(CLASSES)]) for number in order]
    return [
        (kind, plane, draw_slice(kind, plane, seed + number)) for number, (kind, plane) in enumerate(pairs)
    ]


def _scan(rng: np.random.Generator, image: Field, size: int, scale: float) -> npt.NDArray[np.uint8]:
    """What a scanner adds: tilt, blur, uneven coil, noise as in magnitude images, and its own brightness."""
    side = len(image)
    middle = ((side - 1) / 2, (side - 1) / 2)
    tilt = cv2.getRotationMatrix2D(middle, rng.uniform(-5, 5), scale)
    turned = cv2.warpAffine(
        image, tilt, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    small = cv2.resize(cv2.GaussianBlur(turned, (0, 0), 0.9), (size, size), interpolation=cv2.INTER_AREA)
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    lean = rng.uniform(-0.12, 0.12, 2)
    coil = 1 + lean[0] * columns + lean[1] * rows + rng.uniform(-0.05, 0.14) * (columns**2 + rows**2 - 0.6)
    grain = rng.normal(0, rng.uniform(3.2, 5.2), (2, size, size))
    grain = np.stack([cv2.GaussianBlur(part, (0, 0), 0.6) for part in grain])
    magnitude = np.hypot(small * coil + grain[0], grain[1]) * rng.uniform(0.92, 1.2)
    return np.asarray(np.clip(np.rint(magnitude), 0, 255), np.uint8)
