"""A decoder child's job for DICOM: header, checks, and as many frames as fit into a few seconds.

A stack of frames comes in several answers, each within the time of one; whoever asked asks again for the rest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from classifier.intake.confinement import Answer
from classifier.intake.dicom import keep_list as tags
from classifier.intake.dicom.codings import Expected, decode_frame
from classifier.intake.dicom.describing import Groups, describe_file, describe_frame, groups_of
from classifier.intake.dicom.header import Header, check_header, read_kept, standard_class
from classifier.intake.dicom.levels import canonical_levels, native_frame, read_rescale, read_window
from classifier.intake.dicom.refusing import OTHER_CODING, TOO_EARLY, broken
from classifier.intake.dicom.requests import DicomRequest
from classifier.intake.dicom.values import word
from classifier.intake.rasters import Grey
from classifier.intake.refusals import IntakeRefused
from classifier.intake.viewing import find_boxes

_SECONDS: Final = 2.0
_MOST_FRAMES: Final = 100
"""What is told of so many fits into one answer, also where each is full of writing."""
_OFFSET_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class _Stack:
    """The frames of a checked file, still as they are written."""

    header: Header
    compressed: tuple[bytes, ...]

    def samples(self, index: int) -> npt.NDArray[Any]:
        header = self.header
        if not header.coding.compressed:
            return native_frame(header.pixels, header, index)
        expected = Expected(header.rows, header.columns, header.allocated, header.stored, header.signed)
        return decode_frame(header.coding, self.compressed[index], expected)


def read_dicom(request: DicomRequest) -> Answer:
    """Decodes frames from the first that was asked for.

    Returns:
        (N, H, W) of uint8 or uint16, one frame at least, and the facts `file` and `frames`.

    Raises:
        IntakeRefused: see docs/intake.md.
    """
    kept, coding = read_kept(memoryview(request.data))
    try:
        return _answer(request, check_header(kept, coding, request.limits))
    except IntakeRefused as refused:
        refused.told = {"instance": word(kept, tags.INSTANCE_UID)[:64], "class": standard_class(kept)}
        raise


def _answer(request: DicomRequest, header: Header) -> Answer:
    stack = _Stack(header, _checked_frames(header))
    groups = groups_of(header)
    # Every frame's rescale, before any is decoded: a file is taken or refused as a whole.
    for one in groups:
        read_rescale(*one.places(tags.TRANSFORMATION))
    levels: list[Grey] = []
    told: list[dict[str, Any]] = []
    # The header is walked for each answer: counted here, a long walk would leave time for one frame in each.
    began = time.monotonic()
    for index in range(request.first, min(header.frames, request.first + _MOST_FRAMES)):
        pixels, facts = _frame(stack, groups[index], index)
        levels.append(pixels)
        told.append(facts)
        if time.monotonic() - began > _SECONDS:
            break
    return Answer(np.stack(levels), {"file": describe_file(header), "frames": told})


def _frame(stack: _Stack, groups: Groups, index: int) -> tuple[Grey, dict[str, Any]]:
    rescale = read_rescale(*groups.places(tags.TRANSFORMATION))
    said = read_window(*groups.places(tags.FRAME_VOI))
    pixels, window = canonical_levels(stack.samples(index), stack.header, rescale, said)
    return pixels, describe_frame(groups) | {"window": window, "boxes": find_boxes(pixels, window)}


def _checked_frames(header: Header) -> tuple[bytes, ...]:
    """The compressed frames, or nothing where they are written plainly; all of them are there."""
    if header.coding.compressed:
        return tuple(_compressed_frames(header))
    size = header.rows * header.columns * header.allocated // 8 * header.frames
    if len(header.pixels.fragments[0]) < size:
        raise broken(TOO_EARLY)
    return ()


def _compressed_frames(header: Header) -> Sequence[bytes]:
    """Fragments put together to frames: by their number, by the table of offsets, or by what a frame begins with."""
    table, *fragments = header.pixels.fragments
    if header.frames == 1:
        return [b"".join(fragments)]
    if len(fragments) == header.frames:
        return [bytes(fragment) for fragment in fragments]
    if len(table) == _OFFSET_BYTES * header.frames:
        starts = [int(offset) for offset in np.frombuffer(table, "<u4")]
    else:
        starts = _starts_by_content(header, fragments)
    if len(starts) != header.frames:
        raise broken(OTHER_CODING)
    frames: dict[int, list[memoryview]] = {start: [] for start in starts}
    at, current = 0, -1
    for fragment in fragments:
        current = at if at in frames else current
        if current < 0:
            raise broken(OTHER_CODING)
        frames[current].append(fragment)
        at += 8 + len(fragment)
    if len(frames) != header.frames or not all(frames.values()):
        raise broken(OTHER_CODING)
    return [b"".join(parts) for parts in frames.values()]


def _starts_by_content(header: Header, fragments: Sequence[memoryview]) -> list[int]:
    begins = header.coding.starts
    at, starts = 0, []
    for fragment in fragments:
        if begins and bytes(fragment[: len(begins)]) == begins:
            starts.append(at)
        at += 8 + len(fragment)
    return starts
