"""Brings in scans that lie on this machine, in a folder or a ZIP: all are checked, then the good ones are stored."""

import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from django.conf import settings
from django.db import transaction

from classifier.exceptions import StorageQuotaReached, UploadRefused
from classifier.intake.archive import EntryDamaged, class_of_path, read_directory, read_entry
from classifier.intake.archive.naming import extension_of, is_clutter
from classifier.models import Image, Origin, QuarantinedImage
from classifier.selectors import bytes_stored_for
from classifier.services.archive_parts import archive_limits
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
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record

type Progress = Callable[[int, int], None]
_PAUSE_SECONDS: Final = 1.0
# How long a file waits for a decoder that is busy, and for one that cannot be started.
_BUSY_SECONDS: Final = 600.0
_DOWN_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Scan:
    """One file to be brought in.

    Attributes:
        number: from 1, in the order of the paths in a folder or of a ZIP's directory; by which reports name it.
        label: the class that its folder names, where that is wanted; empty for none.
        read: gives its bytes; called in each pass, so that a set of any size is never whole in memory.
    """

    number: int
    size: int
    extension: str
    label: str
    read: Callable[[], bytes] = field(repr=False)


@dataclass
class ScanReport:
    """What became of every file, or would, by its number; and how many were left out."""

    outcomes: dict[int, str] = field(default_factory=dict)
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    within: int = 0
    ignored: int = 0

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.outcomes.values())

    def refuse(self, number: int, code: str, sentence: str) -> None:
        self.outcomes[number] = "refused"
        self.refused[number] = (code, sentence)


def scans_in_folder(folder: Path, *, labels: bool) -> tuple[list[Scan], int]:
    """The files below a folder by their paths, and how many were left out: links are, to files or to folders, and what
    systems leave there.

    Raises:
        UploadRefused: there is none, or something below cannot be read: it would be missed in silence.
    """
    found: list[Scan] = []
    ignored = 0
    for path in sorted(_below(folder)):
        name = path.relative_to(folder).as_posix()
        try:
            status = path.lstat()
        except OSError as error:
            _unreadable(error)
        if stat.S_ISDIR(status.st_mode):
            continue
        if is_clutter(name) or not stat.S_ISREG(status.st_mode):
            ignored += 1
            continue
        label = class_of_path(name) if labels else ""
        read = partial(_read_file, path)
        found.append(Scan(len(found) + 1, status.st_size, extension_of(name), label, read))
    if not found:
        raise UploadRefused("There is no file in the folder.", code="no_file", status=400)
    return found, ignored


def scans_in_zip(archive: "FileOnDisk", *, labels: bool) -> tuple[list[Scan], int]:
    """The entries of a ZIP, after the checks that every archive gets.

    Raises:
        ArchiveRefused: of the whole of it.
    """
    limits = archive_limits()
    entries = read_directory(archive, limits)
    found = [
        Scan(
            entry.number, entry.unpacked, extension_of(entry.name), class_of_path(entry.name) if labels else "",
            partial(read_entry, archive, entry, limits),
        )
        for entry in entries
        if not entry.ignored
    ]  # fmt: skip
    return found, sum(entry.ignored == "clutter" for entry in entries)


class FileOnDisk:
    """A ZIP that lies on this machine."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def read_at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)


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


def _below(folder: Path) -> Iterator[Path]:
    """The files and folders below a folder. A link to a folder is called one, too, and not gone into."""
    for place, folders, names in os.walk(folder, followlinks=False, onerror=_unreadable):
        yield from (Path(place, name) for name in (*folders, *names))


def _unreadable(_: OSError) -> NoReturn:
    # Its words name what it is about.
    raise UploadRefused(
        "A folder below cannot be read, or what was in it is gone since it was listed. Nothing was stored.",
        code="unreadable",
        status=422,
    ) from None


def _read_file(path: Path) -> bytes:
    limit = archive_limits().max_entry
    try:
        # No link is followed, also not one that was put here since the folder was listed.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            data = file.read(limit + 1)
    except OSError:
        raise EntryDamaged("unreadable", "The file cannot be read.", 422) from None
    if len(data) > limit:
        raise EntryDamaged(
            "file_too_large", f"The file is too large; the limit is {limit / 2**20:g} MiB.", 413
        )
    return data


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
