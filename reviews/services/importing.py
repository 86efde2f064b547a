"""Brings a labelled data set in: each file through the door of the uploads, and its label as a row of the ledger."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import batched
from typing import Final

from django.db import transaction

from classifier.models import Image
from classifier.services.imports import ImportedPart, decode, pixels_in, store_import
from classifier.services.room import Unpacked
from classifier.services.uploads import Decoded, Verdict, record_refusal
from ml.labels import canonical_label
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from reviews.exceptions import ReviewRefused
from reviews.models import ImportedLabel, Split
from reviews.selectors.imports import newest_imported_labels
from reviews.services.label_sets import lock_freezing
from reviews.services.splits import assign_splits
from reviews.services.surveying import (
    Became,
    FileReport,
    ImportReport,
    LabelledFile,
    Survey,
    become,
    files_of,
    part_of,
    refused,
    survey_files,
)

# Files that are stored together: what a kill can lose.
BATCH: Final = 50
_TOLD_AT_ONCE: Final = 500  # refused files in one line of the audit
MAX_DATASET_CHARACTERS: Final = 120
_PARTS: Final = (Split.TRAIN, Split.VALIDATION, Split.TEST)


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
    for lines in batched(report.refused, _TOLD_AT_ONCE):
        keys = [survey.bytes_keys.get(line.number, "") for line in lines]
        record_refusal(actor, collection, keys, [line.code for line in lines])
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
    named = newest_imported_labels(collection).filter(dataset=dataset, split__in=_PARTS)
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


def _import_batch(
    actor: User,
    collection: Collection,
    dataset: str,
    batch: Sequence[LabelledFile],
    pixels: Mapping[int, str],
    analyse: bool,
) -> list[FileReport]:
    """Store a batch and its labels together, or in portions where it unpacks to much. What changed since it was looked
    at is refused."""
    parts: list[ImportedPart] = []
    decoded: dict[int, Decoded] = {}
    reports: list[FileReport] = []
    unpacked = Unpacked()
    for file in batch:
        try:
            part = part_of(file)
        except OSError:
            reports.append(refused(file.number, "unreadable", "The file cannot be read."))
            continue
        found = decode(part)
        if isinstance(found, Verdict) or pixels_in(found) != pixels[file.number]:
            reports.append(refused(file.number, "changed", "The file was changed while it was imported."))
            continue
        parts.append(part)
        decoded[file.number] = found
        unpacked.add(found[1])
        if unpacked.is_enough:
            reports += _store(actor, collection, dataset, files_of(batch), parts, decoded, analyse)
            parts, decoded, unpacked = [], {}, Unpacked()
    if parts:
        reports += _store(actor, collection, dataset, files_of(batch), parts, decoded, analyse)
    return reports


def _store(
    actor: User,
    collection: Collection,
    dataset: str,
    files: Mapping[int, LabelledFile],
    parts: Sequence[ImportedPart],
    decoded: Mapping[int, Decoded],
    analyse: bool,
) -> list[FileReport]:
    with transaction.atomic():
        verdicts = store_import(
            actor=actor, collection=collection, dataset=dataset, parts=parts, decoded=decoded, analyse=analyse
        )
        reports = _label(actor, dataset, files, verdicts)
    return reports + [_kept_apart(verdict) for verdict in verdicts.values() if verdict.image is None]


def _kept_apart(verdict: Verdict) -> FileReport:
    """Its label waits in quarantine with it, and is given to the image that a reviewer of the intake lets out."""
    became = Became.QUARANTINED if verdict.quarantined else Became.REFUSED
    return FileReport(verdict.number, became, verdict.code, verdict.sentence)


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
        report = become(number, now[image.pk], said.get(image.pk), canonical_label(file.label), file.split)
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
