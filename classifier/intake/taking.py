"""The intake's one door: a file comes in, frames and a few facts go out, or a refusal."""

from __future__ import annotations

import hashlib
from typing import Final

from classifier.intake import facts
from classifier.intake.canonical import CanonicalImage
from classifier.intake.confinement import NamedJob
from classifier.intake.decoder import Decoder
from classifier.intake.jpeg import read_jpeg
from classifier.intake.limits import Limits
from classifier.intake.png import read_png
from classifier.intake.refusals import UNREADABLE, IntakeRefused
from classifier.intake.sniffing import DICOM, JPEG, PNG, FileType, require_accepted, sniff
from classifier.intake.stacks import take_stack
from classifier.intake.taken import Frame, TakenIn

_READERS: Final = {PNG: read_png, JPEG: read_jpeg}
_DECODE_RASTER: Final = NamedJob("classifier.intake.decoding", "decode_raster")


def take_in(data: bytes, filename: str | None, limits: Limits, decoder: Decoder, key: bytes) -> TakenIn:
    """Takes in one uploaded file.

    Args:
        data: the whole file; never stored.
        filename: as the sender gave it, or None; compared with the content and forgotten.
        limits: of size, sides, pixels and frames.
        decoder: does the decoding in another process.
        key: at least 16 secret bytes under which the sender's identifiers are hashed.

    Returns:
        The frames as they are to be stored, and what is kept beside them.

    Raises:
        IntakeRefused: for every file that is not one sound image, or stack of images, of an accepted type.
        ValueError: the key is too short.
    """
    limits.check_bytes(len(data), dicom=sniff(data) is DICOM)
    kind = require_accepted(data, filename)
    sha256 = hashlib.sha256(data).hexdigest()
    if kind is DICOM:
        frames, study = take_stack(data, limits, decoder, key)
        return TakenIn(frames, sha256, study)
    return TakenIn((_take_picture(kind, data, limits, decoder),), sha256)


def _take_picture(kind: FileType, data: bytes, limits: Limits, decoder: Decoder) -> Frame:
    raster = _READERS[kind](data, limits)
    # Two bytes a pixel is the most that a greyscale image has.
    answer = decoder.run(_DECODE_RASTER, raster, at_most=2 * raster.width * raster.height)
    sides = (raster.width, raster.height) if raster.orientation >= 5 else (raster.height, raster.width)
    if answer.pixels.shape != sides:
        raise IntakeRefused.damaged(UNREADABLE)
    image = CanonicalImage.from_pixels(answer.pixels, orientation=raster.orientation)
    try:
        boxes = facts.boxes(answer.facts.get("boxes", []), image.width, image.height)
    except (ValueError, TypeError) as error:
        raise IntakeRefused.undecodable() from error
    return Frame(image, 1, boxes=boxes)
