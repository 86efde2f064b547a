"""The parts in which an archive is sent: kept encrypted, read as one file, deleted as soon as they were read."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from uuid import UUID

from django.conf import settings
from django.db import transaction

from classifier.exceptions import StateConflict, UploadRefused
from classifier.intake.archive import ArchiveLimits, ArchiveRefused
from classifier.intake.archive.sealing import Seal, SealBroken
from classifier.intake.pseudonyms import refused_stream_key
from classifier.models import Archive, ArchivePart

# Entries lie one behind another, so the part before is seldom asked for again.
_OPEN_PARTS = 2


def archive_limits() -> ArchiveLimits:
    return ArchiveLimits(
        max_bytes=settings.ARCHIVE_MAX_BYTES,
        max_entries=settings.ARCHIVE_MAX_ENTRIES,
        max_unpacked=settings.ARCHIVE_MAX_UNPACKED_BYTES,
        max_ratio=settings.ARCHIVE_MAX_RATIO,
        max_entry=max(settings.UPLOAD_MAX_IMAGE_BYTES, settings.UPLOAD_MAX_DICOM_BYTES),
    )


def part_count(size: int) -> int:
    """In how many parts so many bytes are sent."""
    return -(-size // settings.ARCHIVE_PART_BYTES)


def part_size(archive: Archive, number: int) -> int:
    """How many bytes the part of that number, from 1, has: all the same, and the last what is left.

    Raises:
        UploadRefused: 404, there is no such part.
    """
    last = part_count(archive.size)
    if not 1 <= number <= last:
        raise UploadRefused(
            f"This archive has the parts 1 to {last}; there is no part {number}.",
            code="no_such_part",
            status=404,
        )
    full: int = settings.ARCHIVE_PART_BYTES
    return full if number < last else archive.size - full * (last - 1)


def receive_part(*, archive: Archive, number: int, data: bytes) -> None:
    """Keep one part, encrypted. Sent twice it is kept once: the later one.

    Raises:
        UploadRefused: there is no part of that number, or it has another size.
        StateConflict: the archive is no longer being sent.
    """
    expected = part_size(archive, number)
    if len(data) != expected:
        raise UploadRefused(
            f"Part {number} has {len(data):,} bytes; it must have {expected:,}. Send it again.",
            code="part_size",
            status=400,
        )
    sealed = _seal(archive).close(number, data)
    with transaction.atomic():
        if lock_archive(archive).status != Archive.Status.RECEIVING:
            raise StateConflict("This archive is no longer being sent, so no part of it is taken.")
        ArchivePart.objects.update_or_create(
            archive=archive, number=number, defaults={"size": len(data), "content": sealed}
        )


def lock_archive(archive: Archive) -> Archive:
    """The archive's row as it is now, locked for the rest of the transaction.

    Raises:
        StateConflict: it was deleted meanwhile.
    """
    rows = Archive.objects.select_for_update(of=("self",)).select_related("collection", "created_by")
    found = rows.filter(pk=archive.pk).first()
    if found is None:
        raise StateConflict("This archive is no longer there: it was refused, or nobody went on with it.")
    return found


def arrived_parts(archive: Archive) -> list[int]:
    """The numbers of the parts that are here: they have arrived and are still to be read."""
    return arrived_parts_of_each([archive])[archive.pk]


def arrived_parts_of_each(archives: Sequence[Archive]) -> dict[UUID, list[int]]:
    """The same of several archives, by their identifiers, in one look."""
    found: dict[UUID, list[int]] = {archive.pk: [] for archive in archives}
    rows = ArchivePart.objects.filter(archive__in=archives).order_by("number")
    for pk, number in rows.values_list("archive_id", "number"):
        found[pk].append(number)
    return found


def drop_parts(archive: Archive) -> None:
    """Delete what was sent; to be called in the transaction after which nothing more is read of it."""
    ArchivePart.objects.filter(archive=archive).delete()


def bytes_key(archive: Archive) -> str:
    """The keyed hash of all that was sent of an archive, as any refused upload is audited by one."""
    return refused_stream_key(_opened(archive), settings.SUBJECT_KEY.encode())


def _opened(archive: Archive) -> Iterator[bytes]:
    sealed = SealedArchive(archive)
    for number in arrived_parts(archive):
        try:
            yield sealed.part(number)
        except ArchiveRefused:
            return


def _seal(archive: Archive) -> Seal:
    return Seal(settings.SUBJECT_KEY.encode(), archive.pk.bytes)


class SealedArchive:
    """An archive that has arrived, read as one file: a part is opened when a byte of it is asked for."""

    def __init__(self, archive: Archive) -> None:
        self.size = archive.size
        self._archive = archive
        self._seal = _seal(archive)
        self._open: OrderedDict[int, bytes] = OrderedDict()

    def read_at(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`, fewer only where the archive ends before.

        Raises:
            ArchiveRefused: a part is missing or was altered.
        """
        end = min(offset + length, self.size)
        found = []
        while offset < end:
            index, start = divmod(offset, settings.ARCHIVE_PART_BYTES)
            piece = self.part(index + 1)[start : start + end - offset]
            if not piece:
                raise ArchiveRefused.damaged("a part of it is missing")
            found.append(piece)
            offset += len(piece)
        return b"".join(found)

    def part(self, number: int) -> bytes:
        """One part, as it was sent."""
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        row = ArchivePart.objects.filter(archive=self._archive, number=number).first()
        try:
            data = self._seal.open(number, bytes(row.content)) if row else b""
        except SealBroken:
            raise ArchiveRefused.damaged("a part of it was altered") from None
        if len(data) != part_size(self._archive, number):
            raise ArchiveRefused.damaged("a part of it is missing")
        self._open[number] = data
        while len(self._open) > _OPEN_PARTS:
            self._open.popitem(last=False)
        return data
