"""Archives: begun, sent in parts, handed to the workers once whole, stored on a person's word, or called off."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from classifier import doorbell
from classifier.exceptions import StateConflict, StorageQuotaReached, TooManyUploads, UploadRefused
from classifier.intake import subject_key
from classifier.intake.archive import ArchiveRefused, Entry, class_of_path, read_directory
from classifier.models import Archive, ArchiveEntry
from classifier.selectors import bytes_stored_for, uploads_in_last_minute
from classifier.selectors.archives import UNFINISHED, bytes_on_their_way, stored_so_far
from classifier.services.archive_parts import (
    SealedArchive,
    archive_limits,
    arrived_parts,
    bytes_key,
    drop_parts,
    lock_archive,
    part_count,
    receive_part,
)
from classifier.services.archive_rights import require_rights
from classifier.services.uploads import record_refusal
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record

MAX_DATASET_CHARACTERS = 120


def create_archive(
    *,
    actor: User,
    collection: Collection,
    size: int,
    dry_run: bool = False,
    partial: bool = False,
    folder_labels: bool = False,
    dataset: str = "",
    pseudonym: str = "",
) -> Archive:
    """Begin an archive of `size` bytes; its parts are sent next.

    Args:
        dry_run: it is checked and then waits for a person's word, with counts of what would be stored.
        partial: its good entries are stored even where some are bad.
        folder_labels: an entry has the class that its folder names for a label; who may is the caller's to ask.
        dataset: the set that such labels come from.
        pseudonym: of the one subject that all its images are of.

    Raises:
        UploadRefused: it is empty, too large, or has no good name for its set.
        TooManyUploads, StorageQuotaReached: nothing was begun.
    """
    _check_size(actor, collection, size)
    if len(dataset) > MAX_DATASET_CHARACTERS or not dataset.isprintable():
        raise UploadRefused(
            f"Name the data set in at most {MAX_DATASET_CHARACTERS} characters.",
            code="dataset_name",
            status=400,
        )
    if uploads_in_last_minute(actor) >= settings.UPLOADS_PER_MINUTE:
        raise TooManyUploads(
            f"You sent more than {settings.UPLOADS_PER_MINUTE} studies in a minute. Wait a minute, then go on.",
            retry_after=60,
        )
    if bytes_stored_for(actor) + bytes_on_their_way(actor) + size > settings.UPLOAD_BYTES_PER_USER:
        raise StorageQuotaReached(
            "Your storage is full. Ask an administrator to purge studies or raise the limit."
        )
    archive = Archive(
        collection=collection, created_by=actor, size=size, dry_run=dry_run, partial=partial,
        folder_labels=folder_labels, subject_key=subject_key(pseudonym, settings.SUBJECT_KEY.encode()) or "",
        expires_at=kept_until(),
    )  # fmt: skip
    archive.dataset = (dataset.strip() or f"Archive {archive.short_id}") if folder_labels else ""
    archive.save()
    return archive


def whole_archive(file: UploadedFile[Any]) -> bytes:
    """The bytes of an archive that came as one file of a request.

    Raises:
        UploadRefused: 413, it is too large to come so.
    """
    limit: int = settings.UPLOAD_MAX_IMAGE_BYTES
    if (file.size or 0) > limit:
        raise UploadRefused(
            f"A ZIP in one request may have {limit / 2**20:g} MiB. Send a larger one in parts.",
            code="zip_too_large",
            status=413,
        )
    return bytes(file.read())


def send_archive(*, archive: Archive, data: bytes) -> Archive:
    """Take a small archive that came as one file: all its parts, and what follows them.

    Raises:
        UploadRefused: as `complete_archive`.
    """
    step: int = settings.ARCHIVE_PART_BYTES
    for number in range(1, part_count(archive.size) + 1):
        receive_part(archive=archive, number=number, data=data[(number - 1) * step : number * step])
    return complete_archive(archive=archive)


def complete_archive(*, archive: Archive) -> Archive:
    """Look at the directory of an archive that has arrived, and hand it to the workers. Said twice it is done once.

    Raises:
        StateConflict: parts are missing, or it was called off.
        UploadRefused: what the directory shows is not taken; everything of the archive is deleted.
    """
    if archive.status != Archive.Status.RECEIVING:
        return _already_complete(archive)
    _require_all_parts(archive)
    try:
        entries = read_directory(SealedArchive(archive), archive_limits())
    except ArchiveRefused as refusal:
        now = _forget(archive, refusal)
        if now is not None:
            return _already_complete(now)
        raise
    with transaction.atomic():
        archive = lock_archive(archive)
        if archive.status != Archive.Status.RECEIVING:
            return _already_complete(archive)
        ArchiveEntry.objects.bulk_create([_row(archive, entry) for entry in entries], batch_size=500)
        archive.status = Archive.Status.CHECKING
        archive.expires_at = kept_until()
        archive.save(update_fields=["status", "expires_at"])
        doorbell.ring(doorbell.ARCHIVES)
    return archive


@transaction.atomic
def store_archive(*, archive: Archive, partial: bool = False) -> Archive:
    """Store an archive that was checked in a dry run. Said twice it is done once.

    Args:
        partial: its good entries, even where some are bad.

    Raises:
        StateConflict: it is not there yet, or called off, or some entries are bad and `partial` was not said.
        UploadRefused: its sender may not send it any more.
    """
    archive = lock_archive(archive)
    if archive.status in (Archive.Status.STORING, Archive.Status.STORED):
        return archive
    if archive.status != Archive.Status.CHECKED:
        raise StateConflict("Only an archive that was checked, and waits for your word, can be stored.")
    require_rights(archive)
    archive.partial = archive.partial or partial
    bad = archive.entries.filter(outcome=ArchiveEntry.Outcome.REFUSED).count()
    if bad and not archive.partial:
        raise StateConflict(
            f"Refused entries: {bad}. Nothing is stored; store the good ones, or send the archive without these."
        )
    archive.status = Archive.Status.STORING
    archive.expires_at = kept_until()
    archive.save(update_fields=["status", "partial", "expires_at"])
    doorbell.ring(doorbell.ARCHIVES)
    return archive


@transaction.atomic
def cancel_archive(*, actor: User, archive: Archive) -> Archive:
    """Call an archive off: what was sent is deleted; what of it was stored already stays. Said twice it is done once.

    Raises:
        StateConflict: it is finished.
    """
    archive = lock_archive(archive)
    if archive.status == Archive.Status.CANCELLED:
        return archive
    if archive.status not in UNFINISHED:
        raise StateConflict("This archive is finished; there is nothing left to cancel.")
    end_archive(archive, Archive.Status.CANCELLED, "cancelled", _cancelled_sentence(archive))
    record(action="archive.cancelled", actor=actor, target=archive, collection_id=archive.collection_id)
    return archive


def end_archive(archive: Archive, status: Archive.Status, code: str, sentence: str) -> None:
    """Finish an archive, whose row the caller has locked: nothing more is read of what was sent."""
    drop_parts(archive)
    archive.status, archive.code, archive.sentence = status, code[:40], sentence[:300]
    archive.finished_at = timezone.now()
    archive.lease_expires_at, archive.worker = None, ""
    archive.expires_at = kept_until()
    archive.save()
    if status == Archive.Status.FAILED:
        record(action="archive.failed", target=archive, collection_id=archive.collection_id, code=code)


@transaction.atomic
def sweep_archives() -> int:
    """End archives with which nobody went on, their senders or a worker, and forget those that were not stored, some
    time after.

    Returns:
        How many there were.
    """
    old = Archive.objects.select_for_update(skip_locked=True).filter(expires_at__lt=timezone.now())
    abandoned = list(old.filter(status__in=[Archive.Status.RECEIVING, Archive.Status.CHECKED])[:20])
    for archive in abandoned:
        sentence = "Nobody went on with it in time, so it was deleted. Send it again."
        end_archive(archive, Archive.Status.CANCELLED, "expired", sentence)
    free = Q(worker="") | Q(lease_expires_at__lt=Now())
    stuck = list(old.filter(free, status__in=[Archive.Status.CHECKING, Archive.Status.STORING])[:20])
    for archive in stuck:
        sentence = (
            "No worker went on with it in time, so what was sent is deleted. What was stored of it stays."
        )
        end_archive(archive, Archive.Status.FAILED, "expired", sentence)
    left = (Archive.Status.REFUSED, Archive.Status.CANCELLED, Archive.Status.FAILED)
    unstored = old.filter(status__in=left).exclude(entries__outcome=ArchiveEntry.Outcome.STORED)
    forgotten = list(unstored.values_list("pk", flat=True)[:20])
    ArchiveEntry.objects.filter(archive__in=forgotten).delete()
    Archive.objects.filter(pk__in=forgotten).delete()
    return len(abandoned) + len(stuck) + len(forgotten)


def _check_size(actor: User, collection: Collection, size: int) -> None:
    limits = archive_limits()
    if 1 <= size <= limits.max_bytes:
        return
    refusal = UploadRefused("The file is empty.", code="empty_file", status=400)
    if size:
        refusal = UploadRefused(
            f"The ZIP is too large; the limit is {limits.max_bytes / 2**20:g} MiB. Send several smaller ones.",
            code="zip_too_large",
            status=413,
        )
    # Nothing of it has come by which its sender could find it.
    record_refusal(actor, collection, [""], [refusal.code])
    raise refusal


def _require_all_parts(archive: Archive) -> None:
    missing = sorted(set(range(1, part_count(archive.size) + 1)) - set(arrived_parts(archive)))
    if missing:
        named = ", ".join(map(str, missing[:10])) + (" and more" if len(missing) > 10 else "")
        raise StateConflict(f"Not all parts have arrived; send these: {named}.", code="parts_missing")


def _already_complete(archive: Archive) -> Archive:
    if archive.status in (Archive.Status.CANCELLED, Archive.Status.FAILED):
        raise StateConflict(archive.sentence or "This archive was called off.")
    return archive


@transaction.atomic
def _forget(archive: Archive, refusal: ArchiveRefused) -> Archive | None:
    """Nothing of a refused archive stays but one line of the audit.

    Returns:
        The archive as it is now, of which nothing was forgotten, where it was no longer being sent: what could not
        be read was not damaged, but deleted after it was called off or stored meanwhile.

    Raises:
        StateConflict: the same was said twice at once, and the other one did it.
    """
    archive = lock_archive(archive)
    if archive.status != Archive.Status.RECEIVING:
        return archive
    key = bytes_key(archive)
    ArchiveEntry.objects.filter(archive=archive).delete()
    drop_parts(archive)
    archive.delete()
    record_refusal(archive.created_by, archive.collection, [key], [refusal.code])
    return None


def _row(archive: Archive, entry: Entry) -> ArchiveEntry:
    outcome = ArchiveEntry.Outcome.IGNORED if entry.ignored else ArchiveEntry.Outcome.PENDING
    label = class_of_path(entry.name) if archive.folder_labels and not entry.ignored else ""
    said = "Left out: it is what a system adds beside the files." if entry.ignored == "clutter" else ""
    return ArchiveEntry(
        archive=archive, number=entry.number, size=entry.unpacked, label=label, outcome=outcome, code=entry.ignored,
        sentence=said,
    )  # fmt: skip


def _cancelled_sentence(archive: Archive) -> str:
    stored = stored_so_far(archive)
    if not stored:
        return "You cancelled it. Nothing was stored."
    return f"You cancelled it after {stored:,} of its images were stored; those stay."


def kept_until() -> datetime:
    """Until when an archive stays with which nobody goes on from now."""
    return timezone.now() + timedelta(hours=settings.ARCHIVE_HOURS)
