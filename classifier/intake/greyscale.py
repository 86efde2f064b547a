"""Pixels out of a checked image. Runs in the decoder's child processes only, where memory and time are limited.

How each mode becomes grey stands in docs/intake.md; a test proves each line of that table.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from simplejpeg import decode_jpeg  # type: ignore[import-untyped]  # ships no types

from classifier.intake.rasters import Grey, Raster
from classifier.intake.refusals import ENDS_TOO_EARLY, UNREADABLE, IntakeRefused
from ml.preprocessing import to_grey

Levels = npt.NDArray[np.uint8]
_MAX_INFLATED_BYTES: Final = 4 * 2**20
_STRIP_PIXELS: Final = 2**20
_PLAIN_MODES: Final = {"1": "L", "P": "RGBA", "PA": "RGBA"}
_JPEG_SPACES: Final = {1: "GRAY", 3: "RGB", 4: "CMYK"}
# Everything that Pillow raises on bytes that are no sound PNG.
_PILLOW_ERRORS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    EOFError,
    zlib.error,
)


def decode_grey(raster: Raster) -> Grey:
    """Decodes an image to upright greyscale.

    Returns:
        (H, W), uint16 for a 16-bit greyscale PNG, uint8 for everything else.

    Raises:
        IntakeRefused: `damaged_image` or `bomb`.
    """
    _prove_no_bomb(raster.packed)
    grey = _decode_png(raster) if raster.format == "PNG" else _decode_jpeg(raster)
    if grey.shape != (raster.height, raster.width):
        raise IntakeRefused.damaged(UNREADABLE)
    return _upright(grey, raster.orientation)


def _prove_no_bomb(streams: tuple[bytes, ...]) -> None:
    left = _MAX_INFLATED_BYTES
    for stream in streams:
        inflater = zlib.decompressobj()
        try:
            left -= len(inflater.decompress(stream, left + 1))
        except zlib.error:
            # Broken text is left out like whole text; only its size matters.
            continue
        if left < 0:
            raise IntakeRefused(
                "bomb",
                "The image carries text or a colour profile that unpacks to more than "
                f"{_MAX_INFLATED_BYTES // 2**20} MiB; save it without metadata.",
            )


def _decode_png(raster: Raster) -> Grey:
    try:
        with Image.open(io.BytesIO(raster.essential), formats=("PNG",)) as image:
            # A palette may carry its transparency in several ways; Pillow knows them all.
            samples = np.asarray(image.convert(_PLAIN_MODES.get(image.mode, image.mode)))
    except _PILLOW_ERRORS as error:
        raise IntakeRefused.damaged(ENDS_TOO_EARLY if "truncated" in str(error) else UNREADABLE) from error
    grey = _grey(samples)
    if not raster.transparent:
        return grey
    hits = samples.reshape(*grey.shape, -1) == np.array(raster.transparent, samples.dtype)
    grey = grey.copy()
    grey[hits.all(axis=2)] = 0
    return grey


def _decode_jpeg(raster: Raster) -> Grey:
    try:
        samples = decode_jpeg(raster.essential, _JPEG_SPACES[raster.components], strict=True)
    except ValueError as error:
        raise IntakeRefused.damaged(ENDS_TOO_EARLY if "remature end" in str(error) else UNREADABLE) from error
    return _grey(samples)


def _grey(samples: npt.NDArray[Any]) -> Grey:
    """Grey of (H, W) or (H, W, 1 to 4 channels), strip by strip: the conversion needs 16 times its input."""
    if samples.ndim == 2:
        return samples
    rows = max(1, _STRIP_PIXELS // samples.shape[1])
    strips = range(0, samples.shape[0], rows)
    convert = _CONVERSIONS[samples.shape[2]]
    return np.concatenate([convert(samples[top : top + rows]) for top in strips])


def _over_black(samples: Levels) -> Levels:
    """Multiplies all channels but the last with the last, which is the opacity.

    The same product turns the inverted inks of an Adobe CMYK image into RGB: the last is then "how little black".
    """
    opacity = samples[..., -1:].astype(np.uint16)
    product: Levels = ((samples[..., :-1] * opacity + 127) // 255).astype(np.uint8)
    return product


_CONVERSIONS: Final[dict[int, Callable[[Levels], Levels]]] = {
    1: lambda grey: grey[..., 0],
    2: lambda grey_alpha: _over_black(grey_alpha)[..., 0],
    3: to_grey,
    4: lambda colour_alpha: to_grey(_over_black(colour_alpha)),
}


def _upright(grey: Grey, orientation: int) -> Grey:
    """Turns and mirrors as Exif's orientation says: 5 to 8 swap the sides."""
    turned: npt.NDArray[Any] = grey.T if orientation >= 5 else grey
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return np.ascontiguousarray(turned)
