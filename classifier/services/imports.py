"""Labelled files come in through the door of the uploads: the same checks, the same pixels, rows and queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from classifier.intake import IntakeRefused, TakenIn, refused_bytes_key, subject_key
from classifier.models import Image, Origin, Plane
from classifier.services.uploads import (
    Arrival,
    Decoded,
    UploadedPart,
    UploadResult,
    Verdict,
    check_room,
    check_room_after,
    decode_part,
    store_group,
)
from mriplatform.accounts.models import Collection, User


@dataclass(frozen=True)
class ImportedPart:
    """One file of a labelled data set, with what the set says of it beside its label.

    Attributes:
        number: by which a report names it; it has no other name.
        subject: whose image it is, under any name; only its keyed hash is kept.
        plane: one of `Plane`, or empty.
        label: one of the classes; kept with an image that has to wait in quarantine, and given to it afterwards.
    """

    number: int
    file: UploadedPart
    subject: str = ""
    plane: str = ""
    label: str = ""


def pixels_of(part: ImportedPart) -> Verdict | str:
    """The sha256 of the file's pixels, as the platform would store them, or the verdict that refuses it."""
    decoded = decode(part)
    return decoded if isinstance(decoded, Verdict) else pixels_in(decoded)


def refused_key(part: ImportedPart) -> str:
    """The hash of a refused file's bytes that the audit keeps."""
    return refused_bytes_key(part.file.data, settings.SUBJECT_KEY.encode())


def pixels_in(decoded: tuple[int, TakenIn]) -> str:
    """The sha256 of the pixels of a file that `decode` has let through."""
    return decoded[1].frames[0].image.pixel_sha256


def decode(part: ImportedPart) -> Decoded:
    """The file as its one image, or the verdict that refuses it or what came with it."""
    if part.plane and part.plane not in Plane.values:
        sentence = f"The plane is none of {', '.join(Plane.values)}."
        return Verdict(part.number, "refused", code="unknown_plane", sentence=sentence, status=422)
    try:
        subject_key(part.subject, settings.SUBJECT_KEY.encode())
    except IntakeRefused as refusal:
        return Verdict(
            part.number, "refused", code=refusal.code, sentence=refusal.sentence, status=refusal.status
        )
    decoded = decode_part(part.number, part.file)
    if not isinstance(decoded, Verdict) and len(decoded[1].frames) > 1:
        sentence = "The file holds several frames, and a label is of one image. Import its frames one by one."
        return Verdict(part.number, "refused", code="not_single_image", sentence=sentence, status=422)
    return decoded


def store_import(
    *,
    actor: User,
    collection: Collection,
    dataset: str,
    parts: Sequence[ImportedPart],
    decoded: Mapping[int, Decoded],
    analyse: bool,
) -> dict[int, Verdict]:
    """Store decoded files, each as a study of its own, and say by number what became of them.

    To be called in a transaction of the caller's, who writes the labels in the same one.

    Args:
        decoded: by number, what `decode` gave.
        analyse: whether their predictions are queued.

    Raises:
        StorageQuotaReached: there is no room for them; nothing is stored.
    """
    check_room(actor, [part.file for part in parts])
    result = UploadResult()
    with transaction.atomic():
        for part in parts:
            subject = subject_key(part.subject, settings.SUBJECT_KEY.encode()) or ""
            arrival = Arrival(Origin.IMPORT, subject, dataset, part.plane, analyse, label=part.label)
            store_group(result, actor, collection, [decoded[part.number]], arrival)
            _add_plane(result.verdicts[-1].image, part.plane)
        check_room_after(actor)
    return {verdict.number: verdict for verdict in result.verdicts}


def _add_plane(image: Image | None, plane: str) -> None:
    """Keep the plane of an image that was here before and of which none was known."""
    if image is not None and plane and not image.plane:
        Image.objects.filter(pk=image.pk, plane="").update(plane=plane)
