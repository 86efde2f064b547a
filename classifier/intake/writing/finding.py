"""Where writing stands: regions that look like text, kept if at least two letters or digits can be read in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from classifier.intake.writing.levels import scaled, sizes
from classifier.intake.writing.networks import LINE_HEIGHT, Levels, mark, read
from classifier.intake.writing.spotting import Box, windows

Region = tuple[Box, float]

# All of these were set on images and fonts of which none is in the benchmark (docs/intake.md).
_MARKED: Final = 0.3
_LEAST_AREA: Final = 20
_LEAST_SIDE, _LEAST_REDUCED = 3, 10
"""Pixels: of a line where it is looked at; in a reduced copy what is lower was legible in the larger one."""
_TALLEST_LINE: Final = 96
"""Pixels: what is taller in both directions is a head, which the marking network takes for one large character."""
_REGION: Final = 0.7
"""Least mean of a region's marks."""
_DOUBTFUL: Final = 0.5
_READ, _READ_TURNED = 0.8, 1.3
"""How much more probable than doubtful all letters and digits of a line are in sum: two that are sure suffice, or
three in a line that is turned."""
_LETTERS: Final = 0.5
"""Letters that a line has at least, for each time that it is longer than tall; folds of a brain are read as fewer."""
# So that an image full of writing, or of what looks like it, is done in the decoder's time.
_MOST_WINDOWS, _MOST_OF_A_SIZE = 40, 20
_MOST_REGIONS: Final = 12  # of a window
_MOST_BOXES: Final = 24
_MARGIN: Final = 8
_WIDEST_LINE: Final = 24  # times its height
# Sides of the body, alone or together ("RA", "LPH"), and the length of a scale: they name nobody.
_NO_IDENTITY: Final = re.compile(r"[RLAPHFSI]{1,3}|\d{1,3}([.,]\d)?(mm|cm)", re.IGNORECASE)


def find_writing(grey: npt.NDArray[Any]) -> list[Box]:
    """Finds writing that may name somebody: two letters or digits at least, but for marks of sides and scales.

    Args:
        grey: (H, W), uint8 or uint16, upright.

    Returns:
        Where it stands, as left, top, width and height in pixels, with a little space around; boxes do not overlap.

    Raises:
        RuntimeError: the networks are not installed.
    """
    height, width = grey.shape
    found: list[Box] = []
    left, largest = _MOST_WINDOWS, 0
    for levels, scale in sizes(grey):
        largest = max(largest, levels.size)
        for window in islice(windows(levels), min(left, _MOST_OF_A_SIZE)):
            left -= 1
            least = _LEAST_SIDE if levels.size >= largest else _LEAST_REDUCED
            found += [_in_original(box, scale, width, height) for box in _written(levels, window, least)]
            if len(found) >= _MOST_BOXES:
                return _merged(found)
    return _merged(found)


def _written(levels: Levels, window: Box, least_side: int) -> Iterator[Box]:
    """The boxes of what can be read in a part of an image, in its pixels.

    The part is doubled for it: letters of 8 pixels are then as tall as those that the networks were taught.
    """
    left, top, width, height = window
    doubled = scaled(levels[top : top + height, left : left + width], 2.0)
    regions = sorted(_regions(doubled, least_side), key=lambda region: -region[1])
    for box, _ in regions[:_MOST_REGIONS]:
        around = _with_space(box, doubled)
        least = _LETTERS * max(box[2:]) / min(box[2:])
        if _names(_lines(doubled, around), least):
            x, y, w, h = around
            yield left + x // 2, top + y // 2, w // 2 + 1, h // 2 + 1


def _regions(window: Levels, least_side: int) -> Iterator[Region]:
    """What may be a line of text, and how probably."""
    # The network takes multiples of 32.
    down, right = (_MARGIN + -(side + 2 * _MARGIN) % 32 for side in window.shape)
    padded = cv2.copyMakeBorder(window, _MARGIN, down, _MARGIN, right, cv2.BORDER_REPLICATE)
    marked = mark(np.asarray(padded, np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats((marked > _MARKED).astype(np.uint8))
    for number in range(1, count):
        x, y, w, h, area = (int(value) for value in stats[number])
        if area < _LEAST_AREA or not least_side <= min(w, h) <= _TALLEST_LINE:
            continue
        inside = labels[y : y + h, x : x + w] == number
        probable = float(marked[y : y + h, x : x + w][inside].mean())
        if probable >= _REGION:
            yield (x - _MARGIN, y - _MARGIN, w, h), probable


def _with_space(box: Box, look: Levels) -> Box:
    # The network marks the core of a line; its letters reach beyond by about a third of its height.
    left, top, width, height = box
    space = 2 + int(0.35 * min(width, height))
    return _clipped(left - space, top - space, left + width + space, top + height + space, look.shape)


def _lines(look: Levels, box: Box) -> Iterator[tuple[Levels, float]]:
    """What stands in a box, as a line to be read, and how surely it must be: as it is and upside down, or turned."""
    left, top, width, height = box
    cut = look[top : top + height, left : left + width]
    for turn in (1, 3) if height > 1.5 * width else (0, 2):
        line = np.ascontiguousarray(np.rot90(cut, turn))
        length = round(LINE_HEIGHT * min(_WIDEST_LINE, max(1.0, line.shape[1] / line.shape[0])) / 8) * 8
        scaled = cv2.resize(line, (length, LINE_HEIGHT), interpolation=cv2.INTER_CUBIC)
        yield np.asarray(scaled, np.uint8), _READ_TURNED if turn else _READ


def _names(lines: Iterator[tuple[Levels, float]], least: float) -> bool:
    """Whether so many signs can be read that may name somebody; upside down, the mark of a side is none either."""
    for line, surely in lines:
        signs = [(sign, probability) for sign, probability in read(line) if not sign.isspace()]
        if _NO_IDENTITY.fullmatch("".join(sign for sign, _ in signs)):
            return False
        said = sum(probability - _DOUBTFUL for sign, probability in signs if sign.isalnum())
        if said >= surely and len(signs) >= least:
            return True
    return False


def _in_original(box: Box, scale: float, width: int, height: int) -> Box:
    left, top, w, h = (value / scale for value in box)
    return _clipped(int(left), int(top), int(np.ceil(left + w)), int(np.ceil(top + h)), (height, width))


def _clipped(left: int, top: int, right: int, bottom: int, shape: tuple[int, ...]) -> Box:
    left, top = max(0, left), max(0, top)
    return left, top, min(shape[1], right) - left, min(shape[0], bottom) - top


def _merged(boxes: list[Box]) -> list[Box]:
    """Boxes of which none overlaps another: those that do become one around both."""
    merged: list[Box] = []
    for box in sorted(boxes):
        while other := next((one for one in merged if _overlap(one, box)), None):
            merged.remove(other)
            left, top = min(box[0], other[0]), min(box[1], other[1])
            right = max(box[0] + box[2], other[0] + other[2])
            bottom = max(box[1] + box[3], other[1] + other[3])
            box = (left, top, right - left, bottom - top)
        merged.append(box)
    return sorted(merged, key=lambda one: (one[1], one[0]))


def _overlap(one: Box, other: Box) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )
