"""What a decoder's child does with a checked PNG or JPEG. Never imported by the process that asks for it."""

from __future__ import annotations

from classifier.intake.confinement import Answer
from classifier.intake.greyscale import decode_grey
from classifier.intake.rasters import Raster


def decode_raster(raster: Raster) -> Answer:
    """Decodes one image to upright greyscale.

    Returns:
        Its pixels, (H, W).

    Raises:
        IntakeRefused: `damaged_image` or `bomb`.
    """
    return Answer(decode_grey(raster))
