"""Entries of an archive or files of a folder: each is looked at by itself, and several are stored together."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import batched

from django.conf import settings

from classifier.intake import TakenIn, refused_bytes_key
from classifier.models import Origin
from classifier.services.decoding import UploadedPart, Verdict, decode_part
from classifier.services.entry_labels import send_label
from classifier.services.groups import Grouping, UploadResult, grouped, is_suspect, store_group
from classifier.services.room import Unpacked
from classifier.services.storing import Arrival
from mriplatform.accounts.models import Collection, User

# What is decoded at once, and stored in one transaction: what a kill can lose, and what others wait for.
BATCH_ENTRIES = 10
BATCH_BYTES = 16 * 2**20
# As many children as a decoder has.
_AT_ONCE = 2


@dataclass(frozen=True)
class RawEntry:
    """One file, known by its number.

    Attributes:
        extension: of its name, with which its content is compared; the rest of the name is nowhere.
        label: what its folder says of it, if that counts.
    """

    number: int
    data: bytes = field(repr=False)
    extension: str = ""
    label: str = ""


@dataclass(frozen=True)
class CheckedEntry:
    """What was found of one file; a code says why it is refused.

    Attributes:
        bytes_key: of a refused file, the hash of its bytes that the audit keeps.
    """

    number: int
    sha256: str
    pixel_sha256: str = ""
    quarantined: bool = False
    code: str = ""
    sentence: str = ""
    bytes_key: str = ""


@dataclass(frozen=True)
class DecodedEntry:
    """One good file, ready to be stored."""

    number: int
    taken: TakenIn = field(repr=False)
    label: str = ""


class NotNow(Exception):
    """The decoder has no room at the moment; nothing is wrong with the file."""


class DecoderDown(NotNow):
    """No decoder can be started, so it does not help to wait for one that is free."""


def batches[T](entries: Iterable[tuple[T, int]]) -> Iterator[list[T]]:
    """What is worked on at once: few entries, and of large ones fewer. Each comes with its size in bytes."""
    batch: list[T] = []
    total = 0
    for entry, size in entries:
        if batch and (len(batch) >= BATCH_ENTRIES or total + size > BATCH_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(entry)
        total += size
    if batch:
        yield batch


def check_entries(entries: Sequence[RawEntry]) -> list[CheckedEntry]:
    """Look at some files as whoever stores them will, and store nothing.

    Raises:
        NotNow: the decoder has no room; `DecoderDown`, there is none.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(_checked, entries))


def decode_entries(
    entries: Sequence[RawEntry],
) -> tuple[list[DecodedEntry], list[Verdict], list[RawEntry]]:
    """Decode files that were checked, the first ones of them that unpack to enough to be stored.

    Returns:
        The decoded ones; the verdicts of those that are not good after all; and those that were not looked at.

    Raises:
        NotNow: the decoder has no room; `DecoderDown`, there is none.
    """
    good: list[DecodedEntry] = []
    bad: list[Verdict] = []
    unpacked = Unpacked()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for some in batched(entries, _AT_ONCE):
            for entry, found in zip(some, pool.map(_decode, some), strict=True):
                if isinstance(found, Verdict):
                    bad.append(found)
                else:
                    unpacked.add(found)
                    good.append(DecodedEntry(entry.number, found, entry.label))
            if unpacked.is_enough:
                break
    return good, bad, list(entries[len(good) + len(bad) :])


def store_entries(
    *,
    actor: User,
    collection: Collection,
    entries: Sequence[DecodedEntry],
    subject_key: str = "",
    dataset: str = "",
    origin: Origin = Origin.ARCHIVE,
) -> dict[int, Verdict]:
    """Store files, DICOM of one study together and each other as a study of its own, and say what became of each.

    To be called in a transaction of the caller's, who writes down the verdicts in the same one.
    """
    verdicts: dict[int, Verdict] = {}
    for group in _groups(entries):
        label = group[0].label
        arrival = Arrival(origin, subject_key, dataset=dataset if label else "", label=label)
        result = UploadResult()
        store_group(result, actor, collection, [(entry.number, entry.taken) for entry in group], arrival)
        for verdict in result.verdicts:
            verdicts[verdict.number] = verdict
            for image in verdict.images or filter(None, [verdict.image]):
                send_label(image=image, label=label, dataset=dataset, actor=actor)
    return verdicts


def _decode(entry: RawEntry) -> Verdict | TakenIn:
    name = f"{entry.number}.{entry.extension}" if entry.extension else ""
    found = decode_part(entry.number, UploadedPart(entry.data, name))
    if not isinstance(found, Verdict):
        return found[1]
    if found.status >= 500:
        raise DecoderDown if found.code == "decoder_down" else NotNow
    return found


def _checked(entry: RawEntry) -> CheckedEntry:
    """What is found of a file. Its pixels are let go here, not once the others were looked at."""
    found = _decode(entry)
    sha256 = hashlib.sha256(entry.data).hexdigest()
    if isinstance(found, Verdict):
        key = refused_bytes_key(entry.data, settings.SUBJECT_KEY.encode())
        return CheckedEntry(entry.number, sha256, code=found.code, sentence=found.sentence, bytes_key=key)
    return CheckedEntry(
        entry.number,
        sha256,
        pixel_sha256=found.frames[0].image.pixel_sha256,
        quarantined=all(is_suspect(found, frame) for frame in found.frames),
    )


def _groups(entries: Sequence[DecodedEntry]) -> list[list[DecodedEntry]]:
    """Files by the study that they are of, and by what their folders say."""
    by_label: dict[str, list[DecodedEntry]] = {}
    for entry in entries:
        by_label.setdefault(entry.label, []).append(entry)
    found = []
    for alike in by_label.values():
        numbered = {entry.number: entry for entry in alike}
        studies = grouped([(entry.number, entry.taken) for entry in alike], Grouping.STUDY_EACH)
        found += [[numbered[item[0]] for item in study if not isinstance(item, Verdict)] for study in studies]
    return found
