"""The container of a PNG: checked chunk by chunk, nothing inflated, nothing decoded.

Source: Portable Network Graphics (Third Edition), W3C, sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from classifier.intake.exif import read_orientation
from classifier.intake.limits import Limits
from classifier.intake.rasters import Raster
from classifier.intake.refusals import BAD_CHECKSUM, ENDS_TOO_EARLY, UNREADABLE, WRONG_ORDER, IntakeRefused

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# An encoder that writes IDATs of 4 KiB needs 5,000 chunks for 20 MiB; millions of empty ones only cost time.
_MAX_CHUNKS: Final = 20_000
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_GREY, _RGB, _PALETTE = 0, 2, 3
_ANIMATION: Final = (b"acTL", b"fcTL", b"fdAT")
_COMPRESSED: Final = (b"zTXt", b"iTXt", b"iCCP")
_CRITICAL: Final = (b"IHDR", b"PLTE", b"IDAT", b"IEND")


class _Chunk(NamedTuple):
    kind: bytes
    body: bytes
    whole: bytes

    @property
    def critical(self) -> bool:
        return not self.kind[0] & 0x20


class _Header(NamedTuple):
    width: int
    height: int
    depth: int
    colour: int


def read_png(data: bytes, limits: Limits) -> Raster:
    """Checks the container of a PNG.

    Args:
        data: the file; what follows the end of the image is ignored.
        limits: the declared size is held against them before anything else is read.

    Returns:
        The image without its text, profiles and tail.

    Raises:
        IntakeRefused: animated, too large or small, damaged, or in chunks that the format forbids.
    """
    chunks = _chunks(data)
    start = next(chunks)
    header = _header(start, limits)
    kept, kinds, packed, orientation = [start.whole], [start.kind], [], 1
    transparent: tuple[int, ...] = ()
    for chunk in chunks:
        _check_kind(chunk, kinds)
        kinds.append(chunk.kind)
        if chunk.kind in _COMPRESSED:
            packed.append(_stream(chunk))
        elif chunk.kind == b"eXIf":
            orientation = read_orientation(chunk.body)
        elif chunk.kind == b"tRNS" and header.colour != _PALETTE:
            transparent = _transparent_level(chunk, header)
        elif chunk.kind in (*_CRITICAL, b"tRNS"):
            kept.append(chunk.whole)
    if b"IDAT" not in kinds or (header.colour == _PALETTE and b"PLTE" not in kinds):
        raise IntakeRefused.damaged(UNREADABLE)
    essential = SIGNATURE + b"".join(kept)
    return Raster("PNG", header.width, header.height, essential, orientation, tuple(packed), transparent)


def _chunks(data: bytes) -> Iterator[_Chunk]:
    position = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if position + 12 > len(data):
            raise IntakeRefused.damaged(ENDS_TOO_EARLY)
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if not kind.isalpha():
            raise IntakeRefused.damaged(UNREADABLE)
        if end > len(data):
            raise IntakeRefused.damaged(ENDS_TOO_EARLY)
        body = data[position + 8 : end - 4]
        if zlib.crc32(body, zlib.crc32(kind)) != struct.unpack_from(">I", data, end - 4)[0]:
            raise IntakeRefused.damaged(BAD_CHECKSUM)
        yield _Chunk(kind, body, data[position:end])
        if kind == b"IEND":
            return
        position = end
    raise IntakeRefused(
        "bomb", f"The image is cut into more than {_MAX_CHUNKS} parts; save it again as PNG or JPEG."
    )


def _header(chunk: _Chunk, limits: Limits) -> _Header:
    if chunk.kind != b"IHDR":
        raise IntakeRefused.damaged(WRONG_ORDER)
    if len(chunk.body) != 13:
        raise IntakeRefused.damaged(UNREADABLE)
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", chunk.body)
    limits.check_sides(width, height)
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise IntakeRefused.damaged(UNREADABLE)
    return _Header(width, height, depth, colour)


def _check_kind(chunk: _Chunk, before: list[bytes]) -> None:
    if chunk.kind in _ANIMATION:
        raise IntakeRefused.several_images()
    if chunk.critical and chunk.kind not in _CRITICAL:
        raise IntakeRefused(
            "unsupported_encoding", "The PNG has a part that no standard names; save it again as PNG."
        )
    if chunk.kind == b"IDAT":
        wrong = b"IDAT" in before and before[-1] != b"IDAT"
    elif chunk.kind in (b"PLTE", b"tRNS"):
        wrong = chunk.kind in before or b"IDAT" in before
    else:
        wrong = chunk.kind == b"IHDR"
    if wrong:
        raise IntakeRefused.damaged(WRONG_ORDER)


def _transparent_level(chunk: _Chunk, header: _Header) -> tuple[int, ...]:
    """The transparent grey or colour, scaled as the decoded pixels are: to 8 bits, or 16 in a 16-bit greyscale."""
    samples = {_GREY: 1, _RGB: 3}.get(header.colour, 0)
    if not samples or len(chunk.body) != 2 * samples:
        raise IntakeRefused.damaged(UNREADABLE)
    if header.colour == _RGB and header.depth == 16:
        raise IntakeRefused(
            "unsupported_encoding",
            "A PNG of 16-bit colours with a transparent one is not read; save it in greyscale or with 8 bits.",
        )
    largest = 2**header.depth - 1
    scale = 255 // largest if header.depth < 8 else 1
    return tuple((level & largest) * scale for level in struct.unpack(f">{samples}H", chunk.body))


def _stream(chunk: _Chunk) -> bytes:
    """The zlib stream inside a compressed ancillary chunk; empty where there is none."""
    rest = chunk.body.partition(b"\0")[2]
    if chunk.kind != b"iTXt":
        return rest[1:]
    if rest[:1] != b"\1":
        return b""
    return rest[2:].partition(b"\0")[2].partition(b"\0")[2]
