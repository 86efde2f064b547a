"""Spoilt PNG, JPEG, DICOM and ZIP files without end, each known by its number: the same number, the same bytes.

Half of the changes are made to bytes wherever they stand; the others know the format: a field is set to an extreme
value and the checksum over it is made right, parts change places, compressed data is opened, spoilt and closed again.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from classifier.intake import Decoder, IntakeRefused, Limits, take_in
from classifier.intake.archive import ArchiveLimits, ArchiveRefused, EntryDamaged, read_directory, read_entry
from classifier.intake.archive.naming import extension_of
from tests.classifier.intake.archive_cases import Entry, archive
from tests.classifier.intake.cases import (
    SIGNATURE,
    chunk,
    chunks_of,
    encode,
    exif,
    jpeg,
    picture,
    with_segment,
)
from tests.classifier.intake.dicom_files import ENHANCED_MR_STORAGE, TAKEN, as_file, mr

KINDS = ("png", "jpeg", "dicom", "zip")
EXTREMES = (
    0,
    1,
    2,
    7,
    8,
    15,
    16,
    31,
    32,
    127,
    128,
    255,
    256,
    4095,
    32767,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
)


class Mutant(NamedTuple):
    """One spoilt file: how it is called, what it was made of and how, and its bytes."""

    number: int
    kind: str
    name: str
    how: str
    data: bytes


@cache
def originals(kind: str) -> tuple[bytes, ...]:
    """Sound files, small, of every sort that is taken."""
    if kind == "png":
        deep = picture(3, 40, 36).astype(np.uint16) * 200
        return (
            encode(picture(1, 40, 36)),
            encode(np.dstack([picture(2, 40, 36)] * 3)),
            encode(deep),
            encode(picture(4, 40, 36), optimize=True),
        )
    if kind == "jpeg":
        return (jpeg(5), jpeg(6, progressive=True), with_segment(jpeg(7), 0xE1, b"Exif\0\0" + exif(6)))
    if kind == "dicom":
        small = {"rows": 36, "columns": 40}
        made: list[bytes] = []
        for frames, more in ((1, {}), (3, {"SOPClassUID": ENHANCED_MR_STORAGE})):
            for word, syntax in TAKEN.items():
                bits = 8 if word == "jpeg-baseline" else 12
                made.append(as_file(mr(20 + len(made), bits=bits, frames=frames, **small, **more), syntax))
        return tuple(made)
    image = encode(picture(8, 40, 36))
    return (
        archive([Entry("glioma/1.png", image), Entry("2.png", encode(picture(9, 40, 36)), method=0)]),
        archive([Entry("1.dcm", originals("dicom")[0]), Entry(".DS_Store", b"x"), Entry("2.jpg", jpeg(10))]),
    )


def mutant(number: int) -> Mutant:
    """The spoilt file of a number; the kinds take turns."""
    rng = random.Random(number)
    kind = KINDS[number % len(KINDS)]
    data = rng.choice(originals(kind))
    ways = [*BYTES, *STRUCTURE[kind] * max(1, len(BYTES) // len(STRUCTURE[kind]))]
    how = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5))):
        way = rng.choice(ways)
        try:
            data = way(data, rng)
        except (struct.error, zlib.error, ValueError, IndexError):
            # It is spoilt so far already that there is nothing of that kind left to change.
            data = change_bytes(data, rng)
        how.append(way.__name__)
        data = data or b"\xff"
    ending = {"png": "png", "jpeg": "jpg", "dicom": "dcm", "zip": "zip"}[kind]
    return Mutant(number, kind, f"{number}.{ending}", "+".join(how), data)


def _at(data: bytes, rng: random.Random) -> int:
    """Anywhere, more often near the start, where headers stand."""
    return rng.randrange(min(len(data), rng.choice((64, 1024, len(data))))) if data else 0


def change_bytes(data: bytes, rng: random.Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        spoilt[_at(data, rng)] = rng.choice((0, 255, 127, 128, rng.randrange(256)))
    return bytes(spoilt)


def flip_bit(data: bytes, rng: random.Random) -> bytes:
    spoilt = bytearray(data)
    spoilt[_at(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def cut_out(data: bytes, rng: random.Random) -> bytes:
    at = _at(data, rng)
    return data[:at] + data[at + rng.choice((1, 2, 4, 16, 200)) :]


def cut_off(data: bytes, rng: random.Random) -> bytes:
    return data[: _at(data, rng)]


def put_in(data: bytes, rng: random.Random) -> bytes:
    at = _at(data, rng)
    return data[:at] + rng.randbytes(rng.choice((1, 4, 64))) + data[at:]


def repeat(data: bytes, rng: random.Random) -> bytes:
    at = _at(data, rng)
    return data[:at] + data[at : at + 64] * rng.choice((2, 50, 500)) + data[at:]


def swap(data: bytes, rng: random.Random) -> bytes:
    one, other = sorted((_at(data, rng), _at(data, rng)))
    size = min(32, other - one)
    return (
        data[:one]
        + data[other : other + size]
        + data[one + size : other]
        + data[one : one + size]
        + data[other + size :]
    )


def extreme_number(data: bytes, rng: random.Random) -> bytes:
    at, kind = _at(data, rng), rng.choice(("<H", ">H", "<I", ">I"))
    value = struct.pack(kind, rng.choice(EXTREMES) % 2 ** (8 * struct.calcsize(kind)))
    return data[:at] + value + data[at + len(value) :]


BYTES: list[Callable[[bytes, random.Random], bytes]] = [
    change_bytes, flip_bit, cut_out, cut_off, put_in, repeat, swap, extreme_number,
]  # fmt: skip


def png_header(data: bytes, rng: random.Random) -> bytes:
    """Another IHDR, its checksum right."""
    fields = list(struct.unpack_from(">IIBBBBB", data, 16))
    for _ in range(rng.choice((1, 2))):
        place = rng.randrange(7)
        fields[place] = rng.choice(EXTREMES) if place < 2 else rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", *fields)) + data[33:]


def png_parts(data: bytes, rng: random.Random) -> bytes:
    """Chunks repeated, left out, in another order, or one of another kind among them."""
    parts = [whole for _, whole in chunks_of(data)]
    match rng.randrange(4):
        case 0:
            rng.shuffle(parts)
        case 1:
            parts.pop(rng.randrange(len(parts)))
        case 2:
            parts.insert(rng.randrange(len(parts)), rng.choice(parts))
        case _:
            kind = rng.choice(
                (b"tRNS", b"PLTE", b"acTL", b"fcTL", b"zTXt", b"iCCP", b"eXIf", b"abcd", b"gAMA")
            )
            parts.insert(
                rng.randrange(1, len(parts)), chunk(kind, rng.randbytes(rng.choice((0, 1, 3, 6, 768, 3000))))
            )
    return SIGNATURE + b"".join(parts)


def png_pixels(data: bytes, rng: random.Random) -> bytes:
    """Pixels spoilt before they are compressed: filters that there are not, too many rows, too few."""
    out = []
    for kind, whole in chunks_of(data):
        if kind == b"IDAT":
            inner = rng.choice(BYTES)(zlib.decompress(whole[8:-4]), rng)
            whole = chunk(b"IDAT", zlib.compress(inner, rng.choice((0, 1, 9))))
        out.append(whole)
    return SIGNATURE + b"".join(out)


def jpeg_segment(data: bytes, rng: random.Random) -> bytes:
    """A field of a segment, or its length."""
    markers = [n for n in range(len(data) - 4) if data[n] == 0xFF and 0xC0 <= data[n + 1] <= 0xFE]
    at = rng.choice(markers)
    offset = at + rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11))
    return data[:offset] + bytes([rng.choice((0, 1, 2, 4, 8, 17, 63, 64, 255))]) + data[offset + 1 :]


def jpeg_marker(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(2, len(data))
    body = rng.randbytes(rng.choice((0, 2, 20)))
    marker = rng.choice((0xC0, 0xC2, 0xC4, 0xC9, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xDC, 0xE1, 0xEE, 0xFE))
    return data[:at] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[at:]


def _elements(data: bytes) -> list[tuple[int, int, int]]:
    """Where elements of explicit little endian begin, where their values do, and their lengths, as far as known."""
    found, at = [], 132
    while at + 8 <= len(data):
        kind, length = data[at + 4 : at + 6], struct.unpack_from("<H", data, at + 6)[0]
        start = at + 8
        if kind in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF", b"UC", b"UR", b"OD", b"OL"):
            start, length = at + 12, struct.unpack_from("<I", data, at + 8)[0]
        elif not kind.isalpha():
            start, length = at + 8, struct.unpack_from("<I", data, at + 4)[0]
        found.append((at, start, length))
        at = start + (0 if length == 0xFFFFFFFF else length)
    return found


def dicom_value(data: bytes, rng: random.Random) -> bytes:
    """An element's value is another of the same length, or an extreme one."""
    _, start, length = rng.choice(_elements(data))
    if length in (2, 4):
        new = struct.pack("<I", rng.choice(EXTREMES))[:length]
    else:
        words = (
            b"-1",
            b"0",
            b"NaN",
            b"1e999",
            b"abc",
            b"\\",
            b"1\\2\\3",
            b"9" * 40,
            b"\0" * 8,
            b"1.2.840.10008.1.2.4.90",
        )
        new = rng.choice(words)[:length].ljust(min(length, 64))
    return data[:start] + new + data[start + len(new) :]


def dicom_length(data: bytes, rng: random.Random) -> bytes:
    _, start, _ = rng.choice(_elements(data))
    return data[: start - 2] + struct.pack("<H", rng.choice(EXTREMES) % 65536) + data[start:]


def dicom_kind(data: bytes, rng: random.Random) -> bytes:
    at, _, _ = rng.choice(_elements(data))
    return (
        data[: at + 4] + rng.choice((b"SQ", b"OB", b"UN", b"US", b"UI", b"FD", b"LO", b"??")) + data[at + 6 :]
    )


def dicom_elements(data: bytes, rng: random.Random) -> bytes:
    """Elements left out, repeated or moved."""
    parts = _elements(data)
    at, start, length = rng.choice(parts)
    whole = data[at : start + min(length, len(data))]
    if rng.random() < 0.5:
        return data[:at] + data[at + len(whole) :]
    to, _, _ = rng.choice(parts)
    return data[:to] + whole + data[to:]


def dicom_syntax(data: bytes, rng: random.Random) -> bytes:
    """It says that it is in another transfer syntax."""
    for uid in TAKEN.values():
        said = uid.encode() + b"\0" * (len(uid) % 2)
        if said in data[:400]:
            other = rng.choice(list(TAKEN.values())).encode()
            return data.replace(said, other[: len(said)].ljust(len(said), b"\0"), 1)
    return flip_bit(data, rng)


def zip_field(data: bytes, rng: random.Random) -> bytes:
    """A field of a header, of the directory or of its end."""
    marks = [n for n in range(len(data) - 4) if data[n : n + 2] == b"PK" and data[n + 2] in (1, 3, 5)]
    at = rng.choice(marks) + rng.randrange(4, 46)
    size = rng.choice((1, 2, 4))
    return data[:at] + struct.pack("<I", rng.choice(EXTREMES))[:size] + data[at + size :]


def zip_entries(data: bytes, rng: random.Random) -> bytes:
    """Other entries, with lies of the writer's own."""
    inner = [mutant(rng.randrange(10**6) * 4 + rng.randrange(3)) for _ in range(rng.choice((1, 2, 5)))]
    lies = {
        name: rng.choice(EXTREMES) % 2**32
        for name in ("size", "packed_size", "crc") if rng.random() < 0.15
    }  # fmt: skip
    name = rng.choice(
        ("1.png", "../x.png", "a\\b.png", "c/d/e.dcm", "\0.png", "é.png", "con", "x.zip", "glioma/1.jpg")
    )
    entries = [Entry(one.name, one.data) for one in inner] + [
        Entry(
            name,
            inner[0].data,
            method=rng.choice((0, 8, 8, 9, 12, 14, 99)),
            flags=rng.choice((0, 0, 1, 8, 64)),
            **lies,
        )
    ]
    return archive(entries, overlap=rng.random() < 0.1, comment=rng.randbytes(rng.choice((0, 0, 30))))


STRUCTURE: dict[str, list[Callable[[bytes, random.Random], bytes]]] = {
    "png": [png_header, png_parts, png_pixels],
    "jpeg": [jpeg_segment, jpeg_segment, jpeg_marker],
    "dicom": [dicom_value, dicom_value, dicom_length, dicom_kind, dicom_elements, dicom_syntax],
    "zip": [zip_field, zip_field, zip_entries],
}


@dataclass(frozen=True)
class InMemory:
    """An archive's bytes, as the archive's reader wants them."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read_at(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


def take(one: Mutant, decoder: Decoder) -> str:
    """Take a spoilt file in as the intake does, without any door.

    Returns:
        "taken", or the code under which it was refused.

    Raises:
        Exception: whatever is not a refusal is a fault of ours.
    """
    limits, key = Limits(), b"a key of the spoilt files"
    try:
        if one.kind != "zip":
            take_in(one.data, one.name, limits, decoder, key)
            return "taken"
        bounds, whole = ArchiveLimits(), InMemory(one.data)
        for entry in read_directory(whole, bounds):
            if entry.ignored:
                continue
            try:
                take_in(read_entry(whole, entry, bounds), extension_of(entry.name), limits, decoder, key)
            except (IntakeRefused, EntryDamaged):
                continue
        return "taken"
    except (IntakeRefused, ArchiveRefused) as refused:
        return refused.code
