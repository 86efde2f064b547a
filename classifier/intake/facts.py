"""What a child says beside pixels, believed only as far as it has the right type, size and words."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any, Final

from classifier.intake.taken import Box

PLANES: Final = ("axial", "coronal", "sagittal")
SEQUENCE_FAMILIES: Final = (
    "t1",
    "t1_contrast",
    "t2",
    "flair",
    "diffusion",
    "susceptibility",
    "proton_density",
    "other",
)
AGE_BANDS: Final = (*(f"{decade}-{decade + 9}" for decade in range(0, 90, 10)), "90+")
_MAX_BOXES: Final = 500
_STANDARD_UID: Final = re.compile(r"1\.2\.840\.10008\.[0-9.]{1,48}")


def boxes(value: object, width: int, height: int) -> tuple[Box, ...]:
    """Returns the rectangles of an image of that size.

    Raises:
        ValueError: anything but at most 500 rectangles within the image.
    """
    if not isinstance(value, list) or len(value) > _MAX_BOXES:
        raise ValueError("Expected a list of rectangles.")
    found = tuple(Box(*(_whole(side) for side in one)) for one in value if len(one) == 4)
    inside = all(
        box.left >= 0 and box.top >= 0 and box.width > 0 and box.height > 0
        and box.left + box.width <= width and box.top + box.height <= height
        for box in found
    )  # fmt: skip
    if len(found) != len(value) or not inside:
        raise ValueError("Expected rectangles within the image.")
    return found


def word(value: object, words: Collection[str]) -> str:
    """Returns one of `words`, or "".

    Raises:
        ValueError: another word.
    """
    if not isinstance(value, str) or (value and value not in words):
        raise ValueError("Expected one of the known words.")
    return value


def text(value: object, at_most: int) -> str:
    """Returns a string of the sender's, which the caller hashes at once.

    Raises:
        ValueError: not a string, or a longer one.
    """
    if not isinstance(value, str) or len(value) > at_most:
        raise ValueError("Expected a short string.")
    return value


def standard_uid(value: object) -> str:
    """Returns a UID that the DICOM standard itself gives out, or "".

    Raises:
        ValueError: another one.
    """
    if value == "":
        return ""
    if not isinstance(value, str) or not _STANDARD_UID.fullmatch(value):
        raise ValueError("Expected a UID of the standard.")
    return value


def number(value: object, *, above: float = -math.inf) -> float | None:
    """Returns a finite number over `above`, or None.

    Raises:
        ValueError: anything else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Expected a number.")
    if not math.isfinite(value) or value <= above:
        raise ValueError("Expected a finite number in its range.")
    return float(value)


def whole(value: object, least: int, most: int) -> int:
    """Returns a whole number from `least` to `most`.

    Raises:
        ValueError: anything else.
    """
    found = _whole(value)
    if not least <= found <= most:
        raise ValueError("Expected a whole number in its range.")
    return found


def window(value: object) -> tuple[float, float] | None:
    """Returns centre and width of a brightness window, or None.

    Raises:
        ValueError: anything else, or a width of nothing.
    """
    if value is None:
        return None
    centre, width = _numbers(value, 2)
    if width <= 0:
        raise ValueError("Expected a window with a width.")
    return centre, width


def orientation(value: object) -> tuple[float, float, float, float, float, float] | None:
    """Returns six direction cosines, or None.

    Raises:
        ValueError: anything else.
    """
    if value is None:
        return None
    first, second, third, fourth, fifth, sixth = _numbers(value, 6)
    return first, second, third, fourth, fifth, sixth


def _numbers(value: object, count: int) -> list[float]:
    if not isinstance(value, list) or len(value) != count:
        raise ValueError("Expected so many numbers.")
    found = [number(one) for one in value]
    return [_present(one) for one in found]


def _present(value: float | None) -> float:
    if value is None:
        raise ValueError("Expected a number.")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("Expected a whole number.")
    return value
