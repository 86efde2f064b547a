"""Image files: finding them, telling label and split from their folders, decoding them to grey."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.inspection.jpeg import estimate_quality
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
    """An image file with what its folders or its manifest say.

    Attributes:
        path: of the file.
        label: one of `ml.labels.CLASSES`; empty when nothing says.
        split: one of `ml.manifest.PARTS`; empty when nothing says.
        group: the subject; only a manifest says.
    """

    path: Path
    label: str
    split: str
    group: str = ""


@dataclass(frozen=True)
class FileFacts:
    """What a file tells beside its pixels.

    Attributes:
        width, height: in pixels.
        size: of the file, in bytes.
        mode: Pillow's word, such as L or RGB.
        jpeg_quality: 1..100, estimated from the quantisation table; None for what is no JPEG.
    """

    width: int
    height: int
    size: int
    mode: str
    jpeg_quality: int | None


def read_grey(path: Path) -> npt.NDArray[Any]:
    """Decodes a PNG or JPEG file to grey pixels (H, W), uint8, or uint16 where the file holds 16 bits.

    Raises:
        ImageError: when the file is damaged or of another format.
    """
    return read_with_facts(path)[0]


def read_with_facts(path: Path) -> tuple[npt.NDArray[Any], FileFacts]:
    """Decodes a file as `read_grey` does, and returns what the file tells beside its pixels.

    Raises:
        ImageError: when the file is damaged or of another format.
    """
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            tables = getattr(image, "quantization", None)
            facts = FileFacts(*image.size, path.stat().st_size, image.mode, estimate_quality(tables))
            return _grey(image), facts
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path.name} cannot be read as a PNG or JPEG image: {error}.") from error


def _grey(image: Image.Image) -> npt.NDArray[Any]:
    if image.mode.startswith("I;16"):
        return np.asarray(image, np.uint16)
    return np.asarray(image) if image.mode == "L" else to_grey(np.asarray(image.convert("RGB")))


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
    return [Labelled(root / row.image, row.label, row.split, row.group) for row in manifest.rows]


def relative_name(path: Path, root: Path | None) -> str:
    """Returns a path relative to the root where it lies below it, and as it is elsewhere."""
    return path.relative_to(root).as_posix() if root is not None and path.is_relative_to(root) else str(path)


def source_of(image: Labelled, root: Path | None) -> str:
    """Returns the folder that an image came from, without the folders that name its label or its split."""
    folders = Path(relative_name(image.path, root)).parts[:-1]
    kept = [name for name in folders if not any(_told([name]))]
    return "/".join(kept)


def split_named(name: str) -> str:
    """Returns the part that a folder or a column names, one of `ml.manifest.PARTS`; empty when it names none."""
    return _SPLITS.get(name.strip().lower(), "")


def _told(folders: Sequence[str]) -> tuple[str, str]:
    label = split = ""
    for name in reversed(folders):
        split = split or split_named(name)
        if not label:
            try:
                label = canonical_label(name)
            except LabelError:
                continue
    return label, split
