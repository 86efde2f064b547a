"""From uploaded bytes to the one form in which the platform keeps an image: grey pixels and nothing else."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from classifier.intake.rasters import Grey
from ml.duplicates import phash, phash_mirrored, pixel_sha256


@dataclass(frozen=True, slots=True, eq=False)
class CanonicalImage:
    """One image as it is stored: upright, greyscale, built from its pixels alone.

    Attributes:
        pixels: (height, width), uint8 or uint16, read-only.
        png: the file that is stored; the same pixels give the same bytes.
        width, height: in pixels, as the image stands upright.
        bits: 8 or 16.
        window: centre and width of the brightness window, in pixel values; None where the file names none.
        orientation: how the file said it was to be turned (Exif, 1 to 8); `pixels` are already upright.
        pixel_sha256: hex; equal for equal pixels.
        phash, phash_mirrored: 64-bit perceptual hashes, unsigned, of the image and of its mirror image.
    """

    pixels: Grey = field(repr=False)
    png: bytes = field(repr=False)
    width: int
    height: int
    bits: int
    window: tuple[float, float] | None
    orientation: int
    pixel_sha256: str
    phash: int
    phash_mirrored: int

    @classmethod
    def from_pixels(
        cls, pixels: Grey, *, window: tuple[float, float] | None = None, orientation: int = 1
    ) -> CanonicalImage:
        """Returns the canonical image of upright grey pixels, (H, W) of uint8 or uint16.

        Raises:
            ValueError: another shape or type.
        """
        if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(
                f"Expected (H, W) pixels of uint8 or uint16, got {pixels.shape} of {pixels.dtype}."
            )
        owned = pixels.copy()
        owned.flags.writeable = False
        height, width = owned.shape
        return cls(
            pixels=owned,
            png=write_png(owned),
            width=width,
            height=height,
            bits=owned.dtype.itemsize * 8,
            window=window,
            orientation=orientation,
            pixel_sha256=pixel_sha256(owned),
            phash=phash(owned),
            phash_mirrored=phash_mirrored(owned),
        )


def write_png(pixels: Grey) -> bytes:
    """Returns a greyscale PNG of 8 or 16 bits with the chunks IHDR, IDAT and IEND and no other."""
    buffer = io.BytesIO()
    # Runs alone are looked for, no repeats: slices take as much room so, and a third of the time (docs/measured.md).
    Image.fromarray(pixels).save(buffer, format="PNG", compress_type=zlib.Z_RLE)
    return buffer.getvalue()
