"""Values of DICOM elements, out of their bytes. What is no value of its kind is None, and is quoted nowhere.

Source: DICOM PS3.5 section 6.2.
"""

from __future__ import annotations

import math
import re
import struct
import warnings
from typing import Final

from pydicom.charset import convert_encodings, decode_bytes

from classifier.intake.dicom.elements import Kept

_DECIMAL: Final = re.compile(r"[+-]?(?:\d{1,16}\.?\d{0,16}|\.\d{1,16})(?:[eE][+-]?\d{1,3})?")
_WHOLE: Final = re.compile(r"[+-]?\d{1,12}")


def words(kept: Kept, tag: int) -> list[str]:
    """Returns the strings of a code, number or UID, without padding; [] where there are none."""
    value = kept.get(tag)
    if not isinstance(value, bytes):
        return []
    found = [word.strip(" \0") for word in value.decode("latin-1").split("\\")]
    return found if any(found) else []


def word(kept: Kept, tag: int) -> str:
    """Returns the first string; "" where there is none."""
    return next(iter(words(kept, tag)), "")


def text(kept: Kept, tag: int, character_set: list[str]) -> str:
    """Returns a text in the file's character set; signs that cannot be read are replaced."""
    value = kept.get(tag)
    if not isinstance(value, bytes):
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = decode_bytes(value, convert_encodings(character_set or ""), set())
        except (LookupError, ValueError, TypeError, AttributeError):
            found = value.decode("latin-1")
    return found.strip(" \0")


def numbers(kept: Kept, tag: int, count: int = 0) -> list[float] | None:
    """Returns decimals (DS); None where one is no finite number, or there are not `count`."""
    found = words(kept, tag)
    values = [float(one) if _DECIMAL.fullmatch(one) else math.nan for one in found]
    if not values or (count and len(values) != count) or not all(math.isfinite(one) for one in values):
        return None
    return values


def decimal(kept: Kept, tag: int) -> float | None:
    """Returns the first decimal, of however many; None where it is none."""
    first = word(kept, tag)
    found = float(first) if _DECIMAL.fullmatch(first) else math.nan
    return found if math.isfinite(found) else None


def double(kept: Kept, tag: int) -> float | None:
    """Returns a binary number of 64 bits (FD)."""
    value = kept.get(tag)
    if not isinstance(value, bytes) or len(value) < 8:
        return None
    found = float(struct.unpack_from("<d", value)[0])
    return found if math.isfinite(found) else None


def integer(kept: Kept, tag: int) -> int | None:
    """Returns a whole number that is written in words (IS)."""
    found = word(kept, tag)
    return int(found) if _WHOLE.fullmatch(found) else None


def short(kept: Kept, tag: int, *, signed: bool = False) -> int | None:
    """Returns a binary whole number of 16 bits (US, SS)."""
    value = kept.get(tag)
    if not isinstance(value, bytes) or len(value) != 2:
        return None
    return int.from_bytes(value, "little", signed=signed)


def items(kept: Kept, tag: int) -> list[Kept]:
    """Returns the items of a sequence; [] where there is none."""
    value = kept.get(tag)
    return value if isinstance(value, list) else []


def first_item(kept: Kept, tag: int) -> Kept:
    """Returns the first item of a sequence; empty where there is none."""
    return next(iter(items(kept, tag)), {})
