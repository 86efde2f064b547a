"""What waits for an adjudicator, what was decided, and what the readers of an image said, without who they are."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from classifier.models import Image
from mriplatform.accounts.models import Collection, User
from reviews.models import Adjudication, ImageStanding, Outcome, Reading, ReviewEvent
from reviews.selectors.agreement import verdicts_in_force
from reviews.selectors.elsewhere import still_read_blind_elsewhere
from reviews.selectors.labels import findings, first_reads_of, spoken_label


@dataclass(frozen=True)
class AnonymousRead:
    """One reader's verdict as an adjudicator sees it: no name, no time, nothing of what the machine answered.

    Attributes:
        number: counts the readers of this image, in an order that says nothing and stays.
        label: a class, or `not_assessable`.
    """

    number: int
    label: str
    note: str
    image_quality: str
    location: str
    region: dict[str, Any] | None


def open_disagreements(collection: Collection, adjudicator: User | None = None) -> QuerySet[ImageStanding]:
    """The images whose readers disagree and that nobody has decided yet, the longest open first.

    Args:
        adjudicator: leave out what this person has begun to read, for who reads an image does not decide it, and what
            waits until they have read the same pixels blind in another collection.
    """
    found = ImageStanding.objects.filter(collection=collection, outcome=Outcome.DISAGREEMENT)
    return _for(adjudicator, _visible(found)).order_by("since", "image_id")


def count_disagreements(collections: Iterable[UUID], adjudicator: User) -> dict[UUID, int]:
    """How many images of each collection wait for this adjudicator, in one query; none where nothing waits."""
    found = ImageStanding.objects.filter(collection__in=list(collections), outcome=Outcome.DISAGREEMENT)
    counted = _for(adjudicator, _visible(found)).order_by().values_list("collection")
    return dict(counted.annotate(images=Count("pk")))


def disputed_images(collection: Collection, adjudicator: User) -> QuerySet[Image]:
    """The images of `open_disagreements`, in no order of their own."""
    return Image.objects.filter(standing__in=open_disagreements(collection, adjudicator).order_by())


def decided_images(collection: Collection, adjudicator: User) -> QuerySet[ImageStanding]:
    """The images that were decided, what changed last first, with the decision in force."""
    found = ImageStanding.objects.filter(collection=collection, adjudication__isnull=False)
    return _for(adjudicator, found).select_related("adjudication").order_by("-since", "-image_id")


def to_decide(collection: Collection, adjudicator: User) -> QuerySet[ImageStanding]:
    """What this person may look at as an adjudicator: images disputed or decided that they have not begun to read, nor
    have still to read blind in another collection."""
    found = ImageStanding.objects.filter(
        Q(outcome=Outcome.DISAGREEMENT) | Q(adjudication__isnull=False), collection=collection
    )
    return _for(adjudicator, found)


def decisions_in(collection: Collection, adjudicator: User) -> QuerySet[Adjudication]:
    """Every decision on images of `to_decide`, newest first."""
    return Adjudication.objects.filter(_open_to(adjudicator), image__collection=collection).order_by("-pk")


def standing_of(image: Image) -> ImageStanding:
    """Where an image that somebody has read stands, as it is written down."""
    return ImageStanding.objects.get(image=image)


def decisions_on(image: Image) -> QuerySet[Adjudication]:
    """Every decision on an image, the one in force first."""
    return Adjudication.objects.filter(image=image).select_related("adjudicator").order_by("-at", "-id")


def anonymous_reads(image: Image) -> list[AnonymousRead]:
    """What the readers of an image say now, in an order that follows neither time nor name.

    A first read of another label stays out, as do confidence and reason: they tell what the machine answered.
    """
    events = sorted(verdicts_in_force().filter(reading__image=image), key=_shuffled)
    first_reads = first_reads_of(events)
    return [
        AnonymousRead(
            number=number,
            label=spoken_label(event),
            note=event.note,
            **findings(event, first_reads.get(event.reading_id)),
        )
        for number, event in enumerate(events, start=1)
    ]


def labels_said(images: list[Image]) -> dict[UUID, list[str]]:
    """By image, the labels of its verdicts in force, in the order of `anonymous_reads`."""
    said: dict[UUID, list[str]] = {image.pk: [] for image in images}
    events = verdicts_in_force().filter(reading__image__in=list(said))
    for event in sorted(events, key=_shuffled):
        said[event.reading.image_id].append(spoken_label(event))
    return said


def _shuffled(event: ReviewEvent) -> str:
    """A place among the readers of an image that nobody can foresee and that an amendment does not change."""
    return hashlib.sha256(event.reading_id.bytes).hexdigest()


def _visible(standings: QuerySet[ImageStanding]) -> QuerySet[ImageStanding]:
    return standings.filter(image__hidden_at=None).exclude(image__pixels="")


def _for(adjudicator: User | None, standings: QuerySet[ImageStanding]) -> QuerySet[ImageStanding]:
    standings = standings.select_related("image", "image__study")
    return standings.filter(_open_to(adjudicator)) if adjudicator else standings


def _open_to(adjudicator: User) -> Q:
    begun = Reading.objects.filter(reader=adjudicator).values_list("image", flat=True)
    return ~Q(image__in=begun) & ~still_read_blind_elsewhere(adjudicator, at="image__")
