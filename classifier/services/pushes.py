"""DICOM that a PACS or a gateway pushes: every instance stands alone, and nothing is stored before all have arrived."""

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction

from classifier.exceptions import PlatformError, UploadRefused
from classifier.intake import refused_bytes_key, replaced_uid
from classifier.models import Origin
from classifier.services.decoding import Decoded, UploadedPart, Verdict, decode_part, names_of
from classifier.services.groups import Grouping, UploadResult, grouped, store_group
from classifier.services.room import Unpacked, check_room_after, check_room_for
from classifier.services.storing import Arrival
from classifier.services.uploads import check_rate, record_refusal
from mriplatform.accounts.models import Collection, User

OTHER_STUDY = "The instance is of another study than the address names."


def receive_push(
    *, actor: User, collection: Collection, instances: Iterable[bytes], study_uid: str = ""
) -> UploadResult:
    """Store the instances that can be, each in the study that it is of, and say of every one what became of it.

    Nothing but DICOM is taken here. Of the instances as they were sent no more than one is in memory at a time.

    Args:
        instances: read one after the other; what reading them raises ends the push, and nothing is stored.
        study_uid: the sender's, of the only study that they may be of.

    Raises:
        UploadRefused: there is no instance, or they unpack to more than one request may bring.
        TooManyUploads, StorageQuotaReached: nothing was stored.
    """
    key = settings.SUBJECT_KEY.encode()
    wanted = replaced_uid(study_uid, key) if study_uid else ""
    check_rate(actor)
    decoded: list[Decoded] = []
    keys: list[str] = []
    size, unpacked = 0, Unpacked()
    result = UploadResult()
    try:
        for number, data in enumerate(instances, start=1):
            size += len(data)
            keys.append(refused_bytes_key(data, key))
            item = _of_study(decode_part(number, UploadedPart(data, "1.dcm")), wanted)
            decoded.append(unpacked.counted(item))
        if not decoded:
            raise UploadRefused("No instance was sent.", code="no_file", status=400)
        left = check_room_for(actor, size)
        with transaction.atomic():
            for group in grouped(decoded, Grouping.STUDY_EACH):
                store_group(result, actor, collection, group, Arrival(Origin.DICOMWEB))
            check_room_after(actor, brought=unpacked.bytes, left=left)
    except PlatformError as error:
        record_refusal(actor, collection, keys, [error.code])
        raise
    if refused := [item for item in decoded if isinstance(item, Verdict)]:
        bad = [keys[verdict.number - 1] for verdict in refused]
        record_refusal(actor, collection, bad, [verdict.code for verdict in refused])
    result.verdicts.sort(key=lambda verdict: verdict.number)
    return result


def _of_study(item: Decoded, wanted: str) -> Decoded:
    """What was decoded; refused where it is of another study than the wanted one."""
    if isinstance(item, Verdict) or not wanted or (item[1].study and item[1].study.study_uid == wanted):
        return item
    return Verdict(
        item[0], "refused", code="other_study", sentence=OTHER_STUDY, status=409, names=names_of(item[1])
    )
