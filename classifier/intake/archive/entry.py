"""One entry of an archive's directory, checked by itself."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass, field
from typing import Final

from classifier.intake.archive.naming import is_archive_name, is_clutter, is_safe
from classifier.intake.archive.refusals import ArchiveRefused

CENTRAL: Final = struct.Struct("<4s4B4HL2L5H2L")
CENTRAL_SIGNATURE: Final = b"PK\x01\x02"
ZIP64_SIZE: Final = 0xFFFFFFFF
ZIP64_COUNT: Final = 0xFFFF
STORED: Final = 0
DEFLATED: Final = 8
_AES: Final = 99
# Encrypted, patch data, strong encryption, masked headers.
_ENCRYPTED: Final = 0x0001 | 0x0040 | 0x2000
_PATCHED: Final = 0x0020
_UTF8: Final = 0x0800
_ZIP64_EXTRA: Final = 0x0001
_UNICODE_PATH_EXTRA: Final = 0x7075
# Who made the entry, where the upper half of its attributes are a Unix file's mode.
_UNIX_LIKE: Final = (3, 19)
_LINKS_AND_DEVICES: Final = (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive, as the directory tells it.

    Attributes:
        number: from 1, in the order of the directory; by which everybody knows it.
        name: as it is spelt there; for looking at, never for keeping.
        raw_name: its bytes, which the entry's own header must repeat.
        ignored: why nothing is done with it: "folder", "clutter", or empty.
        end: where the next entry, or the directory, begins: its bytes end before.
    """

    number: int
    name: str = field(repr=False)
    raw_name: bytes = field(repr=False)
    method: int
    crc: int
    packed: int
    unpacked: int
    offset: int
    ignored: str = ""
    end: int = 0


@dataclass(frozen=True, slots=True)
class _Wide:
    """The fields of an entry that a zip64 extra field may hold."""

    unpacked: int
    packed: int
    offset: int


def parse_entry(directory: bytes, position: int, number: int) -> tuple[Entry, int]:
    """The entry whose record starts at `position`, and where the next one's does.

    Raises:
        ArchiveRefused: the record is broken, or is one of a kind of entry for which no archive is taken.
    """
    if len(directory) - position < CENTRAL.size:
        raise ArchiveRefused.damaged("its directory ends too early")
    (signature, _, host, _, _, flags, method, _, _, crc, packed, unpacked, name_size, extra_size, comment_size,
     disk, _, attributes, offset) = CENTRAL.unpack_from(directory, position)  # fmt: skip
    if signature != CENTRAL_SIGNATURE:
        raise ArchiveRefused.damaged("its directory cannot be read")
    start = position + CENTRAL.size
    following = start + name_size + extra_size + comment_size
    if following > len(directory):
        raise ArchiveRefused.damaged("its directory ends too early")
    raw_name = directory[start : start + name_size]
    extras = _extras(directory[start + name_size : start + name_size + extra_size], number)
    wide = _widened(_Wide(unpacked, packed, offset), extras, number)
    name = _decoded(raw_name, flags, number)
    _check_path(name, extras, number)
    _check_kind(host, attributes, number)
    _check_packing(flags, method, disk, number)
    if is_archive_name(name) and not is_clutter(name):
        raise nested(number)
    ignored = "folder" if name.endswith("/") else "clutter" if is_clutter(name) else ""
    return Entry(
        number, name, raw_name, method, crc, wide.packed, wide.unpacked, wide.offset, ignored
    ), following


def nested(number: int) -> ArchiveRefused:
    return ArchiveRefused(
        "zip_nested", f"Entry {number} is an archive itself. Unpack it, then send its files."
    )


def _decoded(raw: bytes, flags: int, number: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError:
        raise ArchiveRefused.damaged(f"the name of entry {number} cannot be read") from None


def _check_path(name: str, extras: dict[int, bytes], number: int) -> None:
    # Some unpackers prefer the second name to the first; its first five bytes are a version and a checksum.
    second = extras.get(_UNICODE_PATH_EXTRA, b"")[5:].decode("utf-8", "replace")
    if not is_safe(name) or (second and not is_safe(second)):
        raise _unsafe(number)


def _check_kind(host: int, attributes: int, number: int) -> None:
    kind = stat.S_IFMT(attributes >> 16)
    # Whoever says to be another system and still carries the mode of a link is not to be believed.
    allowed = (0, stat.S_IFREG, stat.S_IFDIR) if host in _UNIX_LIKE else None
    if (allowed is not None and kind not in allowed) or kind in _LINKS_AND_DEVICES:
        raise _unsafe(number)


def _unsafe(number: int) -> ArchiveRefused:
    return ArchiveRefused("unsafe_path", f"Entry {number} has an unsafe path.")


def _check_packing(flags: int, method: int, disk: int, number: int) -> None:
    if flags & _ENCRYPTED or method == _AES:
        raise ArchiveRefused(
            "zip_encrypted", f"Entry {number} is encrypted. Make the ZIP again without a password."
        )
    if disk not in (0, ZIP64_COUNT):
        raise split()
    if method not in (STORED, DEFLATED) or flags & _PATCHED:
        raise ArchiveRefused(
            "zip_method",
            f"Entry {number} is packed in a way that is not taken. Make the ZIP again with the method Deflate.",
        )


def split() -> ArchiveRefused:
    return ArchiveRefused(
        "zip_split",
        "The ZIP is one part of several. Make it again as one file, or as several whole ones.",
    )


def _extras(data: bytes, number: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(data):
        kind, size = struct.unpack_from("<HH", data, position)
        position += 4
        if position + size > len(data):
            raise ArchiveRefused.damaged(f"the description of entry {number} ends too early")
        # Two of one kind are two stories about one entry.
        if kind in found and kind in (_ZIP64_EXTRA, _UNICODE_PATH_EXTRA):
            raise ArchiveRefused.damaged(f"the description of entry {number} contradicts itself")
        found[kind] = data[position : position + size]
        position += size
    return found


def _widened(narrow: _Wide, extras: dict[int, bytes], number: int) -> _Wide:
    """The sizes and the place, from the zip64 extra field where the plain ones say that they are there."""
    field_bytes, position = extras.get(_ZIP64_EXTRA, b""), 0
    values: list[int] = []
    for value in (narrow.unpacked, narrow.packed, narrow.offset):
        if value != ZIP64_SIZE:
            values.append(value)
            continue
        if position + 8 > len(field_bytes):
            raise ArchiveRefused.damaged(f"the sizes of entry {number} are missing")
        values.append(struct.unpack_from("<Q", field_bytes, position)[0])
        position += 8
    return _Wide(*values)
