"""What the readers of an image agree on, and where they do not."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import QuerySet

from classifier.models import Image
from mriplatform.accounts.models import Collection
from reviews.models import Adjudication, ReadingProtocol, ReviewEvent


class Outcome(StrEnum):
    """Where an image stands."""

    UNREAD = "unread"
    WAITING = "waiting"
    DISAGREEMENT = "disagreement"
    FINAL = "final"


@dataclass(frozen=True)
class FinalLabel:
    """The label that counts.

    Attributes:
        label: one of `ml.labels.CLASSES`, or an empty string where the image is not assessable.
        events: the verdicts in force that it rests on, or that an adjudication decided between.
        adjudication: the decision, where the readers disagreed.
    """

    label: str
    events: tuple[ReviewEvent, ...]
    adjudication: Adjudication | None = None

    @property
    def assessable(self) -> bool:
        return self.label != ""

    @property
    def at(self) -> datetime:
        """When it became final."""
        return self.adjudication.at if self.adjudication else max(event.at for event in self.events)


@dataclass(frozen=True)
class Standing:
    """What has become of an image: `final` is set where the outcome is `final`."""

    outcome: Outcome
    verdicts: tuple[ReviewEvent, ...] = ()
    final: FinalLabel | None = None


def standings(images: Iterable[Image]) -> dict[UUID, Standing]:
    """Where each image stands, in three queries however many there are.

    An adjudication decides. Without one, all verdicts in force must agree, and there must be as many as the
    protocol asks for: the one in force, or the readings' own where that asked for fewer readers.
    """
    found = {image.pk: image for image in images}
    verdicts: dict[UUID, list[ReviewEvent]] = defaultdict(list)
    for event in _verdicts_in_force().filter(reading__image__in=found):
        verdicts[event.reading.image_id].append(event)
    decided = {adjudication.image_id: adjudication for adjudication in _adjudications(found)}
    needed_now = _readers_now({image.collection_id for image in found.values()})
    return {
        pk: _standing(tuple(verdicts[pk]), decided.get(pk), needed_now.get(image.collection_id, 1))
        for pk, image in found.items()
    }


def final_label(image: Image) -> FinalLabel | None:
    """The label that counts for this image; None as long as there is none."""
    return standings([image])[image.pk].final


def open_disagreements(collection: Collection) -> QuerySet[Image]:
    """The images whose readers disagree and that nobody has decided yet, oldest first."""
    read = Image.objects.filter(collection=collection, readings__finished_at__isnull=False).distinct()
    disputed = [pk for pk, standing in standings(read).items() if standing.outcome is Outcome.DISAGREEMENT]
    return Image.objects.filter(pk__in=disputed).order_by("created_at", "id")


def _verdicts_in_force() -> QuerySet[ReviewEvent]:
    kinds = [ReviewEvent.Kind.VERDICT, ReviewEvent.Kind.AMENDMENT]
    return (
        ReviewEvent.objects.filter(kind__in=kinds, superseded_by__isnull=True)
        .select_related("reading__protocol", "reading__reader", "prediction__model_version")
        .order_by("at", "id")
    )


def _adjudications(images: Iterable[UUID]) -> QuerySet[Adjudication]:
    """Oldest first, so that the newest of an image counts."""
    return (
        Adjudication.objects.filter(image__in=list(images)).select_related("adjudicator").order_by("at", "id")
    )


def _readers_now(collections: set[UUID]) -> dict[UUID, int]:
    newest = ReadingProtocol.objects.filter(collection__in=collections).order_by("version")
    return {protocol.collection_id: protocol.readers_per_image for protocol in newest}


def _standing(verdicts: tuple[ReviewEvent, ...], decided: Adjudication | None, readers_now: int) -> Standing:
    if decided is not None:
        return Standing(Outcome.FINAL, verdicts, FinalLabel(decided.label, verdicts, decided))
    if not verdicts:
        return Standing(Outcome.UNREAD)
    asked_for = max(event.reading.protocol.readers_per_image for event in verdicts)
    if len(verdicts) < min(asked_for, readers_now):
        return Standing(Outcome.WAITING, verdicts)
    if len({event.label for event in verdicts}) > 1:
        return Standing(Outcome.DISAGREEMENT, verdicts)
    return Standing(Outcome.FINAL, verdicts, FinalLabel(verdicts[0].label, verdicts))
