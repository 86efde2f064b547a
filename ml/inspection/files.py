"""Image files: finding them, telling label and split from their folders, decoding them to grey."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.labels import InputError, LabelError, canonical_label
from ml.manifest import Manifest
from ml.preprocessing import to_grey

SUFFIXES: Final = (".png", ".jpg", ".jpeg")

_SPLITS: Final = {
    "train": "train", "training": "train",
    "valid": "validation", "validation": "validation", "val": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


class ImageError(InputError):
    """An image file that cannot be read; the message names it."""


@dataclass(frozen=True)
class Labelled:
    """An image file with what its folders or its manifest say: label and split are empty when nothing does."""

    path: Path
    label: str
    split: str


def read_grey(path: Path) -> npt.NDArray[Any]:
    """Decodes a PNG or JPEG file to grey pixels (H, W), uint8, or uint16 where the file holds 16 bits.

    Raises:
        ImageError: when the file is damaged or of another format.
    """
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.mode.startswith("I;16"):
                return np.asarray(image, np.uint16)
            return np.asarray(image) if image.mode == "L" else to_grey(np.asarray(image.convert("RGB")))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path.name} cannot be read as a PNG or JPEG image: {error}.") from error


def find_images(paths: Iterable[Path]) -> list[Labelled]:
    """Returns the PNG and JPEG files among and below the paths, in order, told by their folders' names.

    A folder `masks` is passed over.

    Raises:
        ImageError: for a path that does not exist, or when there is no image at all.
    """
    found: list[Labelled] = []
    for path in paths:
        if not path.exists():
            raise ImageError(f"{path} does not exist.")
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        found.extend(
            Labelled(file, *_told(file.parts[:-1]))
            for file in files
            if file.suffix.lower() in SUFFIXES and file.is_file() and "masks" not in file.parts
        )
    if not found:
        raise ImageError("There is no PNG or JPEG file at the given paths.")
    return found


def listed_images(manifest: Manifest, root: Path) -> list[Labelled]:
    """Returns the images of a manifest whose paths are relative to `root`."""
    return [Labelled(root / row.image, row.label, row.split) for row in manifest.rows]


def _told(folders: Sequence[str]) -> tuple[str, str]:
    label = split = ""
    for name in reversed(folders):
        if not split and name.lower() in _SPLITS:
            split = _SPLITS[name.lower()]
        if not label:
            try:
                label = canonical_label(name)
            except LabelError:
                continue
    return label, split
