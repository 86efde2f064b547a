"""What was labelled, a row for each verdict in force and each adjudication."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, QuerySet

from classifier.models import Image
from classifier.selectors.identifiers import identifiers_of
from classifier.selectors.same_pixels import same_pixels_read_by
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.selectors import Visitor
from mriplatform.tables import in_batches
from reviews.models import Adjudication, ImageStanding, Outcome, ReviewEvent
from reviews.selectors.agreement import (
    FinalLabel,
    Standing,
    not_superseded,
    standings,
    verdicts_in_force,
)

_COUNTS: Final = (Outcome.WAITING, Outcome.DISAGREEMENT, Outcome.FINAL)


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One thing said about one image that counts: a reader's verdict in force, or an adjudication.

    Attributes:
        study_uid, series_uid, instance_uid, frame: as `classifier.selectors.identifiers` has them.
        source: `reading` or `adjudication`.
        label: a class, or `not_assessable`.
        final_label: the image's final label, as above; empty as long as there is none.
        final_path: how it became final, as `FinalLabel.path`.
        changed_since: whether a reader said something after the adjudicator's decision, which stands.
        said_by: the user name.
        model_version: number of the version whose answer was shown in this reading; None where none was.
        machine_label: what that version answered, as `label`.
        saw_prediction: whether the reader had been shown the machine's answer when they said this.
        region: shape, centre and size as shares of the image, as `ReviewEvent` keeps it.
    """

    image: UUID
    study: UUID
    subject_key: str
    study_uid: str
    series_uid: str
    instance_uid: str
    frame: int | None
    pixel_sha256: str
    source: str
    label: str
    verdict: str
    final_label: str
    final_path: str
    changed_since: bool
    said_by: str
    said_at: datetime
    saw_prediction: bool
    model_version: int | None
    machine_label: str
    first_read_label: str
    first_read_confidence: int | None
    reason: str
    note: str
    image_quality: str
    location: str
    region: dict[str, Any] | None
    protocol_mode: str
    protocol_version: int | None
    event: UUID


def labels(collection: Collection, user: Visitor | None) -> Iterator[LabelRow]:
    """Every verdict in force and every decision in force of the collection, by image, then by time.

    What was withdrawn or superseded is not among them, nor are hidden repeats and known cases. A thousand images are
    read at a time; each image's rows fit each other.

    Args:
        user: who is shown them: what they read of the same pixels, in another collection, is left out. None where
            nobody in particular is.
    """
    for images in in_batches(_labelled(collection, user)):
        yield from _rows(images)


def recent_labels(
    collection: Collection, user: Visitor | None, *, before: UUID | None, size: int
) -> list[LabelRow]:
    """The newest rows of `labels`, newest first.

    Args:
        before: the `event` of the last row of the page before; None for the newest.
    """
    said: QuerySet[Any] = _said(collection, user)
    decided: QuerySet[Any] = Adjudication.objects.filter(
        pk__in=_labelled_standings(collection, user).filter(adjudication__isnull=False).values("adjudication")
    )
    newest: list[tuple[UUID, UUID]] = []
    for rows, image in ((said, "reading__image"), (decided, "image")):
        rows = rows.filter(pk__lt=before) if before else rows
        newest += rows.order_by("-pk").values_list("pk", image)[:size]
    wanted = dict(sorted(newest, reverse=True)[:size])
    images = Image.objects.filter(pk__in=set(wanted.values())).select_related("study", "dicom")
    found = [row for row in _rows(list(images)) if row.event in wanted]
    return sorted(found, key=lambda row: row.event, reverse=True)


def label_count(collection: Collection, user: Visitor | None) -> int:
    """How many rows `labels` gives."""
    decided = _for(user, ImageStanding.objects.filter(collection=collection, adjudication__isnull=False))
    return _said(collection, user).count() + decided.count()


def images_by_outcome(collection: Collection, user: Visitor | None) -> dict[str, int]:
    """How many images of `labels` stand how; those that nobody has read are not counted."""
    found = (
        _labelled_standings(collection, user).order_by().values_list("outcome").annotate(images=Count("pk"))
    )
    counted = dict(found)
    return {outcome.value: counted.get(outcome.value, 0) for outcome in _COUNTS}


def spoken_label(event: ReviewEvent) -> str:
    """What an event says of the image: a class, or `not_assessable`."""
    return event.label or event.verdict


def first_reads_of(verdicts: Iterable[ReviewEvent]) -> dict[UUID, ReviewEvent]:
    """By reading, the first read in force that went before these verdicts."""
    found = ReviewEvent.objects.filter(
        not_superseded(),
        reading__in={event.reading_id for event in verdicts},
        kind=ReviewEvent.Kind.FIRST_READ,
    )
    return {event.reading_id: event for event in found}


def findings(verdict: ReviewEvent, first_read: ReviewEvent | None) -> dict[str, Any]:
    """Quality, location and region that go with a verdict: its own, else those of its first read.

    Where the first read says another label, its location and region are of that and stay out.
    """
    same = first_read if first_read and spoken_label(first_read) == spoken_label(verdict) else None
    return {
        "image_quality": verdict.image_quality or (first_read.image_quality if first_read else ""),
        "location": verdict.location or (same.location if same else ""),
        "region": verdict.region or (same.region if same else None),
    }


def _for(user: Visitor | None, standings: QuerySet[ImageStanding]) -> QuerySet[ImageStanding]:
    return standings.filter(~same_pixels_read_by(user, at="image__"))


def _labelled_standings(collection: Collection, user: Visitor | None) -> QuerySet[ImageStanding]:
    return _for(user, ImageStanding.objects.filter(collection=collection, outcome__in=_COUNTS))


def _said(collection: Collection, user: Visitor | None) -> QuerySet[ReviewEvent]:
    """The verdicts in force on labelled images. A join: the newest are then found without all others."""
    return verdicts_in_force().filter(
        ~same_pixels_read_by(user, at="reading__image__"),
        reading__image__standing__collection=collection,
        reading__image__standing__outcome__in=_COUNTS,
    )


def _labelled(collection: Collection, user: Visitor | None) -> QuerySet[Image]:
    found = Image.objects.filter(standing__in=_labelled_standings(collection, user))
    return found.select_related("study", "dicom")


def _rows(images: list[Image]) -> Iterator[LabelRow]:
    where = standings(images)
    verdicts = [event for standing in where.values() for event in standing.verdicts]
    first_reads = first_reads_of(verdicts)
    names = dict(
        User.objects.filter(pk__in={event.reading.reader_id for event in verdicts}).values_list(
            "pk", "username"
        )
    )
    for image in images:
        standing = where[image.pk]
        if standing.outcome not in _COUNTS:
            continue
        shared = _of_image(image, standing)
        rows = [
            _from_verdict(event, shared, names[event.reading.reader_id], first_reads.get(event.reading_id))
            for event in standing.verdicts
        ]
        if standing.final and standing.final.adjudication:
            rows.append(_from_adjudication(standing.final.adjudication, shared))
        yield from sorted(rows, key=lambda row: row.said_at)


def _of_image(image: Image, standing: Standing) -> dict[str, Any]:
    final = standing.final
    return {
        "image": image.pk,
        "study": image.study_id,
        "subject_key": image.study.subject_key,
        **identifiers_of(image),
        "pixel_sha256": image.pixel_sha256,
        "final_label": final_word(final),
        "final_path": final.path if final else "",
        "changed_since": final.changed_since if final else False,
    }


def final_word(final: FinalLabel | None) -> str:
    """A final label in one word: a class, `not_assessable`, or empty where there is none."""
    return (final.label or ReviewEvent.Verdict.NOT_ASSESSABLE.value) if final else ""


def _from_verdict(
    verdict: ReviewEvent, shared: dict[str, Any], reader: str, first_read: ReviewEvent | None
) -> LabelRow:
    prediction, protocol = verdict.prediction, verdict.reading.protocol
    version = prediction.model_version if prediction else None
    return LabelRow(
        **shared,
        **findings(verdict, first_read),
        source="reading",
        label=spoken_label(verdict),
        verdict=verdict.verdict,
        said_by=reader,
        said_at=verdict.at,
        saw_prediction=verdict.saw_prediction,
        model_version=version.number if version else None,
        machine_label=prediction.label if prediction else "",
        first_read_label=spoken_label(first_read) if first_read else "",
        first_read_confidence=first_read.confidence if first_read else None,
        reason=verdict.reason,
        note=verdict.note,
        protocol_mode=protocol.mode,
        protocol_version=protocol.version,
        event=verdict.pk,
    )


def _from_adjudication(adjudication: Adjudication, shared: dict[str, Any]) -> LabelRow:
    return LabelRow(
        **shared,
        source="adjudication",
        label=adjudication.label or ReviewEvent.Verdict.NOT_ASSESSABLE.value,
        verdict="",
        said_by=adjudication.adjudicator.get_username(),
        said_at=adjudication.at,
        saw_prediction=False,
        model_version=None,
        machine_label="",
        first_read_label="",
        first_read_confidence=None,
        reason="",
        note=adjudication.rationale,
        image_quality="",
        location="",
        region=None,
        protocol_mode="",
        protocol_version=None,
        event=adjudication.pk,
    )
