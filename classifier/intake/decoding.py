"""What a decoder's child does with a checked PNG or JPEG: decode it, and look its pixels over for writing.

Never imported by the process that asks (`confinement.NamedJob`): the detector brings a network with it.
"""

from __future__ import annotations

from classifier.intake.confinement import Answer
from classifier.intake.greyscale import decode_grey
from classifier.intake.rasters import Raster
from classifier.intake.viewing import find_boxes


def decode_raster(raster: Raster) -> Answer:
    """Decodes one image to upright greyscale.

    Returns:
        Its pixels, (H, W), and the fact `boxes`: where there is writing in them.

    Raises:
        IntakeRefused: `damaged_image` or `bomb`.
    """
    pixels = decode_grey(raster)
    return Answer(pixels, {"boxes": find_boxes(pixels, None)})
