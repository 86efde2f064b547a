"""The manifest: which image, with which label, belongs to which part. A file that never changes afterwards."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from ml.labels import InputError, LabelError, canonical_label

PARTS: Final = ("train", "validation", "test")
REQUIRED: Final = ("image", "label", "split")


class ManifestError(InputError):
    """A manifest that cannot be read; the message names the line."""


@dataclass(frozen=True)
class Row:
    """One image of a manifest.

    Attributes:
        image: path, relative to the manifest's folder.
        sha256: of the canonical grey pixels (`ml.duplicates.pixel_sha256`); empty when not known.
        label: one of `ml.labels.CLASSES`.
        split: one of `PARTS`.
        group: images of one group (a subject, or a cluster of duplicates) never part.
        near: near-duplicates of each other share this key; empty for an image that stands alone.
        mask: path of the tumour's mask, relative like `image`; empty where there is none. A manifest without
            any mask is written without the column, so that its bytes are what they were before there were masks.
    """

    image: str
    label: str
    split: str
    group: str = ""
    sha256: str = ""
    near: str = ""
    mask: str = ""


@dataclass(frozen=True)
class Manifest:
    """The rows of a manifest file, with the hash of its bytes."""

    rows: tuple[Row, ...]
    sha256: str

    def part(self, split: str) -> tuple[Row, ...]:
        """Returns the rows of one part."""
        return tuple(row for row in self.rows if row.split == split)


def write_manifest(rows: Iterable[Row], path: Path) -> str:
    """Writes a manifest, JSON Lines for a name that ends in `.jsonl` and CSV otherwise.

    Returns:
        The sha256 of the file's bytes.
    """
    data = manifest_bytes(rows, lines=path.suffix == ".jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def manifest_bytes(rows: Iterable[Row], *, lines: bool = False) -> bytes:
    """Returns the bytes of a manifest, the same for the same rows on every machine."""
    rows = list(rows)
    masked = any(row.mask for row in rows)
    columns = [item.name for item in fields(Row) if masked or item.name != "mask"]
    table = [{name: getattr(row, name) for name in columns} for row in rows]
    if lines:
        return "".join(json.dumps(values, sort_keys=True) + "\n" for values in table).encode()
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue().encode()


def read_manifest(path: Path) -> Manifest:
    """Reads a CSV or JSON Lines manifest.

    Raises:
        ManifestError: naming the line, for a missing column, an unknown label or part, or a repeated image.
    """
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")  # spreadsheets put a byte-order mark before the first column
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManifestError(f"{path.name} is not UTF-8 text: line {line}; save it as UTF-8.") from error
    rows = tuple(_rows(text, lines=path.suffix == ".jsonl"))
    seen: set[str] = set()
    for row in rows:
        if row.image in seen:
            raise ManifestError(f"{path.name}: the image {row.image!r} stands in it twice.")
        seen.add(row.image)
    if not rows:
        raise ManifestError(f"{path.name} lists no image.")
    return Manifest(rows, hashlib.sha256(data).hexdigest())


def _rows(text: str, *, lines: bool) -> Iterable[Row]:
    if lines:
        for number, line in enumerate(text.splitlines(), 1):
            yield _row(_object(line, number), number)
        return
    for number, values in enumerate(csv.DictReader(io.StringIO(text)), 2):
        yield _row(values, number)


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise ManifestError(f"Line {number} is not JSON: {error.msg}.") from error
    if not isinstance(values, dict):
        raise ManifestError(f"Line {number} is not a JSON object.")
    return values


def _row(values: dict[str, Any], number: int) -> Row:
    missing = [key for key in REQUIRED if not values.get(key)]
    if missing:
        raise ManifestError(f"Line {number} has no {', '.join(missing)}.")
    odd = [item.name for item in fields(Row) if not isinstance(values.get(item.name) or "", str)]
    if odd:
        raise ManifestError(f"Line {number}: {odd[0]} must be a text, got {values[odd[0]]!r}.")
    if values["split"] not in PARTS:
        raise ManifestError(f"Line {number}: the split {values['split']!r} is none of {', '.join(PARTS)}.")
    known = {item.name: values.get(item.name) or "" for item in fields(Row)}
    try:
        known["label"] = canonical_label(known["label"])
    except LabelError as error:
        raise ManifestError(f"Line {number}: {error}") from error
    return Row(**known)
