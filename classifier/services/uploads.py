"""Uploads: bytes come in, canonical pixels, rows and queued predictions go out, all of them or none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction

from classifier.exceptions import PlatformError, StorageQuotaReached, TooManyUploads, UploadRefused
from classifier.intake import Decoder, IntakeRefused, Limits, canonicalise, refused_bytes_key, subject_key
from classifier.intake.canonical import CanonicalImage
from classifier.models import Image, Origin, Study
from classifier.selectors import bytes_stored_for, uploads_in_last_minute
from classifier.services.clusters import assign_cluster, to_signed
from classifier.services.predictions import queue_predictions
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from mriplatform.identifiers import uuid7


class Grouping(StrEnum):
    ONE_STUDY = "one_study"
    STUDY_EACH = "study_each"


@dataclass(frozen=True)
class UploadedPart:
    """One file as it came in. The name is used to compare its ending with the content, and then forgotten."""

    data: bytes
    filename: str = ""


@dataclass(frozen=True)
class Verdict:
    """What became of one file; `number` counts from 1, in the order of the request."""

    number: int
    outcome: str  # stored | duplicate | refused
    code: str = ""
    sentence: str = ""
    status: int = 202
    study: Study | None = None
    image: Image | None = None


@dataclass(frozen=True)
class Arrival:
    """How a study comes in.

    Attributes:
        subject_key: the keyed hash of its subject, if it has one; never a pseudonym.
        dataset: the labelled set that an import brings it from.
        plane: one of `Plane`, where something that came with the images told it.
        analyse: whether its predictions are queued.
    """

    origin: Origin
    subject_key: str = ""
    dataset: str = ""
    plane: str = ""
    analyse: bool = True


@dataclass
class UploadResult:
    """The studies that an upload made, and a verdict per file."""

    studies: list[Study] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)


@lru_cache(maxsize=1)
def decoder() -> Decoder:
    """The decoding child processes of this web process, started with the first upload."""
    return Decoder(seconds=settings.DECODE_SECONDS, memory_bytes=settings.DECODE_MEMORY_BYTES)


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
    bad one gets its verdict; only if all are bad is the upload refused. An image whose pixels the collection has
    already is answered with the study that holds it.

    Raises:
        UploadRefused: nothing was stored; code, status and sentence are those of the first bad file.
        TooManyUploads, StorageQuotaReached: nothing was stored.
    """
    if not files:
        raise UploadRefused(
            "No file was sent. Send one or more PNG or JPEG images.", code="no_file", status=400
        )
    try:
        _check_quota(actor, files)
        subject = subject_key(pseudonym, settings.SUBJECT_KEY.encode()) or ""
        decoded = [decode_part(number, part) for number, part in enumerate(files, start=1)]
        refused = [item for item in decoded if isinstance(item, Verdict)]
        if refused and (grouping is Grouping.ONE_STUDY or len(refused) == len(decoded)):
            first = refused[0]
            prefix = f"Image {first.number}: " if len(files) > 1 else ""
            refusal = UploadRefused(prefix + first.sentence, code=first.code, status=first.status)
            refusal.by_file = {verdict.number: (verdict.code, verdict.sentence) for verdict in refused}
            raise refusal
    except PlatformError as error:
        _record_refusal(actor, collection, files, [error.code])
        raise
    if refused:
        bad = [files[verdict.number - 1] for verdict in refused]
        _record_refusal(actor, collection, bad, [verdict.code for verdict in refused])
    groups = [decoded] if grouping is Grouping.ONE_STUDY else [[item] for item in decoded]
    result = UploadResult()
    with transaction.atomic():
        for group in groups:
            store_group(result, actor, collection, group, Arrival(origin, subject))
    result.verdicts.sort(key=lambda verdict: verdict.number)
    return result


type Decoded = Verdict | tuple[int, CanonicalImage]


def _check_quota(actor: User, files: Sequence[UploadedPart]) -> None:
    if uploads_in_last_minute(actor) >= settings.UPLOADS_PER_MINUTE:
        raise TooManyUploads(
            f"You sent more than {settings.UPLOADS_PER_MINUTE} studies in a minute. Wait a minute, then send the rest.",
            retry_after=60,
        )
    check_room(actor, files)


def check_room(actor: User, files: Sequence[UploadedPart]) -> None:
    """Refuse what would fill the storage that one person may fill.

    Raises:
        StorageQuotaReached: it would.
    """
    if bytes_stored_for(actor) + sum(len(part.data) for part in files) > settings.UPLOAD_BYTES_PER_USER:
        raise StorageQuotaReached(
            "Your storage is full. Ask an administrator to purge studies or raise the limit."
        )


def decode_part(number: int, part: UploadedPart) -> Decoded:
    """One file as its canonical image, or the verdict that refuses it."""
    limits = Limits(max_bytes=settings.UPLOAD_MAX_IMAGE_BYTES, max_pixels=settings.UPLOAD_MAX_IMAGE_PIXELS)
    try:
        return number, canonicalise(part.data, part.filename, limits, decoder())
    except IntakeRefused as refusal:
        return Verdict(number, "refused", code=refusal.code, sentence=refusal.sentence, status=refusal.status)


def _record_refusal(
    actor: User, collection: Collection, files: Sequence[UploadedPart], codes: Sequence[str]
) -> None:
    record(
        action="upload.refused", actor=actor, collection_id=collection.pk, codes=list(codes), files=len(files),
        bytes_keys=[refused_bytes_key(part.data, settings.SUBJECT_KEY.encode()) for part in files],
    )  # fmt: skip


def store_group(
    result: UploadResult, actor: User, collection: Collection, group: Sequence[Decoded], arrival: Arrival
) -> None:
    """Store one study with the images of `group` that the collection does not have yet.

    To be called in a transaction; what became of each file is added to `result`.
    """
    new: dict[str, tuple[int, CanonicalImage]] = {}
    repeated: list[tuple[int, str]] = []
    for item in group:
        if isinstance(item, Verdict):
            result.verdicts.append(item)
        elif item[1].pixel_sha256 in new:
            repeated.append((item[0], item[1].pixel_sha256))
        elif (known := _known_image(collection, item[1])) is not None:
            result.verdicts.append(_duplicate_verdict(item[0], known))
        else:
            new[item[1].pixel_sha256] = item
    if not new:
        return
    study = Study.objects.create(
        collection=collection, subject_key=arrival.subject_key, origin=arrival.origin, dataset=arrival.dataset,
        uploaded_by=actor,
    )  # fmt: skip
    images: dict[str, Image] = {}
    for position, (number, canonical) in enumerate(new.values()):
        image, created = _store_image(study, canonical, position, arrival.plane)
        images[canonical.pixel_sha256] = image
        result.verdicts.append(
            Verdict(number, "stored", study=study, image=image)
            if created
            else _duplicate_verdict(number, image)
        )
    result.verdicts += [_duplicate_verdict(number, images[sha]) for number, sha in repeated]
    _finish_study(result, actor, study, list(images.values()), analyse=arrival.analyse)


def _finish_study(
    result: UploadResult, actor: User, study: Study, images: list[Image], *, analyse: bool
) -> None:
    own = [image for image in images if image.study_id == study.pk]
    if not own:
        # Another request stored the same pixels between our look and our insert: there is nothing of ours to keep.
        study.delete()
        return
    if analyse:
        queue_predictions(own)
    record(
        action="study.uploaded", actor=actor, target=study, collection_id=study.collection_id, images=len(own)
    )
    result.studies.append(study)


def _known_image(collection: Collection, canonical: CanonicalImage) -> Image | None:
    return (
        Image.objects.filter(collection=collection, pixel_sha256=canonical.pixel_sha256)
        .select_related("study")
        .first()
    )


def _store_image(study: Study, canonical: CanonicalImage, position: int, plane: str) -> tuple[Image, bool]:
    """Insert one image with its pixels; if another request was quicker, return that one's row instead."""
    phash, mirrored = to_signed(canonical.phash), to_signed(canonical.phash_mirrored)
    identifier = uuid7()
    cluster = assign_cluster(phash=phash, phash_mirrored=mirrored)
    values = {
        "id": identifier,
        "study": study,
        "position": position,
        "stored_bytes": len(canonical.png),
        "width": canonical.width,
        "height": canonical.height,
        "bits": canonical.bits,
        "plane": plane,
        "window_centre": canonical.window[0] if canonical.window else None,
        "window_width": canonical.window[1] if canonical.window else None,
        "phash": phash,
        "phash_mirrored": mirrored,
        "cluster": cluster,
    }
    image, created = Image.objects.get_or_create(
        collection_id=study.collection_id, pixel_sha256=canonical.pixel_sha256, defaults=values
    )
    if created:
        image.pixels.save(f"images/{identifier}.png", ContentFile(canonical.png))
    return image, created


def _duplicate_verdict(number: int, image: Image) -> Verdict:
    sentence = "These pixels are in this collection already; here is the study that holds them."
    if image.study.purged_at is not None:
        sentence = "These pixels were in this collection and were removed from it; they are not stored again."
    return Verdict(
        number, "duplicate", code="duplicate", sentence=sentence, status=200, study=image.study, image=image
    )
