"""Brings a labelled data set in: each file through the door of the uploads, and its label as a row of the ledger."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import batched
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from classifier.models import Image
from classifier.services.imports import ImportedPart, decode, pixels_of, store_import
from classifier.services.uploads import Decoded, UploadedPart, Verdict
from ml.labels import LabelError, canonical_label
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from reviews.exceptions import ReviewRefused
from reviews.models import ImportedLabel, Split
from reviews.selectors.imports import newest_imported_labels
from reviews.services.label_sets import lock_freezing
from reviews.services.splits import assign_splits

# Files that are stored together: what a kill can lose.
BATCH: Final = 50
MAX_DATASET_CHARACTERS: Final = 120
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
    """

    report: ImportReport
    pixels: dict[int, str]


def survey_files(collection: Collection, files: Sequence[LabelledFile]) -> Survey:
    """Look at every file as an import would, and store nothing.

    A file is refused where the intake refuses it, where its label is no class, its pixels are not the expected ones,
    were removed from the collection or hidden there, or come with two labels in this set: then none of these is taken.
    """
    report = ImportReport()
    pixels: dict[int, str] = {}
    labels: dict[int, str] = {}
    for file in files:
        found = _look(file)
        if isinstance(found, FileReport):
            report.files[file.number] = found
        else:
            pixels[file.number], labels[file.number] = found
    _refuse_conflicts(report, pixels, labels)
    known = files_of(files)
    kept = _pass_over_repeated(report, pixels, known)
    _foretell(report, collection, known, kept, labels)
    refused = {number for number in kept if report.files[number].became == Became.REFUSED}
    return Survey(report, {number: sha for number, sha in kept.items() if number not in refused})


def import_files(
    *,
    actor: User,
    collection: Collection,
    dataset: str,
    files: Sequence[LabelledFile],
    survey: Survey | None = None,
    analyse: bool = True,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Import a labelled data set, in batches of which each is stored whole or not at all.

    What is there already is not stored again, so that an import that was stopped is simply begun anew. A label that
    changed is a row more; nothing is overwritten. Bad files are in the report, and stop none of the others. The parts
    that the set has its images in are kept for ever, as far as the platform does not have them elsewhere.

    Args:
        survey: of these files, where one was made before.
        analyse: whether predictions are queued.
        progress: is told after each batch how many files are done.

    Raises:
        ReviewRefused: 400, the data set has no name.
        StorageQuotaReached: what came before is stored.
    """
    dataset = clean_dataset(dataset)
    survey = survey or survey_files(collection, files)
    report, known = survey.report, files_of(files)
    wanted = [number for number in sorted(survey.pixels) if report.files[number].became != Became.UNCHANGED]
    done = 0
    for numbers in batched(wanted, BATCH):
        batch = [known[number] for number in numbers]
        for line in _import_batch(actor, collection, dataset, batch, survey.pixels, analyse):
            report.files[line.number] = line
        done += len(batch)
        if progress is not None:
            progress(done)
    report.clashes = keep_parts(collection=collection, dataset=dataset)
    record(
        action="dataset.imported", actor=actor, target=collection, collection_id=collection.pk, dataset=dataset,
        **report.counts,
    )  # fmt: skip
    return report


@transaction.atomic
def keep_parts(*, collection: Collection, dataset: str) -> list[str]:
    """Write down for ever in which parts a data set has its images, and say where the platform has them elsewhere."""
    lock_freezing()
    named = newest_imported_labels(collection).filter(dataset=dataset, split__in=_FURTHEST_FROM_TEST[:3])
    rows = list(named.values_list("image", "image__cluster", "split"))
    places = assign_splits(
        {image: cluster for image, cluster, _ in rows}, {image: split for image, _, split in rows}
    )
    moved = Counter((split, places[image].split.value) for image, _, split in rows)
    return [
        f"{count} × {wanted} in this set, but {place} here, where their subjects or near-duplicates are: "
        f"they stay in {place}."
        for (wanted, place), count in sorted(moved.items())
        if wanted != place
    ]


def clean_dataset(dataset: str) -> str:
    """The name of a data set.

    Raises:
        ReviewRefused: 400, there is none, or it is too long.
    """
    dataset = dataset.strip()
    if not dataset or len(dataset) > MAX_DATASET_CHARACTERS or not dataset.isprintable():
        raise ReviewRefused(
            f"Name the data set, in at most {MAX_DATASET_CHARACTERS} characters.",
            code="dataset_name",
            status=400,
        )
    return dataset


def files_of(files: Iterable[LabelledFile]) -> dict[int, LabelledFile]:
    """The files by their numbers."""
    return {file.number: file for file in files}


def _part(file: LabelledFile) -> ImportedPart:
    return ImportedPart(file.number, UploadedPart(file.read(), file.filename), file.subject, file.plane)


def _look(file: LabelledFile) -> FileReport | tuple[str, str]:
    """A file's pixels and label, or why it is refused."""
    try:
        label = canonical_label(file.label)
    except LabelError as error:
        return _refused(file.number, "unknown_label", str(error))
    try:
        found = pixels_of(_part(file))
    except OSError:
        return _refused(file.number, "unreadable", "The file cannot be read.")
    if isinstance(found, Verdict):
        return _refused(file.number, found.code, found.sentence)
    if file.pixel_sha256 and found != file.pixel_sha256:
        return _refused(file.number, "altered", "Its pixels are not those that the set says they are.")
    return found, label


def _refused(number: int, code: str, sentence: str) -> FileReport:
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
                report.files[number] = _refused(number, "label_conflict", sentence)
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
            else _become(number, image, said.get(image.pk), labels[number], files[number].split)
        )


def _become(number: int, image: Image, said: ImportedLabel | None, label: str, split: str) -> FileReport:
    if not image.pixels_available:
        return _refused(
            number, "image_hidden", "These pixels were hidden or removed here; they are not taken again."
        )
    if said is None:
        return FileReport(number, Became.LABELLED, image=image.pk)
    same = said.label == label and split in ("", said.split)
    return FileReport(number, Became.UNCHANGED if same else Became.CHANGED, image=image.pk)


def _import_batch(
    actor: User,
    collection: Collection,
    dataset: str,
    batch: Sequence[LabelledFile],
    pixels: Mapping[int, str],
    analyse: bool,
) -> list[FileReport]:
    """Store a batch and its labels together. What changed since it was looked at is refused."""
    parts: list[ImportedPart] = []
    decoded: dict[int, Decoded] = {}
    reports: list[FileReport] = []
    for file in batch:
        try:
            part = _part(file)
        except OSError:
            reports.append(_refused(file.number, "unreadable", "The file cannot be read."))
            continue
        found = decode(part)
        if isinstance(found, Verdict) or found[1].pixel_sha256 != pixels[file.number]:
            reports.append(_refused(file.number, "changed", "The file was changed while it was imported."))
            continue
        parts.append(part)
        decoded[file.number] = found
    known = files_of(batch)
    with transaction.atomic():
        verdicts = store_import(
            actor=actor, collection=collection, dataset=dataset, parts=parts, decoded=decoded, analyse=analyse
        )
        reports += _label(actor, dataset, known, verdicts)
    return reports


def _label(
    actor: User, dataset: str, files: Mapping[int, LabelledFile], verdicts: Mapping[int, Verdict]
) -> list[FileReport]:
    """Add a row for each label that is not said already. The images' locks keep two imports from adding it twice."""
    found = {number: verdict.image for number, verdict in verdicts.items() if verdict.image is not None}
    locked = Image.objects.select_for_update(no_key=True).filter(
        pk__in=[image.pk for image in found.values()]
    )
    now = {image.pk: image for image in locked.order_by("pk")}
    said = {row.image_id: row for row in newest_imported_labels().filter(image__in=now)}
    reports: list[FileReport] = []
    rows: list[ImportedLabel] = []
    for number, image in found.items():
        file, stored = files[number], verdicts[number].outcome == "stored"
        report = _become(number, now[image.pk], said.get(image.pk), canonical_label(file.label), file.split)
        if report.became in (Became.LABELLED, Became.CHANGED):
            before = said.get(image.pk)
            rows.append(
                ImportedLabel(
                    image=image, label=canonical_label(file.label), dataset=dataset, imported_by=actor,
                    split=file.split or (before.split if before else ""), provenance=dict(file.provenance),
                )
            )  # fmt: skip
        reports.append(FileReport(number, Became.STORED, image=image.pk) if stored else report)
    ImportedLabel.objects.bulk_create(rows)
    return reports
