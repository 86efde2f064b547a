"""The container of a JPEG: checked segment by segment, nothing decoded.

Sources: ITU-T T.81 (JPEG), Annex B; ITU-T T.871 (JFIF); CIPA DC-007 (multi-picture format).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from classifier.intake.exif import read_orientation
from classifier.intake.limits import Limits
from classifier.intake.rasters import Raster
from classifier.intake.refusals import ENDS_TOO_EARLY, UNREADABLE, WRONG_ORDER, IntakeRefused

SIGNATURE: Final = b"\xff\xd8\xff"
_START, _END, _SCAN, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
# Baseline, extended and progressive, all Huffman-coded; the other frames are lossless, arithmetic or hierarchical.
_FRAMES: Final = (0xC0, 0xC1, 0xC2)
_OTHER_FRAMES: Final = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_APPLICATIONS: Final = range(0xE0, 0xF0)
_MULTI_PICTURE: Final = (0xE2, b"MPF\0")
_EXIF: Final = (0xE1, b"Exif\0\0")
# These two decide how colours are read, and nothing else among the application segments does.
_JFIF: Final = (0xE0, b"JFIF\0")
_ADOBE: Final = (0xEE, b"Adobe")
_MAX_SEGMENTS: Final = 10_000
# In entropy-coded data a marker is an FF that is not stuffing (00), a restart (D0 to D7) or a fill byte (FF).
_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class _Segment(NamedTuple):
    marker: int
    body: bytes
    whole: bytes

    def opens(self, kind: tuple[int, bytes]) -> bool:
        return self.marker == kind[0] and self.body.startswith(kind[1])


class _Frame(NamedTuple):
    width: int
    height: int
    components: int


def read_jpeg(data: bytes, limits: Limits) -> Raster:
    """Checks the container of a JPEG.

    Args:
        data: the file; what follows the end of the image is ignored.
        limits: the declared size is held against them as soon as it is read.

    Returns:
        The image without its comments, Exif, profiles and tail.

    Raises:
        IntakeRefused: several pictures, too large or small, damaged, or in a coding that is not read.
    """
    kept, frame, adobe, exif = [SIGNATURE[:2]], None, False, b""
    for segment in _segments(data):
        _check_kind(segment, frame)
        if segment.marker in _FRAMES:
            frame = _frame(segment, limits)
        adobe = adobe or segment.opens(_ADOBE)
        if segment.opens(_EXIF):
            exif = exif or segment.body.removeprefix(_EXIF[1])
        if _is_kept(segment):
            kept.append(segment.whole)
    if not frame:
        raise IntakeRefused.damaged(UNREADABLE)
    if frame.components == 4 and not adobe:
        raise IntakeRefused(
            "unsupported_encoding",
            "The JPEG is in CMYK and does not say whether its inks are inverted; save it in greyscale or RGB.",
        )
    orientation = read_orientation(exif)
    return Raster("JPEG", frame.width, frame.height, b"".join(kept), orientation, components=frame.components)


def _segments(data: bytes) -> Iterator[_Segment]:
    """The segments after the start of the image; a scan's segment includes its entropy-coded data."""
    position = 2
    for _ in range(_MAX_SEGMENTS):
        start = position
        while data[position : position + 2] == b"\xff\xff":
            position += 1
        if position + 2 > len(data):
            raise IntakeRefused.damaged(ENDS_TOO_EARLY)
        marker = data[position + 1]
        if data[position] != 0xFF or marker in (0x00, 0x01, _START) or 0xD0 <= marker <= 0xD7:
            raise IntakeRefused.damaged(UNREADABLE)
        if marker == _END:
            yield _Segment(marker, b"", data[position : position + 2])
            return
        end = _segment_end(data, position)
        body = data[position + 4 : end]
        if marker == _SCAN:
            end = _scan_end(data, end)
        yield _Segment(marker, body, data[start:end])
        position = end
    raise IntakeRefused(
        "bomb", f"The image is cut into more than {_MAX_SEGMENTS} parts; save it again as PNG or JPEG."
    )


def _segment_end(data: bytes, position: int) -> int:
    if position + 4 > len(data):
        raise IntakeRefused.damaged(ENDS_TOO_EARLY)
    length = struct.unpack_from(">H", data, position + 2)[0]
    if length < 2:
        raise IntakeRefused.damaged(UNREADABLE)
    end = position + 2 + int(length)
    if end > len(data):
        raise IntakeRefused.damaged(ENDS_TOO_EARLY)
    return end


def _scan_end(data: bytes, position: int) -> int:
    found = _NEXT_MARKER.search(data, position)
    if not found:
        raise IntakeRefused.damaged(ENDS_TOO_EARLY)
    return found.start()


def _check_kind(segment: _Segment, frame: _Frame | None) -> None:
    if segment.opens(_MULTI_PICTURE):
        raise IntakeRefused.several_images()
    if segment.marker in _OTHER_FRAMES:
        raise IntakeRefused(
            "unsupported_encoding",
            "The JPEG is lossless or arithmetic-coded, which is not read here; save it as an ordinary JPEG or PNG.",
        )
    if (segment.marker in _FRAMES and frame) or (segment.marker == _SCAN and not frame):
        raise IntakeRefused.damaged(WRONG_ORDER)


def _frame(segment: _Segment, limits: Limits) -> _Frame:
    if len(segment.body) < 6:
        raise IntakeRefused.damaged(UNREADABLE)
    depth, height, width, components = struct.unpack_from(">BHHB", segment.body)
    limits.check_sides(width, height)
    if depth != 8 or components not in (1, 3, 4):
        raise IntakeRefused(
            "unsupported_encoding",
            f"The JPEG has {components} components of {depth} bits; save it as an 8-bit JPEG or a 16-bit PNG.",
        )
    return _Frame(width, height, components)


def _is_kept(segment: _Segment) -> bool:
    if segment.marker in _APPLICATIONS:
        return segment.opens(_JFIF) or segment.opens(_ADOBE)
    return segment.marker != _COMMENT
