"""Takes one entry out of an archive, into memory and no further than it said it would go."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from classifier.intake.archive.directory import lies, overlapping
from classifier.intake.archive.entry import DEFLATED, ZIP64_SIZE, Entry, nested
from classifier.intake.archive.limits import ArchiveLimits, Readable
from classifier.intake.archive.refusals import ArchiveRefused

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_LOCAL_SIGNATURE: Final = b"PK\x03\x04"
# Sizes follow the data: the header need not say them.
_SIZES_FOLLOW: Final = 0x0008
_CHUNK: Final = 256 * 1024
_ARCHIVE_STARTS: Final = (
    b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08", b"BZh",
    b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd",
)  # fmt: skip


class EntryDamaged(Exception):
    """One entry cannot be taken out; its neighbours can.

    Attributes:
        code, sentence, status: as a refused image has them.
    """

    def __init__(self, code: str, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.status = code, sentence, status


def read_entry(archive: Readable, entry: Entry, limits: ArchiveLimits) -> bytes:
    """The bytes of one entry.

    Raises:
        ArchiveRefused: it is not what the directory says (another name, method or size), shares bytes with another
            entry, or is an archive itself: nothing of such an archive is taken.
        EntryDamaged: it is too large for an image, or its bytes are broken.
    """
    if entry.unpacked > limits.max_entry:
        limit = f"{limits.max_entry / 2**20:g} MiB"
        raise EntryDamaged("file_too_large", f"The file is too large; the limit is {limit}.", 413)
    start = _data_start(archive, entry)
    if start + entry.packed > entry.end:
        raise overlapping(entry)
    data = (
        _inflated(archive, entry, start) if entry.method == DEFLATED else archive.read_at(start, entry.packed)
    )
    if len(data) != entry.unpacked:
        raise lies(entry)
    if data.startswith(_ARCHIVE_STARTS):
        raise nested(entry.number)
    if zlib.crc32(data) != entry.crc:
        raise EntryDamaged("damaged_entry", "The file is damaged (a checksum does not match).", 422)
    return data


def _data_start(archive: Readable, entry: Entry) -> int:
    """Where an entry's data starts, once its own header has repeated what the directory says of it."""
    header = archive.read_at(entry.offset, _LOCAL.size)
    if len(header) != _LOCAL.size or header[:4] != _LOCAL_SIGNATURE:
        raise ArchiveRefused.damaged(f"entry {entry.number} is not where it should be")
    _, _, flags, method, _, _, _, packed, unpacked, name_size, extra_size = _LOCAL.unpack(header)
    name = archive.read_at(entry.offset + _LOCAL.size, name_size)
    if method != entry.method or name != entry.raw_name:
        raise ArchiveRefused.damaged(f"entry {entry.number} is not the one that the directory says")
    said = [(packed, entry.packed), (unpacked, entry.unpacked)]
    follows = bool(flags & _SIZES_FOLLOW)
    if any(here not in (there, ZIP64_SIZE) and not (follows and here == 0) for here, there in said):
        raise lies(entry)
    return entry.offset + _LOCAL.size + len(name) + int(extra_size)


def _inflated(archive: Readable, entry: Entry, start: int) -> bytes:
    """The unpacked bytes, at most one more than the entry says: enough to see that it lies."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    out = bytearray()
    taken = 0
    while taken < entry.packed and not inflater.eof:
        chunk = archive.read_at(start + taken, min(_CHUNK, entry.packed - taken))
        if not chunk:
            break
        taken += len(chunk)
        while chunk and not inflater.eof:
            try:
                out += inflater.decompress(chunk, entry.unpacked + 1 - len(out))
            except zlib.error:
                raise EntryDamaged(
                    "damaged_entry", "The file is damaged (it cannot be unpacked).", 422
                ) from None
            if len(out) > entry.unpacked:
                raise lies(entry)
            chunk = inflater.unconsumed_tail
    if not inflater.eof:
        raise EntryDamaged("damaged_entry", "The file is damaged (it ends too early).", 422)
    if inflater.unused_data or taken != entry.packed:
        raise lies(entry)
    return bytes(out)
