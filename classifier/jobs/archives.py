"""Takes archives in: looks at every entry, then stores them, in slices of seconds, each step its own transaction."""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, connection

from classifier.exceptions import StorageQuotaReached, UploadRefused
from classifier.intake.archive import Entry, EntryDamaged, read_directory, read_entry
from classifier.intake.archive.naming import extension_of
from classifier.jobs.inference import worker_name
from classifier.models import Archive, ArchiveEntry
from classifier.services.archive_parts import SealedArchive, archive_limits
from classifier.services.archive_work import (
    LeaseLost,
    claim_archive,
    entries_to_check,
    entries_to_store,
    fail_archive,
    finish_check,
    finish_storing,
    record_checked,
    record_stored,
    refuse_archive,
    release_archive,
    renew_lease,
)
from classifier.services.archives import sweep_archives
from classifier.services.entries import (
    CheckedEntry,
    DecoderDown,
    NotNow,
    RawEntry,
    batches,
    check_entries,
    decode_entries,
)

logger = logging.getLogger(__name__)

# A slice gives its worker back after this long: a warm shutdown, or another's small archive, waits no longer.
SLICE_SECONDS: Final = 10.0
# How long an archive waits where the decoder had no room for it.
PAUSE_SECONDS: Final = 5.0
# And where no decoder could be started: long enough for what used the machine up to be over.
DOWN_SECONDS: Final = 60.0
# A stack of a thousand frames full of writing takes minutes; what takes longer than this hangs, and is let go.
STALL_SECONDS: Final = 1800.0


def drain() -> int:
    """Work on archives for a slice of time.

    Returns:
        How many slices of archives were worked on: 0 where nothing waits.
    """
    sweep_archives()
    deadline = time.monotonic() + SLICE_SECONDS
    worked = 0
    while time.monotonic() < deadline:
        archive = claim_archive(worker=f"{worker_name()}:{uuid4().hex[:12]}")
        if archive is None:
            break
        _work(archive, deadline)
        worked += 1
    return worked


def _work(archive: Archive, deadline: float) -> None:
    """One slice of one archive; whatever goes wrong with it, the next one is worked on."""
    wait, blameless = 0.0, False
    try:
        with _kept_alive(archive):
            Slice(archive, deadline).run()
    except LeaseLost:
        return
    except DecoderDown:
        logger.warning("Archive %s: no decoder can be started (attempt %d).", archive.pk, archive.attempt)
        if archive.attempt >= settings.ARCHIVE_ATTEMPTS:
            return _without_decoder(archive)
        wait = DOWN_SECONDS
    except NotNow:
        logger.warning("Archive %s waits: the decoder has no room.", archive.pk)
        wait, blameless = PAUSE_SECONDS, True
    except Exception as error:  # noqa: BLE001 - the next archive must not wait for the reason
        # Where it happened, and never its words: they may quote what is in the archive.
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("A slice of archive %s ended in a %s.\n%s", archive.pk, type(error).__name__, where)
        wait = PAUSE_SECONDS
    release_archive(archive=archive, wait=wait, blameless=blameless)


def _without_decoder(archive: Archive) -> None:
    sentence = (
        "Images cannot be decoded here at the moment; the administrator finds the reason in the worker's log. What was "
        "stored stays; send the archive again later."
    )
    with suppress(LeaseLost):
        fail_archive(archive=archive, code="decoder_down", sentence=sentence)


@contextmanager
def _kept_alive(archive: Archive) -> Iterator[None]:
    """Renew the lease from a thread of its own while one step takes longer than the lease."""
    done = threading.Event()
    thread = threading.Thread(target=_renew, args=(archive, done), daemon=True, name="archive-lease")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _renew(archive: Archive, done: threading.Event) -> None:
    began = time.monotonic()
    try:
        while not done.wait(settings.ARCHIVE_LEASE_SECONDS / 3) and time.monotonic() - began < STALL_SECONDS:
            try:
                renew_lease(archive=archive)
            except DatabaseError:
                logger.warning("The lease of archive %s could not be renewed; trying again.", archive.pk)
    finally:
        connection.close()


class Slice:
    """A slice of work on one archive, whose directory is read again: names are kept nowhere between slices."""

    def __init__(self, archive: Archive, deadline: float) -> None:
        self._archive = archive
        self._deadline = deadline
        self._limits = archive_limits()
        self._file = SealedArchive(archive)

    def run(self) -> None:
        """Go on with the check, or with the storing, until all is done or the slice is over."""
        archive = self._archive
        try:
            entries = {entry.number: entry for entry in read_directory(self._file, self._limits)}
            if archive.status == Archive.Status.CHECKING:
                self._check(entries)
            if archive.status == Archive.Status.STORING:
                self._store(entries)
        except UploadRefused as refusal:
            self._stop(refusal)
        except StorageQuotaReached as refusal:
            sentence = (
                f"{refusal.sentence} What was stored before stays; make room, then send the archive again."
            )
            fail_archive(archive=archive, code=refusal.code, sentence=sentence)

    def _stop(self, refusal: UploadRefused) -> None:
        if self._archive.status == Archive.Status.CHECKING:
            refuse_archive(archive=self._archive, code=refusal.code, sentence=refusal.sentence)
        else:
            fail_archive(archive=self._archive, code=refusal.code, sentence=refusal.sentence)

    def _check(self, entries: dict[int, Entry]) -> None:
        numbers = entries_to_check(self._archive)
        if self._through(
            batches([(entries[number], entries[number].unpacked) for number in numbers]), self._look
        ):
            finish_check(archive=self._archive)

    def _look(self, batch: list[Entry]) -> None:
        raw, damaged = self._read(batch, {})
        record_checked(archive=self._archive, checked=[*check_entries(raw), *damaged])

    def _store(self, entries: dict[int, Entry]) -> None:
        rows = entries_to_store(self._archive)
        labels = {row.number: row for row in rows}
        sized = [(entries[row.number], row.size) for row in rows]
        if self._through(batches(sized), lambda batch: self._keep(batch, labels)):
            finish_storing(archive=self._archive)

    def _keep(self, batch: list[Entry], rows: dict[int, ArchiveEntry]) -> None:
        raw, damaged = self._read(batch, {number: row.label for number, row in rows.items()})
        while raw or damaged:
            good, bad, raw = decode_entries(raw)
            if bad or damaged:
                raise RuntimeError(
                    "Entries that were good a moment ago are not: a limit was lowered, or a decoder killed."
                )
            record_stored(archive=self._archive, decoded=good)

    def _read(self, batch: list[Entry], labels: dict[int, str]) -> tuple[list[RawEntry], list[CheckedEntry]]:
        """The bytes of some entries, and the verdicts of those that cannot be taken out."""
        raw: list[RawEntry] = []
        damaged: list[CheckedEntry] = []
        for entry in batch:
            try:
                data = read_entry(self._file, entry, self._limits)
            except EntryDamaged as fault:
                damaged.append(CheckedEntry(entry.number, "", code=fault.code, sentence=fault.sentence))
            else:
                label = labels.get(entry.number, "")
                raw.append(RawEntry(entry.number, data, extension_of(entry.name), label))
        return raw, damaged

    def _through[T](self, found: Iterator[T], step: Callable[[T], None]) -> bool:
        """Whether every batch was worked on before the slice was over. One is always: else nothing would move."""
        for batch in found:
            step(batch)
            if time.monotonic() > self._deadline:
                # The last one of all may have been this one: whoever comes next sees that nothing is left.
                return False
        return True
