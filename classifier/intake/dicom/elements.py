"""A walk over a DICOM data set that has limits: of depth, of elements, of every length. It keeps what is on a list.

pydicom has no such limits: 500 nested sequences end it, a deflated file of 600 KiB takes 1.2 GiB. So it never sees a
file: what is not wanted is stepped over by its length, and what is wanted comes out as bytes.

Sources: DICOM PS3.5 sections 7.1 (elements), 7.5 (sequences), 6.2.2 (unknown values), A.4 (fragments).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydicom.datadict import dictionary_VR

from classifier.intake.dicom.refusing import TOO_EARLY, TOO_MANY, UNSOUND, broken

PIXEL_DATA: Final = 0x7FE00010
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED: Final = 0xFFFFFFFF
_LONG: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT: Final = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_MAX_DEPTH: Final = 24
_MAX_ELEMENTS: Final = 400_000
_MAX_FRAGMENTS: Final = 100_000
_MAX_VALUE_BYTES: Final = 2**16

type Wanted = Mapping[int, Wanted | None]
"""The tags that are kept: None stands for a value, a mapping for a sequence and what is kept of its items."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """Where the pixels lie: one stretch of the file, or the fragments of compressed frames after their table."""

    fragments: tuple[memoryview, ...]
    compressed: bool


type Value = bytes | Pixels | list[Kept]
type Kept = dict[int, Value]


@dataclass(frozen=True, slots=True)
class _Head:
    """An element's tag, kind and the stretch of its value."""

    tag: int
    kind: bytes
    start: int
    length: int


class Walk:
    """One walk over one file; what it has counted it counts for all data sets together.

    Args:
        data: the whole file.
        compressed: whether its pixels may be fragments.
    """

    def __init__(self, data: memoryview, *, compressed: bool = False) -> None:
        self._data = data
        self._compressed = compressed
        self._left = _MAX_ELEMENTS

    def meta(self, start: int, wanted: Wanted) -> tuple[Kept, int]:
        """Returns what is wanted of the file meta information (group 0002), and where the data set begins.

        Raises:
            IntakeRefused: `damaged_dicom`.
        """
        kept: Kept = {}
        at = start
        while at + 8 <= len(self._data) and struct.unpack_from("<H", self._data, at)[0] == 2:
            head = self._head(at, len(self._data), implicit=False)
            at = self._value(head, len(self._data), False, wanted, kept, 0)
        if at == start or 0 < len(self._data) - at < 8:
            raise broken(TOO_EARLY)
        return kept, at

    def dataset(self, start: int, wanted: Wanted, *, implicit: bool) -> Kept:
        """Returns what is wanted of the data set that lies from `start` to the end of the file.

        Raises:
            IntakeRefused: `damaged_dicom`.
        """
        return self._dataset(start, len(self._data), False, implicit, wanted, 0)[0]

    def _dataset(
        self, at: int, end: int, open_ended: bool, implicit: bool, wanted: Wanted, depth: int
    ) -> tuple[Kept, int]:
        """The elements up to `end`, or up to the item's delimiter where it is open-ended."""
        if depth > _MAX_DEPTH:
            raise broken(f"its sequences are nested deeper than {_MAX_DEPTH}")
        kept: Kept = {}
        while at < end:
            head = self._head(at, end, implicit)
            if head.tag == _ITEM_END and open_ended:
                return kept, head.start
            at = self._value(head, end, implicit, wanted, kept, depth)
        if open_ended:
            raise broken(TOO_EARLY)
        return kept, at

    def _head(self, at: int, end: int, implicit: bool) -> _Head:
        self._left -= 1
        if self._left < 0:
            raise broken(TOO_MANY)
        if at + 8 > end:
            raise broken(TOO_EARLY)
        group, number, length = struct.unpack_from("<HHI", self._data, at)
        tag = group << 16 | number
        if implicit or group == 0xFFFE:
            return _Head(tag, b"", at + 8, length)
        kind = bytes(self._data[at + 4 : at + 6])
        if kind in _SHORT:
            return _Head(tag, kind, at + 8, length >> 16)
        if kind not in _LONG:
            raise broken(UNSOUND)
        if at + 12 > end:
            raise broken(TOO_EARLY)
        return _Head(tag, kind, at + 12, struct.unpack_from("<I", self._data, at + 8)[0])

    def _value(self, head: _Head, end: int, implicit: bool, wanted: Wanted, kept: Kept, depth: int) -> int:
        """Steps over one value, keeping it where it is wanted; returns where it ends."""
        if head.tag in (_ITEM, _ITEM_END, _SEQUENCE_END):
            raise broken(UNSOUND)
        is_wanted = head.tag in wanted
        if is_wanted and head.tag in kept:
            raise broken("it says one thing twice")
        if head.tag == PIXEL_DATA and head.length == _UNDEFINED:
            fragments, after = self._fragments(head.start, end)
            if is_wanted:
                kept[head.tag] = Pixels(fragments, compressed=True)
            return after
        if head.length != _UNDEFINED and head.start + head.length > end:
            raise broken(TOO_EARLY)
        if self._is_sequence(head, implicit):
            # A sequence of unknown kind is written without kinds, whatever the rest of the file is (6.2.2).
            inside = wanted.get(head.tag) or {}
            items, after = self._items(head, end, implicit or head.kind == b"UN", inside, depth)
            if inside:
                kept[head.tag] = items
            return after
        if is_wanted:
            kept[head.tag] = self._kept(head)
        return head.start + head.length

    def _kept(self, head: _Head) -> bytes | Pixels:
        value = self._data[head.start : head.start + head.length]
        if head.tag == PIXEL_DATA:
            return Pixels((value,), compressed=False)
        if head.length > _MAX_VALUE_BYTES:
            raise broken(UNSOUND)
        return bytes(value)

    def _is_sequence(self, head: _Head, implicit: bool) -> bool:
        if head.kind == b"SQ":
            return True
        if head.length == _UNDEFINED:
            if head.kind not in (b"", b"UN"):
                raise broken(UNSOUND)
            return True
        return implicit and _is_known_sequence(head.tag)

    def _items(
        self, sequence: _Head, end: int, implicit: bool, wanted: Wanted, depth: int
    ) -> tuple[list[Kept], int]:
        open_ended = sequence.length == _UNDEFINED
        end = end if open_ended else sequence.start + sequence.length
        at = sequence.start
        items: list[Kept] = []
        while at < end:
            head = self._head(at, end, implicit)
            if head.tag == _SEQUENCE_END and open_ended:
                return items, head.start
            if head.tag != _ITEM:
                raise broken(UNSOUND)
            unsized = head.length == _UNDEFINED
            item_end = end if unsized else head.start + head.length
            if item_end > end:
                raise broken(TOO_EARLY)
            item, at = self._dataset(head.start, item_end, unsized, implicit, wanted, depth + 1)
            items.append(item)
        if open_ended:
            raise broken(TOO_EARLY)
        return items, at

    def _fragments(self, at: int, end: int) -> tuple[tuple[memoryview, ...], int]:
        if not self._compressed:
            raise broken("its pixels are not in the coding that it states")
        found: list[memoryview] = []
        for head in self._fragment_heads(at, end):
            if head.tag == _SEQUENCE_END:
                return tuple(found), head.start
            found.append(self._data[head.start : head.start + head.length])
        raise broken(TOO_EARLY)

    def _fragment_heads(self, at: int, end: int) -> Iterator[_Head]:
        for _ in range(_MAX_FRAGMENTS):
            head = self._head(at, end, implicit=True)
            if head.tag not in (_ITEM, _SEQUENCE_END):
                raise broken(UNSOUND)
            at = head.start + head.length
            if at > end:
                raise broken(TOO_EARLY)
            yield head
        raise broken(TOO_MANY)


def _is_known_sequence(tag: int) -> bool:
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return False
