"""A worklist narrowed to what a reader asks for. Nothing by which it is narrowed follows from an answer."""

from datetime import date, datetime, time
from typing import Final
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from classifier.models import Image

SHAPES: Final = {
    "": Q(),
    "square": Q(entry__width=F("entry__height")),
    "wide": Q(entry__width__gt=F("entry__height")),
    "tall": Q(entry__width__lt=F("entry__height")),
}


def narrowed(
    images: QuerySet[Image],
    *,
    study: UUID | None = None,
    since: date | None = None,
    shape: str = "",
    bits: int | None = None,
) -> QuerySet[Image]:
    """The images of one study, of a day and later, of one of `SHAPES`, of a depth: of all that is asked."""
    images = images.filter(SHAPES[shape])
    if study is not None:
        images = images.filter(study=study)
    if since is not None:
        start = timezone.make_aware(datetime.combine(since, time.min))
        images = images.filter(entry__arrived_at__gte=start)
    return images if bits is None else images.filter(entry__bits=bits)
