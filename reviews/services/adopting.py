"""Takes an exported label set in: its images through the intake, then the set itself, under the same hash."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.db import transaction

from classifier.models import Image
from ml.labels import CLASSES
from mriplatform.accounts.models import Collection, User
from reviews.exceptions import ReviewRefused
from reviews.models import LabelSet, LabelSetEntry, Split, SplitAssignment
from reviews.selectors.label_set_export import (
    FORMAT,
    FORMAT_VERSION,
    HEADER,
    IMAGES,
    MANIFEST,
    manifest_lines,
)
from reviews.selectors.planned import Line, counted
from reviews.services.importing import clean_dataset, import_files
from reviews.services.label_sets import lock_freezing, store_label_set
from reviews.services.splits import assign_splits, remember_splits
from reviews.services.surveying import ImportReport, LabelledFile, survey_files

_PARTS: Final = (Split.TRAIN.value, Split.VALIDATION.value, Split.TEST.value)


@dataclass(frozen=True)
class Exported:
    """A manifest as it was exported, with what stands in it."""

    manifest: bytes
    lines: list[dict[str, Any]]
    left_out: frozenset[str]

    @property
    def parted(self) -> list[dict[str, Any]]:
        """The lines of what may be learned from, whether or not its pixels came along."""
        return [line for line in self.lines if line["split"] in _PARTS]

    @property
    def used(self) -> list[dict[str, Any]]:
        """The lines of what may be learned from and whose pixels came along."""
        return [line for line in self.parted if line["pixel_sha256"] not in self.left_out]


def is_export(folder: Path) -> bool:
    """Whether a folder is an exported label set."""
    return (folder / HEADER).is_file() and (folder / MANIFEST).is_file()


def import_label_set(
    *,
    actor: User,
    collection: Collection,
    folder: Path,
    dataset: str,
    analyse: bool = True,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> tuple[LabelSet | None, ImportReport]:
    """Import an exported label set: afterwards the collection has one with the same manifest and hash.

    Nothing is stored before every image's pixels were found to be those that the manifest names, and the parts to be
    free of what this platform has elsewhere. An import that was stopped is simply begun anew.

    Args:
        dry_run: only look; the label set is then None.

    Raises:
        ReviewRefused: the manifest or an image is missing or was altered, or a part clashes with this platform's.
    """
    exported = read_export((folder / HEADER).read_bytes(), (folder / MANIFEST).read_bytes())
    files = [_file(folder, number, line) for number, line in enumerate(exported.used, start=1)]
    survey = survey_files(collection, files)
    if refused := survey.report.refused:
        first = f"Image {refused[0].number}: {refused[0].sentence}"
        raise ReviewRefused(
            f"{len(refused)} of {len(files)} images cannot be taken, so none is. {first}",
            code="export_altered",
        )
    _ensure_free(exported)
    if dry_run:
        return None, survey.report
    report = import_files(
        actor=actor, collection=collection, dataset=dataset, files=files, survey=survey, analyse=analyse,
        progress=progress,
    )  # fmt: skip
    adopted = adopt_label_set(actor=actor, collection=collection, exported=exported, dataset=dataset)
    return adopted, report


def read_export(header: bytes, manifest: bytes) -> Exported:
    """An export's header and manifest, checked against each other.

    Raises:
        ReviewRefused: one of them is malformed, of another format, or was altered.
    """
    try:
        about = json.loads(header)
        lines = manifest_lines(manifest)
        known = about["format"] == FORMAT and about["version"] == FORMAT_VERSION
        expected, left_out = about["manifest_sha256"], frozenset(about["left_out"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReviewRefused(
            "The header or the manifest is no exported label set's.", code="bad_export", status=400
        ) from error
    if not known:
        raise ReviewRefused(
            f"Only the format {FORMAT}, version {FORMAT_VERSION}, can be imported.",
            code="bad_export",
            status=400,
        )
    if hashlib.sha256(manifest).hexdigest() != expected:
        raise ReviewRefused(
            "The manifest was altered: its hash is not the header's.", code="manifest_altered"
        )
    if not all(_sound(line) for line in lines) or len({line["pixel_sha256"] for line in lines}) < len(lines):
        raise ReviewRefused(
            "A line of the manifest is malformed, or an image stands in it twice.", code="bad_export"
        )
    return Exported(manifest, lines, left_out)


@transaction.atomic
def adopt_label_set(*, actor: User, collection: Collection, exported: Exported, dataset: str) -> LabelSet:
    """Make an exported manifest a label set of this collection, which has its images already; twice is once.

    Raises:
        ReviewRefused: an image is not here, or a part clashes with where this platform has its subject or
            near-duplicates: what was learned from here must not be measured on, for ever. Nothing is stored then.
    """
    dataset = clean_dataset(dataset)
    lock_freezing()
    digest = hashlib.sha256(exported.manifest).hexdigest()
    known = LabelSet.objects.filter(collection=collection, manifest_sha256=digest).first()
    if known is not None:
        return known
    shas = [line["pixel_sha256"] for line in exported.lines]
    images = {
        image.pixel_sha256: image
        for image in Image.objects.filter(collection=collection, pixel_sha256__in=shas).only(
            "pk", "pixel_sha256", "cluster"
        )
    }
    if missing := sum(line["pixel_sha256"] not in images for line in exported.used):
        raise ReviewRefused(
            f"{missing} of the {len(exported.used)} images of this label set are not in the collection. "
            "Import them first.",
            code="images_missing",
        )
    _keep_parts(exported.parted)
    return store_label_set(
        actor=actor,
        collection=collection,
        manifest=exported.manifest,
        # Of the lines themselves: the header's are under no hash.
        counts=counted([_line(line) for line in exported.lines]),
        entries=[
            _entry(line, images[sha]) for line, sha in zip(exported.lines, shas, strict=True) if sha in images
        ],
        dataset=dataset,
    )


def _sound(line: Mapping[str, Any]) -> bool:
    sha, label, split = line.get("pixel_sha256"), line.get("label"), line.get("split")
    named = isinstance(sha, str) and len(sha) == 64 and set(sha) <= set("0123456789abcdef")
    used = split in _PARTS and label in CLASSES
    weight = line.get("weight", 1.0)
    return (
        named
        and (used or (split == Split.EXCLUDED and label in ("", *CLASSES)))
        and isinstance(weight, int | float)
        and 0 <= weight < math.inf
        and isinstance(line.get("provenance") or {}, dict)
        and is_storable(line)
    )


def is_storable(said: Mapping[str, Any]) -> bool:
    """Whether the database takes a JSON object: no NaN in it, no NUL, and no half of a character."""
    try:
        return "\\u0000" not in json.dumps(said, allow_nan=False, ensure_ascii=False).encode().decode()
    except (ValueError, RecursionError):
        return False


def _file(folder: Path, number: int, line: Mapping[str, Any]) -> LabelledFile:
    sha = line["pixel_sha256"]
    return LabelledFile(
        number,
        partial(Path.read_bytes, folder / IMAGES / f"{sha}.png"),
        f"{sha}.png",
        label=line["label"],
        split=line["split"],
        # What was one group there is one subject here: it stays in one part, whatever is frozen later.
        subject=str(line.get("cluster", "")),
        plane=str(line.get("plane", "")),
        pixel_sha256=sha,
        provenance=line.get("provenance") or {},
    )


def _ensure_free(exported: Exported) -> None:
    """Refuse at once, before any image is stored, what this platform has in another part by the very pixels."""
    _kept_by_pixels({line["pixel_sha256"]: line["split"] for line in exported.parted})


def _keep_parts(lines: Sequence[Mapping[str, Any]]) -> None:
    """Write the parts down for ever; what is elsewhere here already is a clash.

    Also of images that did not come along: a training finds them by their pixels as soon as they are here, however
    they came, and must not learn from what tests here. Those in other collections stand for them meanwhile.
    """
    wanted = {line["pixel_sha256"]: line["split"] for line in lines}
    rows = Image.objects.filter(pixel_sha256__in=list(wanted)).values_list("pixel_sha256", "cluster")
    places = assign_splits(dict(rows), wanted)
    _refuse_clashes(
        Counter(
            (wanted[sha], place.split.value) for sha, place in places.items() if place.split != wanted[sha]
        )
    )
    kept = _kept_by_pixels(wanted)
    remember_splits(
        {key: Split(split) for sha, split in wanted.items() if (key := f"pixels:{sha}") not in kept}
    )


def _kept_by_pixels(wanted: Mapping[str, str]) -> set[str]:
    """The keys that the ledger has of these pixels; it has each in the part that is wanted, or they clash."""
    by_key = {f"pixels:{sha}": split for sha, split in wanted.items()}
    ledger = dict(SplitAssignment.objects.filter(key__in=list(by_key)).values_list("key", "split"))
    _refuse_clashes(Counter((by_key[key], split) for key, split in ledger.items() if by_key[key] != split))
    return set(ledger)


def _refuse_clashes(clashes: Mapping[tuple[str, str], int]) -> None:
    if clashes:
        said = ", ".join(
            f"{count} × {there} there and {here} here" for (there, here), count in sorted(clashes.items())
        )
        raise ReviewRefused(
            f"The parts of this label set clash with this platform's, which hold for ever: {said}. Its images "
            "and labels can be imported as a data set without parts.",
            code="split_clash",
        )


def _line(line: Mapping[str, Any]) -> Line:
    """A line as one that is frozen here has it, to be counted alike."""
    named = {
        name: str(line.get(name) or "") for name in ("image", "pixel_sha256", "cluster", "plane", "source")
    }
    provenance = line.get("provenance") or {}
    return Line(
        **named,
        origin=str(provenance.get("source") or ""),
        label=line["label"],
        reason=str(line.get("reason") or ""),
        weight=float(line.get("weight", 1.0)),
        provenance=json.dumps(provenance),
        split=Split(line["split"]),
    )


def _entry(line: Mapping[str, Any], image: Image) -> LabelSetEntry:
    return LabelSetEntry(
        image=image,
        label=line["label"],
        split=line["split"],
        reason=str(line.get("reason") or "")[:120],
        weight=float(line.get("weight", 1.0)),
        provenance=line.get("provenance") or {},
    )
