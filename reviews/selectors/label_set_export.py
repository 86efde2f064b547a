"""A label set to be taken away whole: its manifest byte for byte, the pixels of what may be learned from, a header."""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from itertools import batched
from typing import Any, Final

from classifier.exceptions import PixelsGone
from classifier.models import Image
from classifier.selectors import stored_png
from ml.labels import CLASSES
from reviews.models import LabelSet, Split
from reviews.selectors.frozen import manifest_of

FORMAT: Final = "mri-label-set"
FORMAT_VERSION: Final = 1
HEADER: Final = "label-set.json"
MANIFEST: Final = "manifest.jsonl"
IMAGES: Final = "images"
_AT_ONCE: Final = 500


def export_members(label_set: LabelSet) -> Iterator[tuple[str, bytes]]:
    """The files of an export, by name: the manifest, each image as a PNG named by the sha256 of its pixels, and last,
    so that it is only there when all the others are, the header.

    Images that the manifest excludes are not taken along, nor are those that were hidden or removed since.

    Raises:
        ReviewRefused: the manifest is missing, or was altered.
    """
    manifest = manifest_of(label_set)
    wanted = sorted(
        {line["pixel_sha256"] for line in manifest_lines(manifest) if line["split"] != Split.EXCLUDED}
    )
    yield MANIFEST, manifest
    left_out: dict[str, str] = {}
    for shas in batched(wanted, _AT_ONCE):
        found = Image.objects.filter(collection=label_set.collection, pixel_sha256__in=shas)
        images = {image.pixel_sha256: image for image in found}
        for sha in shas:
            try:
                yield f"{IMAGES}/{sha}.png", stored_png(images[sha])
            except KeyError:
                left_out[sha] = "The image is not in the platform."
            except PixelsGone as gone:
                left_out[sha] = gone.sentence
    yield HEADER, _header(label_set, len(wanted) - len(left_out), left_out)


def manifest_lines(manifest: bytes) -> list[dict[str, Any]]:
    """The lines of a manifest.

    Raises:
        ValueError: one is no JSON object.
    """
    lines = [json.loads(line) for line in manifest.decode().splitlines()]
    if not all(isinstance(line, dict) for line in lines):
        raise ValueError("A line of the manifest is no JSON object.")
    return lines


def as_zip(members: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """The files as a ZIP archive, in pieces as they come; the same files give the same bytes."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members:
            compressed = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            about = zipfile.ZipInfo(name)  # of 1980: when it is made says nothing
            about.compress_type = compressed
            about.external_attr = 0o644 << 16
            archive.writestr(about, data)
            yield pieces.taken()
    yield pieces.taken()


class _Pieces(io.RawIOBase):
    """What was written since it was last taken: a file that cannot be sought in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _header(label_set: LabelSet, images: int, left_out: dict[str, str]) -> bytes:
    policy = label_set.policy
    about = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "read_me": (
            "A frozen label set: manifest.jsonl is the list, one JSON object a line; images/ holds the pixels of what "
            "may be learned from, each named by the sha256 of its pixels. manage.py import_dataset takes this folder."
        ),
        "manifest_sha256": label_set.manifest_sha256,
        "number": label_set.number,
        "dataset": label_set.dataset,
        "frozen_at": label_set.created_at.isoformat(),
        "classes": list(CLASSES),
        "counts": label_set.counts,
        "images": images,
        "left_out": left_out,
        "policy": {
            "version": policy.version,
            "rule": policy.rule,
            "agreeing_reads": policy.agreeing_reads,
            "seen": policy.seen,
            "seen_weight": policy.seen_weight,
        }
        if policy
        else None,
    }
    return f"{json.dumps(about, indent=2, sort_keys=True)}\n".encode()
