"""Looks at a labelled data set as an import would, file by file, and stores nothing."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import batched
from typing import Any, Final
from uuid import UUID

from classifier.models import Image
from classifier.services.imports import ImportedPart, pixels_of, refused_key
from classifier.services.uploads import UploadedPart, Verdict
from ml.labels import LabelError, canonical_label
from mriplatform.accounts.models import Collection
from reviews.models import ImportedLabel, Split
from reviews.selectors.imports import newest_imported_labels

# Of the same pixels in several parts the first of these is kept: what may have been learned from tests nothing.
_FURTHEST_FROM_TEST: Final = (Split.TRAIN, Split.VALIDATION, Split.TEST, "")


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """One file of a data set.

    Attributes:
        number: by which reports name it.
        read: gives its bytes; called for each look at it, so that a set of any size is never whole in memory.
        label: as the set spells it.
        split: one of `ml.manifest.PARTS`; empty where the set names none.
        subject: whose image it is, under any name; only its keyed hash is kept.
        pixel_sha256: what its pixels must be; empty where nothing says.
        provenance: what an export said of the label.
    """

    number: int
    read: Callable[[], bytes]
    filename: str
    label: str
    split: str = ""
    subject: str = ""
    plane: str = ""
    pixel_sha256: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)


class Became(StrEnum):
    """What became of a file, or would."""

    STORED = "stored"
    LABELLED = "labelled"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REPEATED = "repeated"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class FileReport:
    """One line of a report; it names the file by its number alone."""

    number: int
    became: Became
    code: str = ""
    sentence: str = ""
    image: UUID | None = None


@dataclass
class ImportReport:
    """What became of every file, and which parts could not be kept (a sentence each)."""

    files: dict[int, FileReport] = field(default_factory=dict)
    clashes: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(report.became.value for report in self.files.values())
        return {became.value: found[became.value] for became in Became}

    @property
    def refused(self) -> list[FileReport]:
        return [self.files[number] for number in sorted(self.files) if self.files[number].became == "refused"]


@dataclass
class Survey:
    """A data set that was looked at and not yet imported: what would become of each file, and the pixels of the good.

    Attributes:
        pixels: by number, the sha256 of the pixels of what is to be stored or labelled.
        bytes_keys: by number, hashes of the bytes of what the intake refused, for the audit.
    """

    report: ImportReport
    pixels: dict[int, str]
    bytes_keys: dict[int, str] = field(default_factory=dict)


def survey_files(collection: Collection, files: Sequence[LabelledFile]) -> Survey:
    """Look at every file as an import would, and store nothing.

    A file is refused where the intake refuses it, where its label is no class, its pixels are not the expected ones,
    were removed from the collection or hidden there, or come with two labels in this set: then none of these is taken.
    """
    report = ImportReport()
    pixels: dict[int, str] = {}
    labels: dict[int, str] = {}
    bytes_keys: dict[int, str] = {}
    for file in files:
        found = _look(file, bytes_keys)
        if isinstance(found, FileReport):
            report.files[file.number] = found
        else:
            pixels[file.number], labels[file.number] = found
    _refuse_conflicts(report, pixels, labels)
    known = files_of(files)
    kept = _pass_over_repeated(report, pixels, known)
    _foretell(report, collection, known, kept, labels)
    refused = {number for number in kept if report.files[number].became == Became.REFUSED}
    pixels = {number: sha for number, sha in kept.items() if number not in refused}
    return Survey(report, pixels, bytes_keys)


def files_of(files: Iterable[LabelledFile]) -> dict[int, LabelledFile]:
    """The files by their numbers."""
    return {file.number: file for file in files}


def part_of(file: LabelledFile) -> ImportedPart:
    label = canonical_label(file.label)
    return ImportedPart(
        file.number, UploadedPart(file.read(), file.filename), file.subject, file.plane, label
    )


def _look(file: LabelledFile, bytes_keys: dict[int, str]) -> FileReport | tuple[str, str]:
    """A file's pixels and label, or why it is refused; of what the intake refuses, `bytes_keys` gets the hash."""
    try:
        label = canonical_label(file.label)
    except LabelError as error:
        return refused(file.number, "unknown_label", str(error))
    try:
        part = part_of(file)
    except OSError:
        return refused(file.number, "unreadable", "The file cannot be read.")
    found = pixels_of(part)
    if isinstance(found, Verdict):
        bytes_keys[file.number] = refused_key(part)
        return refused(file.number, found.code, found.sentence)
    if file.pixel_sha256 and found != file.pixel_sha256:
        return refused(file.number, "altered", "Its pixels are not those that the set says they are.")
    return found, label


def refused(number: int, code: str, sentence: str) -> FileReport:
    return FileReport(number, Became.REFUSED, code, sentence)


def _refuse_conflicts(report: ImportReport, pixels: dict[int, str], labels: Mapping[int, str]) -> None:
    """Refuse what comes with two labels: nobody knows which one is meant."""
    found: dict[str, list[int]] = defaultdict(list)
    for number, sha in pixels.items():
        found[sha].append(number)
    for numbers in found.values():
        if len(said := {labels[number] for number in numbers}) > 1:
            among = ", ".join(map(str, numbers))
            sentence = (
                f"The same pixels come with {len(said)} labels ({' and '.join(sorted(said))}): files {among}."
            )
            for number in numbers:
                report.files[number] = refused(number, "label_conflict", sentence)
                del pixels[number]


def _pass_over_repeated(
    report: ImportReport, pixels: Mapping[int, str], files: Mapping[int, LabelledFile]
) -> dict[int, str]:
    """Of the same pixels several times, one: the one whose part is furthest from the test."""
    splits = {number: files[number].split for number in pixels}
    first: dict[str, int] = {}
    for number in sorted(pixels, key=lambda number: (_FURTHEST_FROM_TEST.index(splits[number]), number)):
        kept = first.setdefault(pixels[number], number)
        if kept != number:
            sentence = f"The same pixels as file {kept}" + (f", in {splits[kept]}." if splits[kept] else ".")
            report.files[number] = FileReport(number, Became.REPEATED, "repeated", sentence)
    return {number: sha for sha, number in first.items()}


def _foretell(
    report: ImportReport,
    collection: Collection,
    files: Mapping[int, LabelledFile],
    pixels: Mapping[int, str],
    labels: Mapping[int, str],
) -> None:
    """Say of each good file what an import will make of it, by what the collection has."""
    here = {
        image.pixel_sha256: image
        for shas in batched(pixels.values(), 1000)
        for image in Image.objects.filter(collection=collection, pixel_sha256__in=shas)
    }
    said = {
        row.image_id: row
        for images in batched(here.values(), 1000)
        for row in newest_imported_labels(collection).filter(image__in=images)
    }
    for number, sha in pixels.items():
        image = here.get(sha)
        report.files[number] = (
            FileReport(number, Became.STORED)
            if image is None
            else become(number, image, said.get(image.pk), labels[number], files[number].split)
        )


def become(number: int, image: Image, said: ImportedLabel | None, label: str, split: str) -> FileReport:
    if not image.pixels_available:
        return refused(
            number, "image_hidden", "These pixels were hidden or removed here; they are not taken again."
        )
    if said is None:
        return FileReport(number, Became.LABELLED, image=image.pk)
    same = said.label == label and split in ("", said.split)
    return FileReport(number, Became.UNCHANGED if same else Became.CHANGED, image=image.pk)
