"""Uploads: bytes come in, canonical pixels, rows and queued predictions go out, all of them or none."""

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from classifier.exceptions import PlatformError, TooManyUploads, UploadRefused
from classifier.intake import refused_bytes_key, subject_key
from classifier.models import Origin
from classifier.selectors import uploads_in_last_minute
from classifier.services.decoding import Decoded, UploadedPart, Verdict, decode_part, decoder
from classifier.services.groups import Grouping, UploadResult, grouped, store_group
from classifier.services.room import Unpacked, check_room_after, check_room_for
from classifier.services.storing import Arrival
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record

__all__ = [
    "Arrival",
    "Decoded",
    "Grouping",
    "UploadResult",
    "UploadedPart",
    "Verdict",
    "check_rate",
    "check_room",
    "check_room_after",
    "check_room_for",
    "decode_part",
    "decoder",
    "grouped",
    "receive_upload",
    "record_refusal",
    "store_group",
]


def receive_upload(
    *,
    actor: User,
    collection: Collection,
    files: Sequence[UploadedPart],
    grouping: Grouping,
    pseudonym: str = "",
    origin: Origin = Origin.PORTAL,
) -> UploadResult:
    """Store what was sent as one study, or each file as a study of its own, and queue the predictions.

    As one study it is all or nothing. As a study each, every file stands alone: the good ones are stored and each
    bad one gets its verdict; only if all are bad is the upload refused. DICOM says itself which study it is of, so it
    becomes as many as there are, and joins those that are open; whose it is, it says better than the pseudonym. An
    image whose pixels the collection has already is answered with the study that holds it; one with writing in it is
    kept apart until a reviewer of the intake has decided.

    Raises:
        UploadRefused: nothing was stored; code, status and sentence are those of the first bad file, or they unpack to
            more than one request may bring.
        TooManyUploads, StorageQuotaReached: nothing was stored.
    """
    if not files:
        raise UploadRefused(
            "No file was sent. Send one or more PNG, JPEG or DICOM images.", code="no_file", status=400
        )
    try:
        check_rate(actor)
        left = check_room(actor, files)
        subject = subject_key(pseudonym, settings.SUBJECT_KEY.encode()) or ""
        unpacked = Unpacked()
        decoded = [unpacked.counted(decode_part(number, part)) for number, part in enumerate(files, start=1)]
        refused = [item for item in decoded if isinstance(item, Verdict)]
        if refused and (grouping is Grouping.ONE_STUDY or len(refused) == len(decoded)):
            raise _refusal(refused, len(files))
        result = UploadResult()
        with transaction.atomic():
            for group in grouped(decoded, grouping):
                store_group(result, actor, collection, group, Arrival(origin, subject))
            check_room_after(actor, brought=unpacked.bytes, left=left)
    except PlatformError as error:
        _record_refused_files(actor, collection, files, [error.code])
        raise
    if refused:
        bad = [files[verdict.number - 1] for verdict in refused]
        _record_refused_files(actor, collection, bad, [verdict.code for verdict in refused])
    result.verdicts.sort(key=lambda verdict: verdict.number)
    return result


def _refusal(refused: Sequence[Verdict], files: int) -> UploadRefused:
    first = refused[0]
    prefix = f"Image {first.number}: " if files > 1 else ""
    refusal = UploadRefused(prefix + first.sentence, code=first.code, status=first.status)
    refusal.by_file = {verdict.number: (verdict.code, verdict.sentence) for verdict in refused}
    return refusal


def check_rate(actor: User) -> None:
    """Refuse more than somebody may send in a minute.

    Raises:
        TooManyUploads: it is.
    """
    if uploads_in_last_minute(actor) >= settings.UPLOADS_PER_MINUTE:
        raise TooManyUploads(
            f"You sent more than {settings.UPLOADS_PER_MINUTE} studies in a minute. Wait a minute, then send the rest.",
            retry_after=60,
        )


def check_room(actor: User, files: Sequence[UploadedPart]) -> int:
    """Refuse what would fill the storage that one person may fill; returns how many bytes are left.

    Raises:
        StorageQuotaReached: it would.
    """
    return check_room_for(actor, sum(len(part.data) for part in files))


def _record_refused_files(
    actor: User, collection: Collection, files: Sequence[UploadedPart], codes: Sequence[str]
) -> None:
    keys = [refused_bytes_key(part.data, settings.SUBJECT_KEY.encode()) for part in files]
    record_refusal(actor, collection, keys, codes)


def record_refusal(actor: User, collection: Collection, keys: Sequence[str], codes: Sequence[str]) -> None:
    """One line of the audit for files that were refused: why, and hashes that only the holder of the key can match."""
    record(
        action="upload.refused", actor=actor, collection_id=collection.pk, codes=list(codes), files=len(keys),
        bytes_keys=list(keys),
    )  # fmt: skip
