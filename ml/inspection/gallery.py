"""Small pictures of the images themselves, for the report that their owner looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from ml.inspection.files import read_grey, relative_name
from ml.inspection.measures import eight_bits
from ml.inspection.pairs import KINDS, Pair
from ml.inspection.seen import Seen
from ml.inspection.survey import by_part_and_label, places, torn_pairs
from ml.manifest import PARTS

SIDE: Final = 96

_SAMPLES: Final = 10
_PAIRS: Final = 5
_CONFLICTS: Final = 12
_CT: Final = 12
_GAP: Final = 4


@dataclass(frozen=True)
class Shot:
    """A JPEG of one image, or of two side by side, with what stands below it and what it shows in words."""

    data: bytes
    caption: str
    alt: str


@dataclass(frozen=True)
class Gallery:
    """What the report shows.

    Attributes:
        samples: some images of each split and label.
        pairs: by kind and the splits of the two images.
        conflicts: pairs of duplicates with two labels.
        ct: images that look like a CT head.
    """

    samples: dict[tuple[str, str], list[Shot]]
    pairs: dict[tuple[str, str, str], list[Shot]]
    conflicts: list[Shot]
    ct: list[Shot]


def make_gallery(
    seen: Sequence[Seen], pairs: Mapping[str, Sequence[Pair]], root: Path | None = None
) -> Gallery:
    """Chooses examples, spread over the files in their order, and draws them small."""
    torn = torn_pairs(pairs, seen)
    placed: dict[tuple[str, str, str], list[Pair]] = {}
    for kind in KINDS:
        for pair in pairs[kind]:
            placed.setdefault((kind, *places(pair, seen)), []).append(pair)
    return Gallery(
        samples={
            key: [_one(one, root) for one in spread(members, _SAMPLES)]
            for key, members in by_part_and_label(seen).items()
        },
        pairs={
            key: [_two(seen[i], seen[j], root) for i, j in spread(found, _PAIRS)]
            for key, found in placed.items()
        },
        conflicts=[_two(seen[i], seen[j], root, f"{kind}: ") for kind, (i, j) in torn[:_CONFLICTS]],
        ct=[_one(one, root) for one in spread([one for one in seen if one.ct], _CT)],
    )


def spread[Item](items: Sequence[Item], count: int) -> list[Item]:
    """Returns at most `count` items, at equal steps through all of them."""
    if len(items) <= count:
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]


def thumbnail(path: Path, side: int = SIDE) -> npt.NDArray[np.uint8]:
    """Returns an image with its longer side at `side`, centred on black, uint8 (side, side)."""
    grey = read_grey(path)
    levels = _stretched(grey) if grey.dtype == np.uint16 else eight_bits(grey)
    step = side / max(levels.shape)
    width, height = (max(1, round(length * step)) for length in levels.shape[::-1])
    small = cv2.resize(levels, (width, height), interpolation=cv2.INTER_AREA)
    square = np.zeros((side, side), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = small
    return square


def _stretched(grey: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    low, high = (float(value) for value in np.percentile(grey, (0.5, 99.5)))
    unit = np.clip((grey - low) / max(high - low, 1.0), 0, 1)
    return np.asarray(np.rint(255 * unit), np.uint8)


def _one(one: Seen, root: Path | None) -> Shot:
    name = relative_name(one.image.path, root)
    return Shot(_jpeg(thumbnail(one.image.path)), one.image.path.name, f"{one.image.label} {name}")


def _two(first: Seen, second: Seen, root: Path | None, before: str = "") -> Shot:
    first, second = sorted((first, second), key=lambda one: (*PARTS, "").index(one.image.split))
    gap = np.full((SIDE, _GAP), 255, np.uint8)
    both = np.hstack((thumbnail(first.image.path), gap, thumbnail(second.image.path)))
    names = " | ".join(relative_name(one.image.path, root) for one in (first, second))
    return Shot(_jpeg(both), before + names, f"Two images side by side: {names}")


def _jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    _, data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, 75))
    return bytes(data)
