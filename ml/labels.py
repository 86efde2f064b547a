"""The four classes, in the one order that every array, file and page uses."""

from __future__ import annotations

from typing import Final

CLASSES: Final = ("glioma", "meningioma", "notumor", "pituitary")
NOT_ASSESSABLE: Final = "not_assessable"
"""What is said instead of a class where an image is no brain MRI."""

DISPLAY_NAMES: Final = {
    "glioma": "Glioma",
    "meningioma": "Meningioma",
    "notumor": "No tumour",
    "pituitary": "Pituitary tumour",
}

_SPELLINGS: Final = {f"no{gap}tumo{u}r": "notumor" for gap in ("", "_", " ", "-") for u in ("", "u")}
_SUFFIXES: Final = tuple(f"{gap}tumo{u}r" for gap in ("_", " ", "-") for u in ("", "u"))


class InputError(ValueError):
    """What was given cannot be used. The message is a sentence for the person who gave it."""


class LabelError(InputError):
    """A label that is not one of the four classes."""


def canonical_label(name: str) -> str:
    """Returns the class that `name` spells, forgiving case, `_tumor` suffixes and "no tumor".

    Raises:
        LabelError: when `name` is none of the classes.
    """
    key = name.strip().lower()
    key = _SPELLINGS.get(key, key)
    for suffix in _SUFFIXES:
        if key.endswith(suffix):
            key = key.removesuffix(suffix)
    if key not in CLASSES:
        raise LabelError(f"The label {name!r} is not known; expected one of {', '.join(CLASSES)}.")
    return key


def label_index(name: str) -> int:
    """Returns the position of a label in `CLASSES`; raises `LabelError` for an unknown one."""
    return CLASSES.index(canonical_label(name))
