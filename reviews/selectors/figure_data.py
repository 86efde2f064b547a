"""What figures are made from, as arrays: a few plain queries whose rows become numbers as they arrive."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from classifier.models import Image, JobStatus, Prediction, Shadow
from classifier.selectors import answering_rows
from classifier.selectors.versions import version_reading_for
from ml.labels import NOT_ASSESSABLE
from mriplatform.accounts.models import Collection
from reviews.figures import data
from reviews.figures.data import ANSWERS, Floats, Images, Ints, Readings, Row
from reviews.figures.drift import Periods, embedding_drift, sampled
from reviews.figures.shadow import InShadow
from reviews.models import ImageStanding, Outcome, Reading, ReadingProtocol, ReviewEvent
from reviews.selectors.agreement import active_known_cases
from reviews.selectors.unbiased import DAY, unbiased_images

Kind = ReviewEvent.Kind
_AT_ONCE: Final = 20_000
_PURPOSES: Final = {"label": data.LABEL, "repeat": data.REPEAT, "known": data.KNOWN}
_MODES: Final = {
    ReadingProtocol.Mode.BLINDED_FIRST: data.BLINDED,
    ReadingProtocol.Mode.ASSISTED: data.ASSISTED,
    ReadingProtocol.Mode.UNAIDED: data.UNAIDED,
}
_PLACES: Final = {name: place for place, name in enumerate(ANSWERS)}
_SAID: Final = (Kind.FIRST_READ, Kind.REVEAL, Kind.VERDICT, Kind.AMENDMENT)


@dataclass(frozen=True)
class Gathered:
    """A collection in arrays.

    Attributes:
        readers: the numbers by which readers are known in `readings`, from 1. Their order follows a keyed hash, so
            that a number tells nobody who it is.
        embeddings: makes the rows of the embeddings' drift, from a sample of each period.
        events: how many review events there are.
        shadows: what versions answered unseen, each version once.
    """

    images: Images
    readings: Readings
    readers: dict[UUID, int]
    embeddings: Callable[[Periods], list[Row]]
    events: int
    shadows: tuple[InShadow, ...] = ()


def gather(collection: Collection) -> Gathered:
    """Everything that the collection's figures are made from, in a fixed number of queries.

    The images are those that are there when the first of them is asked; what comes between two queries is in none.
    """
    images, keys = _images(collection)
    places = {key: place for place, key in enumerate(keys)}
    readings, readers = _readings(collection, places)
    events = ReviewEvent.objects.filter(reading__image__collection=collection).count()
    shadows = _shadows(collection, places)
    return Gathered(images, readings, readers, lambda found: _embeddings(found, keys), events, shadows)


def _images(collection: Collection) -> tuple[Images, list[UUID]]:
    rows = Image.objects.filter(collection=collection).order_by("created_at", "id")
    columns = (
        "id",
        "study__subject_key",
        "study_id",
        "created_at",
        "width",
        "height",
        "bits",
        "stored_bytes",
    )
    keys: list[UUID] = []
    subjects: list[int] = []
    numbers: dict[str, int] = {}
    found: list[tuple[Any, ...]] = []
    for key, subject, study, came, *sizes in _rows(rows, *columns, "window_centre", "window_width"):
        keys.append(key)
        subjects.append(numbers.setdefault(subject or study.hex, len(numbers)))
        found.append((came.timestamp() / DAY, *sizes))
    measured = np.array(found, np.float64).reshape(len(keys), 7)
    arrived, width, height, bits, stored, centre, window = measured.T
    places = {key: place for place, key in enumerate(keys)}
    truth, path, closed, paths = _truths(collection, places)
    machine, probabilities, in_force, novelty = _answers(collection, places)
    unbiased = unbiased_images(collection, places, arrived, machine == _PLACES[NOT_ASSESSABLE])
    inputs = {
        "width": width, "height": height, "bits": bits, "bytes_per_pixel": stored / (width * height),
        "window_centre": centre, "window_width": window, "novelty": novelty,
    }  # fmt: skip
    cluster = np.array(subjects, np.int64)
    return (
        Images(
            cluster, arrived, truth, path, closed, unbiased, machine, probabilities, in_force, inputs, paths
        ),
        keys,
    )


def _truths(
    collection: Collection, places: dict[UUID, int]
) -> tuple[Ints, Ints, data.Bools, tuple[str, ...]]:
    """Final labels and known cases, how they came about, and whose label is final."""
    truth, path = np.full(len(places), -1), np.full(len(places), -1)
    closed = np.zeros(len(places), bool)
    words: dict[str, int] = {}
    final = ImageStanding.objects.filter(collection=collection, outcome=Outcome.FINAL)
    for place, label, word in _placed(places, final, "image_id", "label", "path"):
        truth[place], path[place] = _answer(label), words.setdefault(word, len(words))
        closed[place] = True
    known = active_known_cases().filter(image__collection=collection)
    for place, label in _placed(places, known, "image_id", "label"):
        truth[place], path[place] = _answer(label), words.setdefault(data.KNOWN_CASE, len(words))
        closed[place] = False
    return truth, path, closed, tuple(words)


def _answers(collection: Collection, places: dict[UUID, int]) -> tuple[Ints, Floats, data.Bools, Floats]:
    """What the machine answered, with what probabilities, whether by the version in force, and how unlike it was."""
    machine, probabilities = np.full(len(places), -1), np.full((len(places), len(ANSWERS) - 1), np.nan)
    in_force, novelty = np.zeros(len(places), bool), np.full(len(places), np.nan)
    version = version_reading_for(collection.pk)
    rows = answering_rows().filter(image__collection=collection, status=JobStatus.SUCCEEDED)
    columns = ("image_id", "model_version_id", "probabilities", "not_assessable", "novelty")
    for place, by, stated, aside, unlike in _placed(places, rows.order_by(), *columns):
        in_force[place] = version is not None and by == version.pk
        if not aside:
            probabilities[place] = stated
        machine[place] = _said_by_machine(stated, aside)
        if in_force[place] and unlike is not None:
            novelty[place] = unlike
    return machine, probabilities, in_force, novelty


def _shadows(collection: Collection, places: dict[UUID, int]) -> tuple[InShadow, ...]:
    """What versions in the shadow answered of images that came in their time, and that others answer."""
    found: dict[int, Ints] = {}
    lasted = Shadow.objects.filter(collection=collection).select_related("model_version")
    for shadow in lasted.defer("model_version__metadata").order_by("pk"):
        number = shadow.model_version.number
        answers = found.setdefault(number, np.full(len(places), -1))
        rows = Prediction.objects.filter(
            model_version=shadow.model_version_id, for_comparison=True, status=JobStatus.SUCCEEDED,
            image__collection=collection, image__created_at__gte=shadow.started_at,
        )  # fmt: skip
        if shadow.ended_at is not None:
            rows = rows.filter(image__created_at__lte=shadow.ended_at)
        for place, stated, aside in _placed(
            places, rows.order_by(), "image_id", "probabilities", "not_assessable"
        ):
            answers[place] = _said_by_machine(stated, aside)
    return tuple(InShadow(number, answers) for number, answers in sorted(found.items()))


def _said_by_machine(stated: Sequence[float] | None, aside: bool) -> int:
    return _PLACES[NOT_ASSESSABLE] if aside or stated is None else int(np.argmax(stated))


def _readings(collection: Collection, places: dict[UUID, int]) -> tuple[Readings, dict[UUID, int]]:
    said = _said(collection)
    rows = Reading.objects.filter(image__collection=collection).order_by("id")
    columns = ("image_id", "id", "reader_id", "purpose", "protocol__mode", "repeats_id")
    found = [row for row in _placed(places, rows, *columns) if said.get(row[1], _NOTHING)[2] >= 0]
    where = {row[1]: place for place, row in enumerate(found)}
    people = sorted({row[2] for row in found}, key=lambda key: _shuffled(collection, key))
    numbers = {key: number for number, key in enumerate(people, start=1)}
    columns_of = np.array(
        [
            (of, numbers[who], _PURPOSES[what_for], _MODES[how], where.get(earlier, -1))
            for of, _, who, what_for, how, earlier in found
        ],
        np.int64,
    ).reshape(len(found), 5)
    spoken = np.array([said[row[1]] for row in found], np.float64).reshape(len(found), 7)
    first, first_confidence, verdict, revealed, first_ms, reveal_ms, verdict_ms = spoken.T
    image, reader, purpose, mode, repeats = columns_of.T
    alone = mode == data.ASSISTED
    return Readings(
        image=image,
        reader=reader,
        purpose=purpose,
        mode=mode,
        repeats=repeats,
        first=first.astype(np.int64),
        verdict=verdict.astype(np.int64),
        first_confidence=first_confidence.astype(np.int64),
        revealed=revealed > 0,
        first_seconds=first_ms / 1000,
        seconds=(np.where(alone, 0, first_ms) + reveal_ms + verdict_ms) / 1000,
    ), numbers


# First read and its confidence, verdict, whether revealed, milliseconds of first read, reveal and verdict. To reveal
# takes a moment that not every client measures; it is then none.
_NOTHING: Final = (-1, 0, -1, 0, float("nan"), 0.0, float("nan"))


def _said(collection: Collection) -> dict[UUID, list[float]]:
    """What is in force in each reading, as numbers (see `_NOTHING`).

    The time of an amendment is not that of a reading; such a reading has no time.
    """
    events = ReviewEvent.objects.filter(
        reading__image__collection=collection, superseded_by__isnull=True, kind__in=_SAID
    )
    found: dict[UUID, list[float]] = {}
    columns = ("reading_id", "kind", "label", "confidence", "active_ms")
    for reading, kind, label, confidence, milliseconds in _rows(events.order_by(), *columns):
        row = found.setdefault(reading, list(_NOTHING))
        taken = float("nan") if milliseconds is None else float(milliseconds)
        if kind == Kind.REVEAL:
            row[3], row[5] = 1, milliseconds or 0.0
        elif kind == Kind.FIRST_READ:
            row[0], row[1], row[4] = _answer(label), confidence or 0, taken
        else:
            row[2], row[6] = _answer(label), taken if kind == Kind.VERDICT else float("nan")
    return found


def _embeddings(found: Periods, keys: Sequence[UUID]) -> list[Row]:
    reference = _vectors(sampled(found.reference, seed=0), keys)
    later = [
        (start, end, _vectors(sampled(places, seed=number), keys))
        for number, (start, end, places) in enumerate(found.later, start=1)
    ]
    return embedding_drift(reference, later)


def _vectors(places: Ints, keys: Sequence[UUID]) -> Floats:
    """The embeddings (n, D) of images, in their order; those that were removed are left out."""
    asked = [keys[place] for place in places]
    rows = answering_rows().filter(image__in=asked, embedding__isnull=False).order_by("image_id")
    stored = [np.frombuffer(bytes(embedding), "<f4") for (embedding,) in _rows(rows, "embedding")]
    return np.array(stored, np.float64) if stored else np.empty((0, 0))


def _rows(rows: QuerySet[Any], *columns: str) -> Iterator[tuple[Any, ...]]:
    return rows.values_list(*columns).iterator(chunk_size=_AT_ONCE)


def _placed(places: dict[UUID, int], rows: QuerySet[Any], *columns: str) -> Iterator[tuple[Any, ...]]:
    """Rows whose first column is an image, as its place; without those of images that came after the others."""
    for image, *values in _rows(rows, *columns):
        if image in places:
            yield places[image], *values


def _answer(label: str) -> int:
    """The place of a label that was said; an empty one is that of an image that is not assessable."""
    return _PLACES[label or NOT_ASSESSABLE]


def _shuffled(collection: Collection, reader: UUID) -> str:
    return salted_hmac("reviews.figures", f"{collection.pk} {reader}", algorithm="sha256").hexdigest()
