"""Where letters may stand: a small network of ours that passes over most of an image in milliseconds.

It sees letters in many places where there are none; what it spots is then marked and read by the large networks, which
would take a quarter of a second for the whole image. Taught by `tools/teach_writing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from classifier.intake.writing.networks import Levels, spot

Box = tuple[int, int, int, int]

CELL: Final = 4
_SPOTTED, _SURELY = 0.5, 0.6
"""Probabilities of the cells of a place, and of its surest one."""
_FEWEST: Final = 2  # cells of a place
_JOIN: Final = 7  # cells that letters of one line lie apart at most, along it
_REACH: Final = 14  # pixels around what was spotted
_LOW, _LOW_STEP = 64, 40
_LONG, _LONG_STEP = 512, 400


def windows(levels: Levels) -> Iterator[Box]:
    """Yields parts of an image in which there may be letters, none much higher than a few lines.

    In a part so low there is no head, which the marking network would take for one large character: it marks nothing
    that is written across it. Along a line that stands upright a part is long the other way.
    """
    height, width = levels.shape
    for left, top, right, bottom in _places(levels):
        x0, y0 = max(0, left - _REACH), max(0, top - _REACH)
        x1, y1 = min(width, right + _REACH), min(height, bottom + _REACH)
        upright = y1 - y0 > 1.5 * (x1 - x0)
        across, down = ((_LOW, _LOW_STEP), (_LONG, _LONG_STEP))[:: 1 if upright else -1]
        for y, tall in _parts(y0, y1, *down):
            for x, wide in _parts(x0, x1, *across):
                yield x, y, wide, tall


def _parts(start: int, end: int, most: int, step: int) -> Iterator[tuple[int, int]]:
    """Where parts of a length of `most` begin, and how long each is; they overlap by what a step is shorter."""
    for first in range(start, max(start + 1, end - (most - step)), step):
        yield first, min(most, end - first)


def _places(levels: Levels) -> list[Box]:
    """Left, top, right and bottom of what was spotted, the surest first."""
    probable = spot(levels)
    likely = (probable > _SPOTTED).astype(np.uint8)
    if not likely.any():
        return []
    # Letters of a line, along the image or across it, are one place.
    along, across = np.ones((3, _JOIN), np.uint8), np.ones((_JOIN, 3), np.uint8)
    joined = cv2.max(cv2.dilate(likely, along), cv2.dilate(likely, across))
    count, labels, _, _ = cv2.connectedComponentsWithStats(np.asarray(joined, np.uint8))
    places = []
    for number in range(1, count):
        rows, columns = np.nonzero((labels == number) & (likely > 0))
        if len(rows) < _FEWEST or probable[rows, columns].max() < _SURELY:
            continue
        box = (columns.min() * CELL, rows.min() * CELL, (columns.max() + 1) * CELL, (rows.max() + 1) * CELL)
        places.append((float(probable[rows, columns].sum()), box))
    return [(int(a), int(b), int(c), int(d)) for _, (a, b, c, d) in sorted(places, reverse=True)]
