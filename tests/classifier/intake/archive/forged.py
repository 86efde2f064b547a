"""Builds ZIP files by hand, so that each of their fields may lie."""

import struct
import zlib
from dataclasses import dataclass, field

SYMLINK, DEVICE = 0o120777 << 16, 0o060644 << 16


@dataclass
class Forged:
    """One entry; what is None is what an honest one has."""

    name: bytes
    data: bytes = b"content"
    method: int = 8
    flags: int = 0x0800
    host: int = 3
    attributes: int = 0o100644 << 16
    crc: int | None = None
    packed: bytes | None = None
    packed_size: int | None = None
    unpacked_size: int | None = None
    local_name: bytes | None = None
    local_unpacked_size: int | None = None
    local_method: int | None = None
    extra: bytes = b""
    disk: int = 0
    offset: int | None = None
    made: dict[str, int] = field(default_factory=dict)

    def body(self) -> bytes:
        if self.packed is not None:
            return self.packed
        if self.method != 8:
            return self.data
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(self.data) + packer.flush()

    def checksum(self) -> int:
        return zlib.crc32(self.data) if self.crc is None else self.crc


def local(entry: Forged) -> bytes:
    body = entry.body()
    packed = len(body) if entry.packed_size is None else entry.packed_size
    unpacked = len(entry.data) if entry.unpacked_size is None else entry.unpacked_size
    unpacked = unpacked if entry.local_unpacked_size is None else entry.local_unpacked_size
    name = entry.name if entry.local_name is None else entry.local_name
    method = entry.method if entry.local_method is None else entry.local_method
    head = struct.pack(
        "<4s5H3L2H",
        b"PK\x03\x04",
        20,
        entry.flags,
        method,
        0,
        0,
        entry.checksum(),
        packed,
        unpacked,
        len(name),
        0,
    )
    return head + name + body


def central(entry: Forged, offset: int) -> bytes:
    packed = len(entry.body()) if entry.packed_size is None else entry.packed_size
    unpacked = len(entry.data) if entry.unpacked_size is None else entry.unpacked_size
    head = struct.pack(
        "<4s4B4HL2L5H2L", b"PK\x01\x02", 20, entry.host, 20, 0, entry.flags, entry.method, 0, 0, entry.checksum(),
        packed, unpacked, len(entry.name), len(entry.extra), 0, entry.disk, 0, entry.attributes,
        offset if entry.offset is None else entry.offset,
    )  # fmt: skip
    return head + entry.name + entry.extra


def end(
    count: int, size: int, offset: int, *, here: int | None = None, disk: int = 0, comment: bytes = b""
) -> bytes:
    here = count if here is None else here
    return (
        struct.pack("<4s4H2LH", b"PK\x05\x06", disk, disk, here, count, size, offset, len(comment)) + comment
    )


def end64(count: int, size: int, offset: int, at: int) -> bytes:
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    return record + struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)


def forge(*entries: Forged, count: int | None = None, zip64: bool = False, **ending: object) -> bytes:
    """A ZIP of these entries, one after the other, and its directory."""
    out, offsets = b"", []
    for entry in entries:
        offsets.append(len(out))
        out += local(entry)
    directory = b"".join(central(entry, offset) for entry, offset in zip(entries, offsets, strict=True))
    count = len(entries) if count is None else count
    at = len(out) + len(directory)
    if zip64:
        tail = end64(count, len(directory), len(out), at) + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    else:
        tail = end(min(count, 0xFFFF), len(directory), len(out), **ending)  # type: ignore[arg-type]
    return out + directory + tail


class InMemory:
    """An archive in memory, and what was read of it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size, self.read = data, len(data), 0

    def read_at(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert length >= 0
        found = self.data[offset : offset + length]
        self.read += len(found)
        return found
