"""Labels of a label set that are likely wrong: what the search rests on, and what it found, beside blinded reads."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db.models import Count

from classifier.models import Image, JobStatus, ModelVersion, Prediction
from classifier.selectors import version_reading_for
from ml.labels import CLASSES
from reviews.models import LabelErrorSearch, LabelSet, LabelSetEntry, Reading, ReviewEvent, SentBack, Split
from reviews.selectors.agreement import not_superseded
from reviews.selectors.labels import spoken_label
from reviews.selectors.splits import Groups

Kind = ReviewEvent.Kind
_ROWS: Final = 2000


@dataclass(frozen=True)
class Labelled:
    """The labels of a set whose images a version has embedded.

    Attributes:
        images: n identifiers. labels: (n,) class indices. embeddings: (n, D).
        groups: n keys; what a subject or a cluster of near-duplicates holds together has one.
        without: how many images of the set that version has no embedding of.
    """

    version: ModelVersion
    images: list[UUID]
    labels: npt.NDArray[np.int64]
    embeddings: npt.NDArray[np.float32]
    groups: list[str]
    without: int


@dataclass(frozen=True)
class LikelyError:
    """One label of the ranking.

    Attributes:
        rank: from 1.
        probability, suggested_probability: of the label and of the class suggested, by heads that never saw the image.
        likely: whether the label is likely wrong; the others of the ranking are merely the least sure.
        blinded: what readers said before they saw the machine's answer, one each, sorted.
        sent_back: whether it was sent back from this label set.
    """

    rank: int
    image: Image
    label: str
    suggested: str
    probability: float
    suggested_probability: float
    score: float
    likely: bool
    blinded: tuple[str, ...]
    sent_back: bool

    @property
    def for_label(self) -> int:
        """How many blinded readers said the label."""
        return self.blinded.count(self.label)

    @property
    def for_suggested(self) -> int:
        """How many blinded readers said what is suggested."""
        return self.blinded.count(self.suggested)


def newest_search(label_set: LabelSet) -> LabelErrorSearch | None:
    """The newest search of a label set, in whatever state."""
    return LabelErrorSearch.objects.filter(label_set=label_set).order_by("-asked_at", "-id").first()


def newest_found(label_set: LabelSet) -> LabelErrorSearch | None:
    """The newest search of a label set that succeeded."""
    done = LabelErrorSearch.objects.filter(label_set=label_set, status=LabelErrorSearch.Status.SUCCEEDED)
    return done.select_related("model_version").order_by("-asked_at", "-id").first()


def ranked_errors(search: LabelErrorSearch, *, start: int = 0, size: int | None = None) -> list[LikelyError]:
    """Rows of the ranking, the likeliest error first."""
    rows: list[list[Any]] = (search.result or {}).get("rows", [])
    shown = rows[start : None if size is None else start + size]
    wanted = [UUID(row[0]) for row in shown]
    images = Image.objects.select_related("study").in_bulk(wanted)
    blinded = blinded_labels(wanted)
    sent = set(
        SentBack.objects.filter(label_set=search.label_set_id, image__in=wanted).values_list(
            "image", flat=True
        )
    )
    return [
        LikelyError(
            rank,
            images[pk],
            label,
            suggested,
            p,
            p_suggested,
            score,
            likely,
            tuple(sorted(blinded[pk])),
            pk in sent,
        )
        for rank, (pk, (_, label, suggested, p, p_suggested, score, likely)) in enumerate(
            zip(wanted, shown, strict=True), start=start + 1
        )
    ]


def found_count(search: LabelErrorSearch) -> int:
    """How many rows the ranking has."""
    return len((search.result or {}).get("rows", []))


def blinded_labels(images: Iterable[UUID]) -> dict[UUID, list[str]]:
    """By image, what each of its readers last said unaware of the machine's answer: a class, or `not_assessable`."""
    events = ReviewEvent.objects.filter(
        not_superseded(),
        reading__image__in=list(images),
        reading__purpose=Reading.Purpose.LABEL,
        kind__in=[Kind.FIRST_READ, Kind.VERDICT, Kind.AMENDMENT],
        saw_prediction=False,
    )
    last: dict[UUID, tuple[UUID, str]] = {}
    for event in events.select_related("reading").order_by("reading", "sequence"):
        last[event.reading_id] = (event.reading.image_id, spoken_label(event))
    said: dict[UUID, list[str]] = defaultdict(list)
    for image, label in last.values():
        said[image].append(label)
    return said


def labelled(label_set: LabelSet) -> Labelled | None:
    """What a search can rest on: the labels of the set's three parts, embedded by one version; None without any.

    The version is the one that reads for the collection, unless it has embedded none of them; then the one that has
    embedded the most.
    """
    used = LabelSetEntry.objects.filter(label_set=label_set).exclude(split=Split.EXCLUDED)
    version = _embedded_by(label_set)
    if version is None:
        return None
    entries = {
        image: (label, cluster, subject)
        for image, label, cluster, subject in used.values_list(
            "image", "label", "image__cluster", "image__study__subject_key"
        )
    }
    rows = Prediction.objects.filter(
        image__label_set_entries__in=used,
        model_version=version,
        status=JobStatus.SUCCEEDED,
        embedding__isnull=False,
    ).order_by("image")
    found = rows.values_list("image", "embedding").iterator(chunk_size=_ROWS)
    embedded = {pk: bytes(data) for pk, data in found if data is not None}
    linked = {pk: _keys(*entries[pk][1:]) for pk in embedded}
    groups = Groups(linked.values())
    return Labelled(
        version=version,
        images=list(embedded),
        labels=np.array([CLASSES.index(entries[pk][0]) for pk in embedded], np.int64),
        embeddings=np.stack([np.frombuffer(data, "<f4") for data in embedded.values()]),
        groups=[groups.root(linked[pk][0]) for pk in embedded],
        without=len(entries) - len(embedded),
    )


def _embedded_by(label_set: LabelSet) -> ModelVersion | None:
    embedded = Prediction.objects.filter(
        image__label_set_entries__label_set=label_set, status=JobStatus.SUCCEEDED, embedding__isnull=False
    ).exclude(image__label_set_entries__split=Split.EXCLUDED)
    counted = dict(
        embedded.order_by().values_list("model_version").annotate(images=Count("image", distinct=True))
    )
    reads = version_reading_for(label_set.collection_id)
    if reads is not None and reads.pk in counted:
        return reads
    most = max(counted, key=lambda pk: (counted[pk], str(pk)), default=None)
    return ModelVersion.objects.get(pk=most) if most else None


def _keys(cluster: UUID, subject: str) -> list[str]:
    return [f"cluster:{cluster}", *([f"subject:{subject}"] if subject else [])]
