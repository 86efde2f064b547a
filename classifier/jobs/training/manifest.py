"""A run's manifest, read from the storage, and the images that it names."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, Final
from uuid import UUID

from classifier.exceptions import PlatformError
from classifier.models import Image, TrainingRun
from ml.labels import CLASSES

PARTS: Final = ("train", "validation", "test")
EXCLUDED: Final = "excluded"
_BATCH: Final = 2000


class ManifestRefused(PlatformError):
    """A manifest that is missing, altered, or cannot be read."""

    code = "manifest_refused"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a manifest; what an older manifest does not say is empty, and every image weighs the same."""

    number: int
    image: str
    pixel_sha256: str
    label: str
    split: str
    reason: str = ""
    cluster: str = ""
    weight: float = 1.0
    plane: str = ""
    source: str = ""

    def trace(self, used_as: str, reason: str = "") -> dict[str, str]:
        """What became of the line, as a run's report has it."""
        return {
            "image": self.image,
            "pixel_sha256": self.pixel_sha256,
            "label": self.label,
            "used_as": used_as,
            "reason": reason,
        }


def read_lines(run: TrainingRun) -> list[Line]:
    """Every line of a run's manifest, in its order.

    Raises:
        ManifestRefused: the manifest is not in the storage, is not the bytes that the run was started with, or a line
            cannot be used.
    """
    try:
        with run.manifest.open("rb") as stored:
            data: bytes = stored.read()
    except FileNotFoundError as error:
        raise ManifestRefused("The manifest of this run is not in the storage.") from error
    if hashlib.sha256(data).hexdigest() != run.manifest_sha256:
        raise ManifestRefused("The manifest of this run was altered in the storage.")
    lines = [_line(number, text) for number, text in enumerate(data.decode().splitlines(), start=1)]
    twice = _first_twice(lines)
    if twice is not None:
        raise ManifestRefused(f"The image {twice.image} stands in the manifest twice.")
    return lines


def find_images(run: TrainingRun, lines: Sequence[Line]) -> dict[int, Image]:
    """The platform's image of each line that it has one for, by the line's number.

    An image is found by its pixels in the collection that the run is of, so that an imported label set finds them
    under whatever identifier they have here; without a collection by its identifier.
    """
    found: dict[int, Image] = {}
    for some in batched(lines, _BATCH):
        if run.collection_id is not None:
            images = Image.objects.select_related("study").filter(
                collection=run.collection_id, pixel_sha256__in=[line.pixel_sha256 for line in some]
            )
            by_pixels = {image.pixel_sha256: image for image in images}
            hits = [line for line in some if line.pixel_sha256 in by_pixels]
            found |= {line.number: by_pixels[line.pixel_sha256] for line in hits}
        else:
            known = Image.objects.select_related("study").in_bulk([line.image for line in some])
            found |= {line.number: known[pk] for line in some if (pk := UUID(line.image)) in known}
    return found


def _line(number: int, text: str) -> Line:
    try:
        values = json.loads(text)
        line = Line(
            number=number,
            image=str(values["image"]),
            pixel_sha256=values["pixel_sha256"],
            label=values["label"],
            split=values["split"],
            reason=values.get("reason", ""),
            cluster=str(values.get("cluster") or ""),
            weight=_weight(values),
            plane=values.get("plane", ""),
            source=values.get("source", ""),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestRefused(f"Line {number} of the manifest cannot be read.") from error
    if line.split not in (*PARTS, EXCLUDED):
        raise ManifestRefused(f"Line {number} of the manifest is for no part that there is: {line.split!r}.")
    if line.split != EXCLUDED and line.label not in CLASSES:
        raise ManifestRefused(f"Line {number} of the manifest has no class that there is: {line.label!r}.")
    return line


def _weight(values: dict[str, Any]) -> float:
    given = values.get("weight")
    return 1.0 if given is None else float(given)


def _first_twice(lines: Sequence[Line]) -> Line | None:
    seen: set[str] = set()
    for line in lines:
        if line.pixel_sha256 in seen:
            return line
        seen.add(line.pixel_sha256)
    return None
