"""What waits in quarantine: for whom, how much of it, and its pixels, which nothing else shows."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from classifier.exceptions import PixelsGone
from classifier.models import QuarantinedImage, Study
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of


def quarantined_of(user: Visitor) -> QuerySet[QuarantinedImage]:
    """What is or was in quarantine in the collections whose intake the user reviews, newest first."""
    return QuarantinedImage.objects.filter(
        collection__in=collections_of(user, Permission.REVIEW_INTAKE)
    ).select_related("collection", "uploaded_by", "decided_by", "image")


def waiting_of(user: Visitor) -> QuerySet[QuarantinedImage]:
    return quarantined_of(user).filter(status=QuarantinedImage.Status.WAITING)


def waiting_counts(user: Visitor) -> dict[UUID, int]:
    """How many images wait in each collection whose intake the user reviews; those without any are left out."""
    rows = waiting_of(user).order_by().values_list("collection_id").annotate(count=Count("pk"))
    return dict(rows)


def rectangles_offered(found: QuarantinedImage) -> list[list[int]]:
    """What a reviewer is offered to blacken: the places marked, each with a margin, within the image.

    A detector's edge may run through the first or last letter, and a half letter can be read.
    """
    offered = []
    for left, top, width, height in found.boxes:
        margin = max(2, height // 4)
        right, bottom = (
            min(found.width, left + width + margin),
            min(found.height, top + height + margin),
        )
        left, top = max(0, left - margin), max(0, top - margin)
        offered.append([left, top, right - left, bottom - top])
    return offered


def own_waiting(user: Visitor, collection: Collection) -> int:
    """How many of the images that the user sent to the collection wait: all that an uploader learns of them."""
    if not user.is_authenticated:
        return 0
    mine = QuarantinedImage.objects.filter(
        collection=collection, uploaded_by=user, status=QuarantinedImage.Status.WAITING
    )
    return mine.count()


def waiting_of_study(study: Study) -> QuerySet[QuarantinedImage]:
    """What waits of a study: also DICOM of it that came before there was anything else of it."""
    waiting = QuarantinedImage.objects.filter(status=QuarantinedImage.Status.WAITING)
    alone = Q(study=None, collection=study.collection_id, arrival__study_uid=study.study_uid)
    if study.subject_key:
        # Whatever a header says, two people are not one study.
        alone &= Q(arrival__subject_key__in=["", study.subject_key])
    return waiting.filter(Q(study=study) | alone if study.study_uid else Q(study=study))


def next_waiting(user: Visitor, after: QuarantinedImage) -> QuarantinedImage | None:
    """The image to be looked at next in the same collection: the oldest that waits."""
    others = waiting_of(user).filter(collection=after.collection_id).exclude(pk=after.pk)
    return others.order_by("pk").first()


def quarantined_png(quarantined: QuarantinedImage) -> bytes:
    """The pixels of an image that waits, as a PNG file.

    Raises:
        PixelsGone: it has been decided about, or the storage does not have them.
    """
    if not quarantined.pixels:
        raise PixelsGone("This image has left the quarantine, and its pixels are no longer kept here.")
    try:
        with quarantined.pixels.open("rb") as stored:
            return bytes(stored.read())
    except FileNotFoundError as error:
        raise PixelsGone("The pixels of this image are not in the storage.", code="pixels_missing") from error


def uncovered(
    boxes: Iterable[Sequence[int]], masks: Sequence[Sequence[int]]
) -> list[tuple[int, int, int, int]]:
    """Those of the marked boxes of which a part lies under none of the masks."""
    left = []
    for x, y, width, height in boxes:
        rest = [(x, y, x + width, y + height)]
        for mask in masks:
            rest = [piece for part in rest for piece in _without(part, mask)]
        if rest:
            left.append((x, y, width, height))
    return left


def _without(part: tuple[int, int, int, int], mask: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """What a rectangle (left, top, right, bottom) has outside a mask (left, top, width, height)."""
    left, top, right, bottom = part
    x0, y0 = max(left, mask[0]), max(top, mask[1])
    x1, y1 = min(right, mask[0] + mask[2]), min(bottom, mask[1] + mask[3])
    if x0 >= x1 or y0 >= y1:
        return [part]
    pieces = [(left, top, right, y0), (left, y1, right, bottom), (left, y0, x0, y1), (x1, y0, right, y1)]
    return [piece for piece in pieces if piece[0] < piece[2] and piece[1] < piece[3]]
