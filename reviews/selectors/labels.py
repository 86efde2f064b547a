"""What was labelled, a row for each verdict in force and each adjudication, to be taken away as CSV or JSON."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from classifier.models import Image, Prediction
from mriplatform.accounts.models import Collection
from reviews.models import Adjudication, Reading, ReviewEvent
from reviews.selectors.agreement import Outcome, Standing, standings
from reviews.selectors.state import reading_state

# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class LabelRow:
    """One thing said about one image that counts: a reader's verdict in force, or an adjudication.

    Attributes:
        source: `reading` or `adjudication`.
        label: a class, or `not_assessable`.
        final_label: the image's final label, as above; empty as long as there is none.
        said_by: the user name.
        model_version: number of the version whose answer was shown in this reading; None where none was.
        machine_label: what that version answered, as `label`.
        saw_prediction: whether the reader had been shown the machine's answer when they said this.
    """

    image: UUID
    study: UUID
    subject_key: str
    pixel_sha256: str
    source: str
    label: str
    verdict: str
    final_label: str
    said_by: str
    said_at: datetime
    saw_prediction: bool
    model_version: int | None
    machine_label: str
    first_read_label: str
    first_read_confidence: int | None
    reason: str
    note: str
    protocol_mode: str
    protocol_version: int | None
    event: UUID


COLUMNS: Final = tuple(field.name for field in fields(LabelRow))


def labels(collection: Collection) -> list[LabelRow]:
    """Every verdict in force and every adjudication of the collection, by image, then by time.

    What was withdrawn or superseded is not among them.
    """
    images = Image.objects.filter(collection=collection, readings__finished_at__isnull=False)
    found = {image.pk: image for image in images.select_related("study").distinct()}
    where = standings(found.values())
    readings = (
        Reading.objects.filter(image__in=found, finished_at__isnull=False)
        .select_related("protocol", "reader")
        .prefetch_related("events", Prefetch("events__prediction", _answers()))
    )
    rows = [
        row
        for reading in readings
        if (row := _from_reading(reading, found[reading.image_id], where[reading.image_id]))
    ]
    rows += [_from_adjudication(standing, found[pk]) for pk, standing in where.items() if _decided(standing)]
    return sorted(rows, key=lambda row: (str(row.image), row.said_at))


def labels_as_csv(rows: Iterable[LabelRow]) -> str:
    """The rows as CSV (RFC 4180); cells that a spreadsheet would run are prefixed with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(value) for value in asdict(row).values()])
    return text.getvalue()


def labels_as_json(collection: Collection, rows: Iterable[LabelRow]) -> dict[str, Any]:
    """The rows as JSON values, with the collection that they are from."""
    return {
        "collection": {"id": str(collection.pk), "name": collection.name},
        "labels": [{name: _json_value(value) for name, value in asdict(row).items()} for row in rows],
    }


def _answers() -> QuerySet[Prediction]:
    """Predictions without their arrays and without all that a version says of itself."""
    heavy = ("maps", "embedding", "model_version__metadata")
    return Prediction.objects.select_related("model_version").defer(*heavy)


def _from_reading(reading: Reading, image: Image, standing: Standing) -> LabelRow | None:
    state = reading_state(reading)
    verdict, first_read = state.verdict, state.first_read
    if verdict is None:
        return None
    prediction = state.reveal.prediction if state.reveal else None
    version = prediction.model_version if prediction else None
    return LabelRow(
        **_of_image(image, standing),
        source="reading",
        label=spoken_label(verdict),
        verdict=verdict.verdict,
        said_by=reading.reader.get_username(),
        said_at=verdict.at,
        saw_prediction=verdict.saw_prediction,
        model_version=version.number if version else None,
        machine_label=prediction.label if prediction else "",
        first_read_label=spoken_label(first_read) if first_read else "",
        first_read_confidence=first_read.confidence if first_read else None,
        reason=verdict.reason,
        note=verdict.note,
        protocol_mode=reading.protocol.mode,
        protocol_version=reading.protocol.version,
        event=verdict.pk,
    )


def _from_adjudication(standing: Standing, image: Image) -> LabelRow:
    adjudication = _decided(standing)
    assert adjudication is not None
    return LabelRow(
        **_of_image(image, standing),
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
        protocol_mode="",
        protocol_version=None,
        event=adjudication.pk,
    )


def _of_image(image: Image, standing: Standing) -> dict[str, Any]:
    return {
        "image": image.pk,
        "study": image.study_id,
        "subject_key": image.study.subject_key,
        "pixel_sha256": image.pixel_sha256,
        "final_label": _final_word(standing),
    }


def _final_word(standing: Standing) -> str:
    if standing.outcome is not Outcome.FINAL or standing.final is None:
        return ""
    return standing.final.label or ReviewEvent.Verdict.NOT_ASSESSABLE.value


def _decided(standing: Standing) -> Adjudication | None:
    return standing.final.adjudication if standing.final else None


def spoken_label(event: ReviewEvent) -> str:
    """What an event says of the image: a class, or `not_assessable`."""
    return event.label or event.verdict


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _json_value(value: object) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
