"""How large an archive may be, and where its bytes are read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Limits of one archive.

    Attributes:
        max_bytes: of the archive as it is sent.
        max_entries: in its directory, folders and ignored ones too.
        max_unpacked: bytes of all entries together, unpacked.
        max_ratio: unpacked to packed size, of each entry.
        max_directory: bytes of the directory; it is held in memory.
        max_entry: bytes of one entry that is unpacked into memory.
    """

    max_bytes: int = 500 * _MEBIBYTE
    max_entries: int = 1000
    max_unpacked: int = 2048 * _MEBIBYTE
    max_ratio: int = 100
    max_directory: int = 2 * _MEBIBYTE
    max_entry: int = 64 * _MEBIBYTE


class Readable(Protocol):
    """Bytes of a known size that can be read from anywhere."""

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`, fewer only where the bytes end before."""
        ...
