"""A training run in a folder: everything that it used, so that anybody can run it again without the platform.

`run.json`             what was run and what it measured
`manifest.jsonl`       the frozen label set, byte for byte
`images.jsonl`         what became of each line of it, in order, with what its image is read by
`pixels/`              the canonical PNG of each image that was used, named by the sha256 of its pixels
`embeddings.npz`       `hashes` and `embeddings` (n, D) of those that the base version had stored
`head.npz`             `kernel` and `bias` of the candidate
`base.ckpt.zip`        what the run started from
`incumbent.ckpt.zip`   what it was measured beside, where that is another
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from ml.duplicates import pixel_sha256
from ml.labels import CLASSES, InputError

FORM: Final = 1
RUN, MANIFEST, IMAGES = "run.json", "manifest.jsonl", "images.jsonl"
PIXELS, EMBEDDINGS, HEAD = "pixels", "embeddings.npz", "head.npz"
BASE, INCUMBENT = "base.ckpt.zip", "incumbent.ckpt.zip"
USED: Final = ("train", "validation", "test")


class ExportError(InputError):
    """A folder that is no run's export, or whose files are not what it says; the sentence names the file."""


@dataclass(frozen=True)
class ExportedImage:
    """One line of the manifest and what the run made of it.

    Attributes:
        used_as: a part, or `excluded`.
        group: images of one group are not independent.
        phash: perceptual hash, as a number from 0 on.
        bits, window: how its pixels are read; centre and width in stored values, or None.
        missing: why it cannot be run again with; empty where its pixels are there.
    """

    pixel_sha256: str
    label: str
    used_as: str
    group: str = ""
    weight: float = 1.0
    phash: int = 0
    bits: int = 8
    window: tuple[float, float] | None = None
    missing: str = ""

    @property
    def index(self) -> int:
        """The place of its label among the classes."""
        return CLASSES.index(self.label)


@dataclass(frozen=True)
class ExportedRun:
    """An export that was looked through: hashes of manifest and checkpoints are those that it states."""

    folder: Path
    facts: dict[str, Any]
    images: tuple[ExportedImage, ...]

    def part(self, used_as: str) -> list[ExportedImage]:
        """Returns the images of a part that are there, in the manifest's order."""
        return [image for image in self.images if image.used_as == used_as and not image.missing]

    def missing(self) -> list[ExportedImage]:
        """Returns the images that were used and were hidden or removed before the export."""
        return [image for image in self.images if image.used_as in USED and image.missing]

    def incumbent(self) -> Path:
        """Returns where the checkpoint lies that the candidate was measured beside."""
        own = self.folder / INCUMBENT
        return own if own.exists() else self.folder / BASE

    def pixels(self, image: ExportedImage) -> npt.NDArray[Any]:
        """Returns the canonical pixels (H, W) of an image, checked against their hash.

        Raises:
            ExportError: they are missing or altered.
        """
        path = self.folder / PIXELS / f"{image.pixel_sha256}.png"
        try:
            found = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        except (OSError, cv2.error) as error:
            raise ExportError(f"{path} cannot be read.") from error
        if found is None or found.ndim != 2 or pixel_sha256(found) != image.pixel_sha256:
            raise ExportError(f"{path} is not the image that the run used: its pixels have another sha256.")
        return found

    def stored_embeddings(self) -> dict[str, npt.NDArray[np.float32]]:
        """Returns the embeddings (D,) that the base version had stored, by pixel sha256."""
        path = self.folder / EMBEDDINGS
        if not path.exists():
            return {}
        with np.load(path, allow_pickle=False) as arrays:
            return dict(zip(arrays["hashes"].tolist(), arrays["embeddings"], strict=True))

    def head(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Returns the kernel (D, 4) and the bias (4,) of the recorded candidate."""
        with np.load(self.folder / HEAD, allow_pickle=False) as arrays:
            return arrays["kernel"], arrays["bias"]


def is_export(folder: Path) -> bool:
    """Returns whether a folder looks like a run's export."""
    return (folder / RUN).is_file()


def read_export(folder: Path) -> ExportedRun:
    """Reads the export of a run and checks that it is whole.

    Raises:
        ExportError: it is none, of another form, or a file in it is missing or altered.
    """
    if not is_export(folder):
        raise ExportError(
            f"{folder} is no export of a training run: it has no {RUN}. `manage.py export_run` writes one."
        )
    try:
        facts = json.loads((folder / RUN).read_text())
        if facts.get("form") != FORM:
            raise ExportError(
                f"{folder} is an export of form {facts.get('form')}; this code reads form {FORM}."
            )
        _demand(folder / MANIFEST, facts["manifest_sha256"])
        _demand(folder / BASE, facts["base"]["sha256"])
        _demand(folder / facts["incumbent"]["file"], facts["incumbent"]["sha256"])
        images = tuple(_read_images(folder / IMAGES))
        _demand_lines(folder / MANIFEST, images)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ExportError):
            raise
        raise ExportError(f"{folder} cannot be read as a run's export: {error}.") from error
    return ExportedRun(folder, facts, images)


def _demand(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise ExportError(f"{path} is missing.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ExportError(f"{path} is not what the run used: its sha256 is another.")


def _read_images(path: Path) -> Iterator[ExportedImage]:
    for line in path.read_text().splitlines():
        values = json.loads(line)
        window = values.pop("window", None)
        yield ExportedImage(**values, window=None if window is None else (window[0], window[1]))


def _demand_lines(path: Path, images: tuple[ExportedImage, ...]) -> None:
    """Every line of the manifest is accounted for, used as what it is for or left out, with its own label."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    if len(lines) != len(images):
        raise ExportError(f"{path} lists {len(lines)} images, and {IMAGES} accounts for {len(images)}.")
    for number, (line, image) in enumerate(zip(lines, images, strict=True), start=1):
        same = line["pixel_sha256"] == image.pixel_sha256 and line["label"] == image.label
        if not same or image.used_as not in (line["split"], "excluded"):
            raise ExportError(
                f"Line {number} of {IMAGES} does not say what became of line {number} of {MANIFEST}."
            )
