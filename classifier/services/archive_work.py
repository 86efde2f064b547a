"""What a worker does to an archive's rows: claims it, writes down what it found, stores, and finishes.

Each step is one transaction that first locks the archive and looks whether this claim still holds it. So a worker
that was killed, or was silent for longer than its lease, leaves nothing half done, and whoever goes on does nothing
twice: what a step did and the entries that say so stand or fall together.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from classifier import doorbell
from classifier.models import Archive, ArchiveEntry, QuarantinedImage
from classifier.models import Image as StoredImage
from classifier.selectors.archives import counts_of
from classifier.services.archive_parts import bytes_key
from classifier.services.archive_rights import RIGHTS_WITHDRAWN, require_rights, rights_withdrawn
from classifier.services.archives import end_archive, kept_until
from classifier.services.decoding import Verdict
from classifier.services.entries import CheckedEntry, DecodedEntry, store_entries
from classifier.services.room import check_room_after
from mriplatform.audit.recording import record

Status: Final = Archive.Status
Outcome: Final = ArchiveEntry.Outcome
WORKED_ON: Final = (Status.CHECKING, Status.STORING)


class LeaseLost(Exception):
    """Another worker has this archive now, or its owner called it off: stop, and touch nothing."""


@transaction.atomic
def claim_archive(*, worker: str) -> Archive | None:
    """Take the oldest archive that waits for a worker, or whose worker went silent; those with which nobody can go on
    are given up on the way.

    Args:
        worker: a word for this claim that no other has; it is the fence.
    """
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now())
    waiting = Archive.objects.filter(free, status__in=WORKED_ON).order_by("created_at", "id")
    while archive := waiting.select_for_update(skip_locked=True).first():
        if archive.attempt >= settings.ARCHIVE_ATTEMPTS:
            _give_up(archive)
        elif withdrawn := rights_withdrawn(archive):
            end_archive(archive, Status.FAILED, RIGHTS_WITHDRAWN, withdrawn)
        else:
            break
    if archive is None:
        return None
    Archive.objects.filter(pk=archive.pk).update(
        attempt=F("attempt") + 1, worker=worker[:120], lease_expires_at=_lease()
    )
    return Archive.objects.select_related("collection", "created_by").get(pk=archive.pk)


@transaction.atomic
def release_archive(*, archive: Archive, wait: float = 0, blameless: bool = False) -> None:
    """Give an archive back after a slice of work; whoever comes next, `wait` seconds from now, goes on.

    Args:
        blameless: that nothing moved had nothing to do with the archive, so the attempt is not counted.
    """
    held = Archive.objects.filter(pk=archive.pk, worker=archive.worker, status__in=WORKED_ON)
    free_at = Now() + timedelta(seconds=wait) if wait else None
    attempts = {"attempt": 0} if blameless else {}
    if held.update(lease_expires_at=free_at, worker="", **attempts) and not wait:
        doorbell.ring(doorbell.ARCHIVES)


def entries_to_check(archive: Archive) -> list[int]:
    """The numbers of the entries that nobody has looked at."""
    waiting = ArchiveEntry.objects.filter(archive=archive, outcome=Outcome.PENDING)
    return list(waiting.order_by("number").values_list("number", flat=True))


def entries_to_store(archive: Archive) -> list[ArchiveEntry]:
    """The good entries that are not stored yet."""
    return list(ArchiveEntry.objects.filter(archive=archive, outcome=Outcome.GOOD).order_by("number"))


def renew_lease(*, archive: Archive) -> None:
    """Keep an archive while a step of work on it takes longer than its lease; nothing where this claim has lost it."""
    held = Archive.objects.filter(pk=archive.pk, worker=archive.worker, status__in=WORKED_ON)
    held.update(lease_expires_at=_lease())


@contextmanager
def _held(archive: Archive) -> Iterator[Archive]:
    """A step of work on an archive that this claim still holds; its lease, attempts and time to be kept begin anew.

    Raises:
        LeaseLost: it does not.
    """
    with transaction.atomic():
        mine = Archive.objects.select_for_update(of=("self",)).select_related("collection", "created_by")
        held = mine.filter(pk=archive.pk, worker=archive.worker, status=archive.status).first()
        if held is None:
            raise LeaseLost
        yield held
        Archive.objects.filter(pk=archive.pk, status__in=WORKED_ON).update(
            attempt=0, lease_expires_at=_lease(), expires_at=kept_until()
        )


def record_checked(*, archive: Archive, checked: Sequence[CheckedEntry]) -> None:
    """Write down what was found of some entries.

    Raises:
        LeaseLost: another worker has the archive.
    """
    with _held(archive) as held:
        rows = ArchiveEntry.objects.filter(archive=held, number__in=[one.number for one in checked])
        found = {one.number: one for one in checked}
        here = _known_pixels(held, [one.pixel_sha256 for one in checked if one.pixel_sha256])
        changed = []
        for row in rows.order_by("number"):
            one = found[row.number]
            row.sha256, row.pixel_sha256 = one.sha256, one.pixel_sha256
            row.outcome = Outcome.REFUSED if one.code else Outcome.GOOD
            row.code, row.sentence = one.code[:40], one.sentence[:300]
            if not one.code:
                row.code = here.get(one.pixel_sha256, "quarantined" if one.quarantined else "")
                here.setdefault(one.pixel_sha256, "duplicate_within")
            changed.append(row)
        ArchiveEntry.objects.bulk_update(changed, ["sha256", "pixel_sha256", "outcome", "code", "sentence"])


def finish_check(*, archive: Archive) -> Archive.Status:
    """Decide what follows a check that has looked at every entry.

    Returns:
        The archive's state: `storing`, `checked` after a dry run, or `refused` where one bad entry is one too many.

    Raises:
        LeaseLost: another worker has the archive.
    """
    with _held(archive) as held:
        bad = held.entries.filter(outcome=Outcome.REFUSED).order_by("number")
        good = held.entries.filter(outcome=Outcome.GOOD).exists()
        first = bad.first()
        if first is not None and (not good or not (held.partial or held.dry_run)):
            _refuse(held, first.code, f"Entry {first.number}: {first.sentence}", bad.count())
        elif held.dry_run:
            Archive.objects.filter(pk=held.pk).update(status=Status.CHECKED, worker="", lease_expires_at=None)
        else:
            Archive.objects.filter(pk=held.pk).update(status=Status.STORING)
    archive.refresh_from_db()
    return Archive.Status(archive.status)


def refuse_archive(*, archive: Archive, code: str, sentence: str) -> None:
    """Take nothing of an archive in which something was found that no honest one has.

    Raises:
        LeaseLost: another worker has the archive.
    """
    with _held(archive) as held:
        _refuse(held, code, sentence, 1)


def record_stored(*, archive: Archive, decoded: Sequence[DecodedEntry]) -> None:
    """Store some entries, and write down what became of each.

    Raises:
        LeaseLost: another worker has the archive; nothing was stored.
        UploadRefused: its sender may not send it any more; nothing was stored.
        StorageQuotaReached: there is no room for more; nothing was stored.
    """
    with _held(archive) as held:
        require_rights(held)
        verdicts = store_entries(
            actor=held.created_by, collection=held.collection, entries=decoded, subject_key=held.subject_key,
            dataset=held.dataset,
        )  # fmt: skip
        check_room_after(held.created_by)
        rows = list(ArchiveEntry.objects.filter(archive=held, number__in=list(verdicts)))
        for row in rows:
            verdict = verdicts[row.number]
            row.outcome, row.code, row.sentence = verdict.outcome, _code(row, verdict), verdict.sentence[:300]
            row.study, row.image = verdict.study, verdict.image
        ArchiveEntry.objects.bulk_update(rows, ["outcome", "code", "sentence", "study", "image"])


def _code(row: ArchiveEntry, verdict: Verdict) -> str:
    """Of a duplicate it stays said that the check found it twice in the archive: by then both are in the collection."""
    twice = verdict.code == "duplicate" and row.code == "duplicate_within"
    return row.code if twice else verdict.code[:40]


def finish_storing(*, archive: Archive) -> None:
    """Close an archive of which every good entry is stored.

    Raises:
        LeaseLost: another worker has the archive.
    """
    with _held(archive) as held:
        end_archive(held, Status.STORED, "", "")
        counts = counts_of(held)
        record(
            action="archive.stored", actor=held.created_by, target=held, collection_id=held.collection_id,
            entries=counts.entries, stored=counts.new, duplicates=counts.duplicates,
            quarantined=counts.quarantined, refused=counts.refused,
        )  # fmt: skip


def fail_archive(*, archive: Archive, code: str, sentence: str) -> None:
    """Stop an archive with which nobody can go on; what was stored of it stays.

    Raises:
        LeaseLost: another worker has the archive.
    """
    with _held(archive) as held:
        end_archive(held, Status.FAILED, code, sentence)


def _give_up(archive: Archive) -> None:
    end_archive(
        archive,
        Status.FAILED,
        "worker_lost",
        f"The worker stopped during each of {archive.attempt} attempts. Send the archive again; what was stored is not "
        "stored twice.",
    )


def _refuse(archive: Archive, code: str, sentence: str, files: int) -> None:
    """Nothing was stored of it: its rows stay for a while to tell its sender why, then go as well."""
    key = bytes_key(archive)
    end_archive(archive, Status.REFUSED, code, sentence)
    record(
        action="upload.refused", actor=archive.created_by, collection_id=archive.collection_id, codes=[code],
        files=files, bytes_keys=[key],
    )  # fmt: skip


def _known_pixels(archive: Archive, hashes: Sequence[str]) -> dict[str, str]:
    """Of these pixels those that would not be stored again: the collection has them, or an earlier entry of this
    archive."""
    within = ArchiveEntry.objects.filter(archive=archive, pixel_sha256__in=hashes, outcome=Outcome.GOOD)
    known = {"collection": archive.collection_id, "pixel_sha256__in": hashes}
    here = StoredImage.objects.filter(**known).values_list("pixel_sha256", flat=True)
    apart = QuarantinedImage.objects.filter(**known).values_list("pixel_sha256", "status")
    found = dict.fromkeys(within.values_list("pixel_sha256", flat=True), "duplicate_within")
    # About what no longer waits there somebody has decided: it is let in, or refused, already.
    found |= {
        sha: "quarantined" if status == QuarantinedImage.Status.WAITING else "duplicate"
        for sha, status in apart
    }
    return found | dict.fromkeys(here, "duplicate")


def _lease() -> object:
    return Now() + timedelta(seconds=settings.ARCHIVE_LEASE_SECONDS)
