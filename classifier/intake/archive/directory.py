"""Reads an archive's end record and its directory, and refuses what they show, before any entry is touched."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Final

from classifier.intake.archive.entry import ZIP64_COUNT, ZIP64_SIZE, Entry, parse_entry, split
from classifier.intake.archive.limits import ArchiveLimits, Readable
from classifier.intake.archive.refusals import ArchiveRefused

_END: Final = struct.Struct("<4s4H2LH")
_END_SIGNATURE: Final = b"PK\x05\x06"
_LOCATOR: Final = struct.Struct("<4sLQL")
_LOCATOR_SIGNATURE: Final = b"PK\x06\x07"
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_END64_SIGNATURE: Final = b"PK\x06\x06"
_STARTS: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00")
_SPANNED: Final = (b"PK\x07\x08", b"PK00")
_LOCAL_BYTES: Final = 30
_GIBIBYTE: Final = 2**30


@dataclass(frozen=True, slots=True)
class _End:
    """What the end record says: where the directory is, and how many entries it has."""

    entries: int
    directory_size: int
    directory_offset: int
    at: int


def read_directory(archive: Readable, limits: ArchiveLimits) -> list[Entry]:
    """The entries of an archive, in the order of its directory, once it is known that all of it may be taken in.

    Raises:
        ArchiveRefused: it may not, or it is no archive. Nothing but the directory was read.
    """
    if archive.size > limits.max_bytes:
        raise ArchiveRefused(
            "zip_too_large",
            f"The ZIP has {archive.size / 2**20:.0f} MiB; the limit is {limits.max_bytes / 2**20:g}. "
            "Send several smaller ones.",
        )
    end = _read_end(archive)
    if end.entries > limits.max_entries:
        raise too_many(end.entries, limits)
    if end.directory_size > limits.max_directory:
        raise ArchiveRefused.damaged("its directory is larger than one of so few entries can be")
    if end.directory_offset + end.directory_size != end.at:
        raise ArchiveRefused.damaged("its directory is not where it should be")
    directory = archive.read_at(end.directory_offset, end.directory_size)
    if len(directory) != end.directory_size:
        raise ArchiveRefused.damaged("it ends too early")
    entries = _parsed(directory, end.entries)
    if not any(not entry.ignored for entry in entries):
        raise ArchiveRefused("zip_empty", "There is no file in the ZIP.")
    _check_sizes(entries, limits)
    return _bounded(entries, end.directory_offset)


def too_many(count: int, limits: ArchiveLimits) -> ArchiveRefused:
    sentence = (
        f"The ZIP has {count:,} entries; the limit is {limits.max_entries:,}. Send several smaller ones."
    )
    return ArchiveRefused("zip_too_many_entries", sentence)


def _parsed(directory: bytes, count: int) -> list[Entry]:
    entries: list[Entry] = []
    position = 0
    for number in range(1, count + 1):
        entry, position = parse_entry(directory, position, number)
        entries.append(entry)
    if position != len(directory):
        raise ArchiveRefused.damaged("its directory holds more than it says")
    return entries


def _read_end(archive: Readable) -> _End:
    """The end record; the last bytes of the archive must be it and its comment, so that all readers find the same."""
    size = archive.size
    if not size:
        raise ArchiveRefused("empty_file", "The file is empty.")
    if archive.read_at(0, 4) not in _STARTS:
        raise ArchiveRefused("not_a_zip", "The file is no ZIP. ZIP archives are accepted here.")
    tail_size = min(size, _END.size + 0xFFFF)
    tail = archive.read_at(size - tail_size, tail_size)
    # From the end: the first that fits is the one that everybody reads.
    position = tail.rfind(_END_SIGNATURE)
    if position < 0 or len(tail) - position < _END.size:
        raise _without_end(archive)
    _, disk, directory_disk, here, entries, directory_size, offset, comment = _END.unpack_from(tail, position)
    if position + _END.size + comment != len(tail):
        raise ArchiveRefused.damaged("something follows its end")
    at = size - tail_size + position
    end = _End(entries, directory_size, offset, at)
    wide = _read_end64(archive, end)
    disks = (disk, directory_disk)
    if any(number not in (0, ZIP64_COUNT) for number in disks) or (
        wide is None and (any(disks) or here != entries)
    ):
        raise split()
    if wide is not None:
        return wide
    if ZIP64_SIZE in (directory_size, offset) or entries == ZIP64_COUNT:
        raise ArchiveRefused.damaged("its end cannot be read")
    return end


def _without_end(archive: Readable) -> ArchiveRefused:
    if archive.read_at(0, 4) in _SPANNED:
        return split()
    return ArchiveRefused.damaged("it ends too early")


def _read_end64(archive: Readable, end: _End) -> _End | None:
    """The zip64 end record where there is one. What both records say must agree."""
    at = end.at - _LOCATOR.size
    if at < 0:
        return None
    signature, disk, place, disks = _LOCATOR.unpack(archive.read_at(at, _LOCATOR.size))
    if signature != _LOCATOR_SIGNATURE:
        return None
    if disk != 0 or disks > 1:
        raise split()
    record = archive.read_at(place, _END64.size) if place + _END64.size <= at else b""
    if len(record) != _END64.size or record[:4] != _END64_SIGNATURE:
        raise ArchiveRefused.damaged("its end cannot be read")
    _, record_size, _, _, disk, directory_disk, here, entries, directory_size, offset = _END64.unpack(record)
    if disk or directory_disk or here != entries:
        raise split()
    narrow = ((end.entries, ZIP64_COUNT, entries), (end.directory_size, ZIP64_SIZE, directory_size))
    agrees = all(plain in (sentinel, wide) for plain, sentinel, wide in narrow)
    agrees = agrees and end.directory_offset in (ZIP64_SIZE, offset)
    if not agrees or place + 12 + record_size != at:
        raise ArchiveRefused.damaged("its end contradicts itself")
    return _End(entries, directory_size, offset, place)


def _check_sizes(entries: list[Entry], limits: ArchiveLimits) -> None:
    for entry in entries:
        if entry.unpacked > limits.max_ratio * entry.packed:
            raise ArchiveRefused(
                "zip_ratio",
                f"Entry {entry.number} unpacks to more than {limits.max_ratio} times its size, as no image does.",
            )
        if entry.method == 0 and entry.packed != entry.unpacked:
            raise lies(entry)
    total = sum(entry.unpacked for entry in entries)
    if total > limits.max_unpacked:
        raise ArchiveRefused(
            "zip_unpacks_too_large",
            f"The ZIP unpacks to {total / _GIBIBYTE:.1f} GiB; the limit is {limits.max_unpacked / _GIBIBYTE:g}. "
            "Send several smaller ones.",
        )


def lies(entry: Entry) -> ArchiveRefused:
    return ArchiveRefused(
        "zip_size_lies",
        f"Entry {entry.number} has another size than it says. Make the ZIP again, then send that one.",
    )


def overlapping(entry: Entry) -> ArchiveRefused:
    return ArchiveRefused("zip_overlap", f"Entry {entry.number} overlaps another entry.")


def _bounded(entries: list[Entry], directory_offset: int) -> list[Entry]:
    """The entries with where each one's bytes must end. No two share a byte: so a small ZIP would be huge."""
    in_place = sorted(entries, key=lambda entry: entry.offset)
    ends = [entry.offset for entry in in_place[1:]] + [directory_offset]
    for entry, end in zip(in_place, ends, strict=True):
        if entry.offset + _LOCAL_BYTES + len(entry.raw_name) + entry.packed > end:
            raise overlapping(entry)
    by_number = {entry.number: end for entry, end in zip(in_place, ends, strict=True)}
    return [replace(entry, end=by_number[entry.number]) for entry in entries]
