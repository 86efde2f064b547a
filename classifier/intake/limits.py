"""How large an image may be, and how much its decoding may cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from classifier.intake.refusals import IntakeRefused

_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one uploaded image.

    Attributes:
        max_bytes: size of a PNG or JPEG file.
        max_dicom_bytes: size of a DICOM file.
        max_frames, max_stack_pixels: of a DICOM file, all its frames together.
        max_pixels: width times height.
        min_side, max_side: of either side, in pixels.
        seconds: wall-clock and processor time of one decoding.
        memory_bytes: address space that one decoding may add to the bare decoder process.
    """

    max_bytes: int = 20 * _MEBIBYTE
    max_dicom_bytes: int = 64 * _MEBIBYTE
    max_pixels: int = 16_000_000
    max_frames: int = 1000
    max_stack_pixels: int = 64_000_000
    min_side: int = 32
    max_side: int = 8192
    seconds: float = 10.0
    memory_bytes: int = 1536 * _MEBIBYTE

    def check_bytes(self, size: int, *, dicom: bool = False) -> None:
        """Refuses an empty file and one over `max_bytes` or `max_dicom_bytes`."""
        if not size:
            raise IntakeRefused("empty_file", "The file is empty.")
        at_most = self.max_dicom_bytes if dicom else self.max_bytes
        if size > at_most:
            limit = f"{at_most / _MEBIBYTE:g} MiB"
            raise IntakeRefused("file_too_large", f"The file is too large; the limit is {limit}.")

    def check_stack(self, frames: int, width: int, height: int) -> None:
        """Refuses a stack of frames by what its header declares, before anything is decoded."""
        self.check_sides(width, height)
        if frames > self.max_frames:
            raise IntakeRefused(
                "too_many_frames",
                f"The file says that it has {frames} frames; the limit is {self.max_frames}.",
            )
        if frames * width * height > self.max_stack_pixels:
            raise IntakeRefused(
                "too_many_pixels",
                f"The frames have {math.ceil(frames * width * height / 1e5) / 10:.10g} megapixels together; "
                f"the limit is {self.max_stack_pixels / 1e6:g}.",
            )

    def check_sides(self, width: int, height: int) -> None:
        """Refuses an image by the size that its header declares, before anything is decoded."""
        pixels = width * height
        if pixels > self.max_pixels:
            # Rounded up, so that an image just over the limit never reads "16 megapixels; the limit is 16".
            megapixels = math.ceil(pixels / 1e5) / 10
            raise IntakeRefused(
                "too_many_pixels",
                f"The image has {megapixels:.10g} megapixels; the limit is {self.max_pixels / 1e6:g}.",
            )
        allowed = f"each side must be between {self.min_side} and {self.max_side}"
        sentence = f"The image is {width} × {height} pixels; {allowed}."
        if min(width, height) < self.min_side:
            raise IntakeRefused("too_small", sentence)
        if max(width, height) > self.max_side:
            raise IntakeRefused("too_large_side", sentence)
