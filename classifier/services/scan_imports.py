"""Brings in scans that lie on this machine, in a folder or a ZIP: all are checked, then the good ones are stored."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import batched
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from classifier.exceptions import StorageQuotaReached, UploadRefused
from classifier.intake.archive import ArchiveRefused, EntryDamaged
from classifier.intake.pseudonyms import refused_stream_key
from classifier.models import Image, Origin, QuarantinedImage
from classifier.selectors import bytes_stored_for
from classifier.services.decoding import Verdict
from classifier.services.entries import (
    CheckedEntry,
    DecoderDown,
    NotNow,
    RawEntry,
    batches,
    check_entries,
    decode_entries,
    store_entries,
)
from classifier.services.scan_sources import FileOnDisk, Scan
from classifier.services.uploads import record_refusal
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record

type Progress = Callable[[int, int], None]
_PAUSE_SECONDS: Final = 1.0
# How long a file waits for a decoder that is busy, and for one that cannot be started.
_BUSY_SECONDS: Final = 600.0
_DOWN_SECONDS: Final = 60.0
_TOLD_AT_ONCE: Final = 500  # refused files in one line of the audit


@dataclass
class ScanReport:
    """What became of every file, or would, by its number; and how many were left out."""

    outcomes: dict[int, str] = field(default_factory=dict)
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)
    bytes_keys: dict[int, str] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    within: int = 0
    ignored: int = 0

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.outcomes.values())

    def refuse(self, number: int, code: str, sentence: str) -> None:
        self.outcomes[number] = "refused"
        self.refused[number] = (code, sentence)


def check_scans(
    *, collection: Collection, scans: Sequence[Scan], ignored: int = 0, progress: Progress | None = None
) -> ScanReport:
    """Look at every file as the store pass will, and store nothing.

    Raises:
        ArchiveRefused: an entry of a ZIP is what no honest archive has.
        UploadRefused: no image can be decoded.
    """
    report = ScanReport(ignored=ignored)
    seen: set[str] = set()
    for batch in batches([(scan, scan.size) for scan in scans]):
        raw, damaged = _read(batch)
        for found in [*_patiently(check_entries, raw), *damaged]:
            _foretell(report, collection, found, seen)
        report.labels.update(
            scan.label for scan in batch if scan.label and report.outcomes[scan.number] != "refused"
        )
        if progress is not None:
            progress(len(report.outcomes), len(scans))
    return report


@contextmanager
def refusal_recorded(*, actor: User, collection: Collection, archive: FileOnDisk | None) -> Iterator[None]:
    """The audit's line of a ZIP that is refused as a whole in here; a folder is never."""
    try:
        yield
    except ArchiveRefused as refusal:
        if archive is not None:
            key = refused_stream_key(archive.pieces(), settings.SUBJECT_KEY.encode())
            record_refusal(actor, collection, [key], [refusal.code])
        raise


def record_refused_scans(*, actor: User, collection: Collection, report: ScanReport) -> None:
    """The audit's lines of the files that were refused, whether or not others are stored: why, and hashes of their
    bytes, empty where they could not be read."""
    for numbers in batched(sorted(report.refused), _TOLD_AT_ONCE):
        keys = [report.bytes_keys.get(number, "") for number in numbers]
        record_refusal(actor, collection, keys, [report.refused[number][0] for number in numbers])


def store_scans(
    *,
    actor: User,
    collection: Collection,
    scans: Sequence[Scan],
    report: ScanReport,
    dataset: str = "",
    progress: Progress | None = None,
) -> ScanReport:
    """Store the good files of those that were checked, in batches of which each is stored whole or not at all.

    What is there already is not stored again, so that an import that was stopped is simply begun anew. The audit has a
    row when it begins, which a kill leaves behind, and one when it ends or is stopped, with the files that it came to.

    Raises:
        StorageQuotaReached, UploadRefused: there is no room, or no image can be decoded; what came before is stored.
    """
    good = [scan for scan in scans if report.outcomes[scan.number] != "refused"]
    left = {scan.number for scan in good}
    about: dict[str, Any] = {"actor": actor, "target": collection, "collection_id": collection.pk}
    record(action="scans.import_begun", files=len(scans), **about)
    try:
        for batch in batches([(scan, scan.size) for scan in good]):
            for reached in _stored(actor, collection, batch, report, dataset):
                left.difference_update(reached)
                if progress is not None:
                    progress(len(good) - len(left), len(good))
    finally:
        counts = Counter(said for number, said in report.outcomes.items() if number not in left)
        record(action="scans.imported", left=len(left), **about | counts)
    return report


def _stored(
    actor: User, collection: Collection, batch: Sequence[Scan], report: ScanReport, dataset: str
) -> Iterator[list[int]]:
    """Store a batch, in portions where it unpacks to much, and give on the numbers of each once it is stored."""
    raw, damaged = _read(batch)
    while raw or damaged:
        decoded, bad, raw = _patiently(decode_entries, raw)
        changed = [*(one.number for one in damaged), *(one.number for one in bad)]
        damaged = []
        for number in changed:
            report.refuse(number, "changed", "The file was changed while it was imported.")
        with transaction.atomic():
            verdicts = store_entries(
                actor=actor, collection=collection, entries=decoded, dataset=dataset, origin=Origin.IMPORT
            )
            if bytes_stored_for(actor) > settings.UPLOAD_BYTES_PER_USER:
                raise StorageQuotaReached("The storage of this user is full. What came before is stored.")
        report.outcomes |= {number: _outcome(verdict) for number, verdict in verdicts.items()}
        yield [*changed, *(one.number for one in decoded)]


def _outcome(verdict: Verdict) -> str:
    return "new" if verdict.outcome == "stored" else verdict.outcome


def _read(batch: Sequence[Scan]) -> tuple[list[RawEntry], list[CheckedEntry]]:
    raw: list[RawEntry] = []
    damaged: list[CheckedEntry] = []
    for scan in batch:
        try:
            raw.append(RawEntry(scan.number, scan.read(), scan.extension, scan.label))
        except EntryDamaged as fault:
            damaged.append(CheckedEntry(scan.number, "", code=fault.code, sentence=fault.sentence))
    return raw, damaged


def _patiently[T](work: Callable[[Sequence[RawEntry]], T], raw: Sequence[RawEntry]) -> T:
    """Nobody waits for a command as for a page: where the decoder has no room, it tries again for a while.

    Raises:
        UploadRefused: none had room, or could be started, in all that time.
    """
    began = time.monotonic()
    while True:
        try:
            return work(raw)
        except NotNow as why:
            down = isinstance(why, DecoderDown)
            patience = _DOWN_SECONDS if down else _BUSY_SECONDS
            if time.monotonic() - began >= patience:
                raise _no_decoder(patience, down=down) from None
        time.sleep(_PAUSE_SECONDS)


def _no_decoder(seconds: float, *, down: bool) -> UploadRefused:
    what = "No decoder of images could be started" if down else "The decoder of images had no room"
    return UploadRefused(
        f"{what} for {seconds:g} seconds. What came before is stored; begin anew once it can.",
        code="decoder_down" if down else "decoder_busy",
        status=503,
    )


def _foretell(report: ScanReport, collection: Collection, found: CheckedEntry, seen: set[str]) -> None:
    if found.code:
        report.refuse(found.number, found.code, found.sentence)
        report.bytes_keys[found.number] = found.bytes_key
        return
    known = {"collection": collection, "pixel_sha256": found.pixel_sha256}
    outcome = "quarantined" if found.quarantined else "new"
    if found.pixel_sha256 in seen:
        outcome = "duplicate"
        report.within += 1
    elif Image.objects.filter(**known).exists():
        outcome = "duplicate"
    elif apart := QuarantinedImage.objects.filter(**known).first():
        outcome = "quarantined" if apart.status == QuarantinedImage.Status.WAITING else "duplicate"
    seen.add(found.pixel_sha256)
    report.outcomes[found.number] = outcome
