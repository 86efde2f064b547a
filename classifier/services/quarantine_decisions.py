"""What a reviewer of the intake does with an image that waits in quarantine: release, mask or reject it, once."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.core.files.storage import storages
from django.db import transaction
from django.db.models.functions import Now

from classifier.exceptions import PixelsGone, PlatformError, StateConflict
from classifier.intake import CanonicalImage, FrameFacts
from classifier.models import Image, QuarantinedImage, Study
from classifier.selectors.quarantine import quarantined_png, uncovered, waiting_of_study
from classifier.services.clusters import lock_clusters
from classifier.services.entry_labels import send_label
from classifier.services.quarantine import LABELLED_BY
from classifier.services.storing import Arrival, finish_study, lock_study, open_study, store_image
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record

MOST_MASKS = 50
MOST_REASON_CHARACTERS = 500
TOO_LONG = "Nobody decided about it in time, so its pixels were removed."
type Box = tuple[int, int, int, int]


@transaction.atomic
def release_quarantined(*, actor: User, quarantined: QuarantinedImage, reason: str) -> QuarantinedImage:
    """Let an image out as it is: what was marked names nobody. The reason is kept.

    Raises:
        StateConflict: somebody has decided about it already.
        PlatformError: no reason, or too long a one.
    """
    row = _take_up(quarantined)
    _require_reason(reason, "Say why the writing names nobody")
    _let_out(actor, row, _pixels(row))
    return _decided(actor, row, QuarantinedImage.Status.RELEASED, reason=reason)


@transaction.atomic
def mask_quarantined(
    *, actor: User, quarantined: QuarantinedImage, masks: Sequence[Box], reason: str = ""
) -> QuarantinedImage:
    """Let an image out with rectangles of it blackened; the pixels under them are gone for good.

    Args:
        masks: left, top, width and height of each, in pixels of the image.
        reason: needed only where a place that the detector marked is not wholly covered.

    Raises:
        StateConflict: somebody has decided about it already.
        PlatformError: no mask, too many, one that is not within the image, or a reason that is missing or too long.
    """
    row = _take_up(quarantined)
    _check_masks(row, masks)
    if left := uncovered(row.boxes, masks):
        places = "place stays" if len(left) == 1 else "places stay"
        _require_reason(
            reason, f"{len(left)} marked {places} visible; cover what is written there, or say why"
        )
    _require_reason(reason or "-", "Say why")
    pixels = _pixels(row)
    for x, y, width, height in masks:
        pixels[y : y + height, x : x + width] = 0
    _let_out(actor, row, pixels)
    row.masks = [list(mask) for mask in masks]
    return _decided(actor, row, QuarantinedImage.Status.MASKED, reason=reason)


@transaction.atomic
def reject_quarantined(*, actor: User | None, quarantined: QuarantinedImage, reason: str) -> QuarantinedImage:
    """Keep an image out: its pixels are deleted, and refused when they are sent again. The reason is kept.

    Raises:
        StateConflict: somebody has decided about it already.
        PlatformError: no reason, or too long a one.
    """
    row = _take_up(quarantined)
    _require_reason(reason, "Say why it is rejected")
    return _decided(actor, row, QuarantinedImage.Status.REJECTED, reason=reason)


def reject_overdue() -> int:
    """Reject what has waited longer than QUARANTINE_DAYS; nothing where that is 0. Returns how many."""
    if not settings.QUARANTINE_DAYS:
        return 0
    overdue = QuarantinedImage.objects.filter(
        status=QuarantinedImage.Status.WAITING,
        created_at__lt=Now() - timedelta(days=settings.QUARANTINE_DAYS),
    )
    return _reject_all(overdue.order_by("pk")[:500], TOO_LONG)


def reject_all_of(*, study: Study, actor: User, reason: str) -> int:
    """Reject what waits of a study that is being removed, in the transaction that removes it."""
    return _reject_all(waiting_of_study(study).order_by("pk"), reason, actor)


def _reject_all(rows: Any, reason: str, actor: User | None = None) -> int:
    count = 0
    for row in rows:
        try:
            reject_quarantined(actor=actor, quarantined=row, reason=reason)
        except StateConflict:
            continue  # a reviewer was quicker
        count += 1
    return count


def _take_up(quarantined: QuarantinedImage) -> QuarantinedImage:
    # Before the row, as whoever stores images takes it: in one order, nobody waits for one who waits for them.
    lock_clusters()
    row = (
        QuarantinedImage.objects.select_for_update(of=("self",))
        .select_related("study")
        .get(pk=quarantined.pk)
    )
    if row.status != QuarantinedImage.Status.WAITING:
        raise StateConflict(
            f"Somebody has decided about this image already: it was {row.get_status_display().lower()}.",
            code="already_decided",
        )
    return row


def _require_reason(reason: str, asked: str) -> None:
    if not 0 < len(reason.strip()) <= MOST_REASON_CHARACTERS:
        raise PlatformError(
            f"{asked}, in at most {MOST_REASON_CHARACTERS} characters; do not repeat what is written.",
            code="reason_needed",
            status=400,
        )


def _check_masks(row: QuarantinedImage, masks: Sequence[Box]) -> None:
    if not 0 < len(masks) <= MOST_MASKS:
        raise PlatformError(
            f"Mark 1 to {MOST_MASKS} rectangles to be blackened.", code="masks_needed", status=400
        )
    for number, (x, y, width, height) in enumerate(masks, start=1):
        inside = x >= 0 and y >= 0 and x + width <= row.width and y + height <= row.height
        if not inside or width < 1 or height < 1:
            raise PlatformError(
                f"Rectangle {number} is not within the image, which is {row.width} × {row.height} pixels.",
                code="mask_outside",
                status=400,
            )


def _pixels(row: QuarantinedImage) -> npt.NDArray[Any]:
    # Our own file, written by the intake from an array; not what somebody sent.
    pixels = cv2.imdecode(np.frombuffer(quarantined_png(row), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise PixelsGone("The pixels of this image are damaged in the storage.", code="pixels_missing")
    return pixels


def _let_out(actor: User, row: QuarantinedImage, pixels: npt.NDArray[Any]) -> None:
    """Store the pixels as an image, with all that came with them; or find the one that has them already."""
    window = None
    if row.window_centre is not None and row.window_width is not None:
        window = (row.window_centre, row.window_width)
    canonical = CanonicalImage.from_pixels(pixels, window=window)
    arrival = _arrival(row)
    known = Image.objects.filter(collection=row.collection_id, pixel_sha256=canonical.pixel_sha256).first()
    if known is not None:
        row.image = known
        _hand_on_label(actor, row, arrival, known)
        return
    study = _study_of(row, arrival)
    facts = FrameFacts(**row.arrival["facts"]) if row.arrival.get("facts") else None
    image, _ = store_image(study, canonical, row.position, row.plane, facts, int(row.arrival.get("frame", 1)))
    row.image = image
    finish_study(actor=actor, study=study, images=[image], analyse=arrival.analyse)
    _hand_on_label(actor, row, arrival, image)


def _hand_on_label(actor: User, row: QuarantinedImage, arrival: Arrival, image: Image) -> None:
    """Give the image its label in the name of whoever said it; in that of the actor where nobody wrote down who."""
    labeller = User.objects.filter(pk=row.arrival.get(LABELLED_BY)).first()
    send_label(image=image, label=arrival.label, dataset=arrival.dataset, actor=labeller or actor)


def _arrival(row: QuarantinedImage) -> Arrival:
    known = {field.name for field in fields(Arrival)}
    return Arrival(**{name: value for name, value in row.arrival.items() if name in known})


def _study_of(row: QuarantinedImage, arrival: Arrival) -> Study:
    """The study that it came with or that others of its group are in, if that is still open; else its own."""
    sent_with = QuarantinedImage.objects.filter(group=row.group, image__isnull=False).exclude(pk=row.pk)
    candidates = [row.study_id, *sent_with.order_by("pk").values_list("image__study_id", flat=True)]
    for study_id in dict.fromkeys(candidates):
        if study_id is not None and (study := lock_study(study_id)) is not None:
            return study
    return open_study(actor=row.uploaded_by, collection=row.collection, arrival=arrival)


def _decided(
    actor: User | None, row: QuarantinedImage, status: QuarantinedImage.Status, *, reason: str
) -> QuarantinedImage:
    """Write down what was decided, and delete the pixels that waited here."""
    storages["pixels"].delete(str(row.pixels))
    QuarantinedImage.objects.filter(pk=row.pk).update(
        status=status, reason=reason.strip(), masks=row.masks, image=row.image, pixels="", stored_bytes=0,
        decided_at=Now(), decided_by=actor,
    )  # fmt: skip
    record(
        action=f"quarantine.{status}", actor=actor, target=row, collection_id=row.collection_id,
        reason=reason.strip(), masks=row.masks, image=str(row.image_id) if row.image_id else None,
    )  # fmt: skip
    row.refresh_from_db()
    return row
