"""Reads what a labelled folder says of its files: by their folders' names, or by a manifest that lies beside them."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from ml.inspection.files import ImageError, find_images, split_named
from ml.labels import LabelError, canonical_label
from reviews.exceptions import ReviewRefused
from reviews.services.surveying import LabelledFile

MANIFESTS: Final = ("manifest.csv", "manifest.jsonl")
_FILE: Final = ("file", "image", "path")
_LABEL: Final = ("label", "cls", "class")
_SUBJECT: Final = ("subject", "patient", "group")
# As data sets name them.
_PLANES: Final = {
    "ax": "axial", "axial": "axial", "co": "coronal", "cor": "coronal", "coronal": "coronal",
    "sa": "sagittal", "sag": "sagittal", "sagittal": "sagittal",
}  # fmt: skip


def read_labelled_folder(
    folder: Path, *, manifest: str = "", keep_splits: bool = False, split_column: str = ""
) -> list[LabelledFile]:
    """The files of a labelled folder, numbered from 1: in the order of the manifest's lines, else of their paths.

    A manifest (`manifest.csv` or `.jsonl`, or as named) has a line for each file, with the columns `file` and `label`
    and, where it knows them, `split`, `subject` and `plane`. Without one the folders say it: `Train/glioma/1.jpg`.

    Args:
        keep_splits: whether the set's own parts are kept.
        split_column: the column that names them; `split` without one.

    Raises:
        ReviewRefused: there is no such folder, no image in it, or a manifest that is none.
    """
    if not folder.is_dir():
        raise ReviewRefused("There is no such folder.", code="no_folder", status=400)
    listing = next(
        (folder / name for name in (manifest, *MANIFESTS) if name and (folder / name).is_file()), None
    )
    if manifest and (listing is None or listing.name != Path(manifest).name):
        raise ReviewRefused(f"There is no {manifest} in the folder.", code="no_manifest", status=400)
    if listing is None:
        return _by_folders(folder, keep_splits=keep_splits)
    return [
        _listed(folder, number, values, (split_column or "split") if keep_splits else "")
        for number, values in enumerate(_lines(listing), start=1)
    ]


def _by_folders(folder: Path, *, keep_splits: bool) -> list[LabelledFile]:
    try:
        found = find_images([folder])
    except ImageError as error:
        raise ReviewRefused(
            "There is no PNG or JPEG file in the folder.", code="no_file", status=400
        ) from error
    # Only what lies below the folder speaks: its own path may go through one that is named "test".
    return [
        LabelledFile(
            number,
            partial(_bytes, image.path),
            image.path.name,
            *_told(image.path.relative_to(folder), keep_splits),
        )
        for number, image in enumerate(found, start=1)
    ]


def _told(path: Path, keep_splits: bool) -> tuple[str, str]:
    label = split = ""
    for name in reversed(path.parts[:-1]):
        split = split or split_named(name)
        if not label:
            try:
                label = canonical_label(name)
            except LabelError:
                continue
    return label, split if keep_splits else ""


def _lines(manifest: Path) -> Iterator[Mapping[str, Any]]:
    try:
        text = manifest.read_text("utf-8-sig")
        if manifest.suffix == ".jsonl":
            yield from (json.loads(line) for line in text.splitlines() if line.strip())
        else:
            yield from csv.DictReader(io.StringIO(text))
    except (UnicodeDecodeError, ValueError, csv.Error) as error:
        raise ReviewRefused(
            f"{manifest.name} cannot be read: {error}.", code="bad_manifest", status=400
        ) from error


def _listed(folder: Path, number: int, values: Mapping[str, Any], split_column: str) -> LabelledFile:
    path = folder / _first(values, _FILE)
    # A manifest may come from anywhere: it names what lies in its folder and nothing else.
    inside = path.resolve().is_relative_to(folder.resolve()) and path.resolve() != folder.resolve()
    return LabelledFile(
        number,
        partial(_bytes, path if inside else None),
        path.name,
        label=_first(values, _LABEL),
        split=split_named(str(values.get(split_column) or "")) if split_column else "",
        subject=_first(values, _SUBJECT),
        plane=_PLANES.get(_first(values, ("plane", "plane_brisc")).lower(), ""),
    )


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((str(values[name]).strip() for name in names if values.get(name)), "")


def _bytes(path: Path | None) -> bytes:
    if path is None:
        raise FileNotFoundError
    return path.read_bytes()
