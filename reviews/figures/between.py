"""How far readers agree with each other, with themselves and with the machine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reviews.figures.agreement import fleiss_kappa, gwet_ac1, kappa_of, observed_agreement
from reviews.figures.data import (
    ANSWERS,
    ASSISTED,
    BLINDED,
    LABEL,
    UNAIDED,
    Bools,
    Images,
    Ints,
    Readings,
    Row,
)
from reviews.figures.estimates import share

_MOST_PAIRS = 200
_K = len(ANSWERS)


def between_readers(readings: Readings, images: Images) -> list[Row]:
    """Agreement of all readers on the images that at least two of them read, by what they said when."""
    return [
        {"said": said, "measure": name, "readers": chosen.readers(), **measure(ratings, clusters).row()}
        for said, chosen, answers in _statements(readings)
        for ratings, clusters in [_ratings(chosen.image, answers, images.cluster)]
        if len(ratings)
        for name, measure in (("agreement", observed_agreement), ("fleiss", fleiss_kappa), ("ac1", gwet_ac1))
    ]


def pairs_of_readers(readings: Readings, images: Images) -> list[Row]:
    """Cohen's kappa of each two readers who read at least two images in common, most images first."""
    rows: list[Row] = []
    for said, chosen, answers in _statements(readings):
        for one, other, at, first, second in _pairs(chosen, answers):
            kappa = kappa_of(first, second, _K, images.cluster[at])
            rows.append({"said": said, "reader": one, "other": other, **kappa.row()})
    return sorted(rows, key=lambda row: -row["n"])[:_MOST_PAIRS]


def with_machine(readings: Readings, images: Images) -> list[Row]:
    """Agreement of readers with the machine, before and after they were shown its answer."""
    rows: list[Row] = []
    answered = (images.machine[readings.image] >= 0) & (readings.purpose == LABEL)
    shown = answered & readings.revealed
    for when, mask, answers in (
        ("before", shown & (readings.mode == BLINDED) & (readings.first >= 0), readings.first),
        ("after", shown & (readings.mode == BLINDED) & (readings.first >= 0), readings.verdict),
        ("assisted", shown & (readings.mode == ASSISTED), readings.verdict),
        ("never", answered & (readings.mode == UNAIDED), readings.verdict),
    ):
        if mask.any():
            at, said = readings.image[mask], answers[mask]
            same = share(said == images.machine[at], images.cluster[at])
            kappa = kappa_of(said, images.machine[at], _K, images.cluster[at])
            who = {"when": when, "readers": len(np.unique(readings.reader[mask]))}
            rows += [
                {**who, "measure": "agreement", **same.row()},
                {**who, "measure": "kappa", **kappa.row()},
            ]
    return rows


def with_themselves(readings: Readings, everything: Readings, images: Images) -> list[Row]:
    """Agreement of readers with their own earlier verdict, from images that were silently shown again."""
    again = readings.where(readings.repeats >= 0)
    if not len(again):
        return []
    earlier = everything.verdict[again.repeats]
    who, cluster = {"readers": again.readers()}, images.cluster[again.image]
    return [
        {**who, "measure": "agreement", **share(again.verdict == earlier, cluster).row()},
        {**who, "measure": "kappa", **kappa_of(earlier, again.verdict, _K, cluster).row()},
    ]


def _statements(readings: Readings) -> Iterator[tuple[str, Readings, Ints]]:
    """First reads, which are independent of each other and of the machine; then verdicts."""
    labels = readings.where(readings.purpose == LABEL)
    before = labels.where(labels.first >= 0)
    yield "first_read", before, before.first
    yield "verdict", labels, labels.verdict


def _ratings(image: Ints, answers: Ints, cluster: Ints) -> tuple[Ints, Ints]:
    """How often each image that at least two read was given each answer (I, K), and its cluster (I,)."""
    read, place = np.unique(image, return_inverse=True)
    counts = np.bincount(place * _K + answers, minlength=len(read) * _K).reshape(len(read), _K)
    several = counts.sum(axis=1) >= 2
    return np.asarray(counts[several]), cluster[read[several]]


def _pairs(readings: Readings, answers: Ints) -> Iterator[tuple[int, int, Ints, Ints, Ints]]:
    """Each two readers, the images that both read, and what the one and the other said of them."""
    people = np.unique(readings.reader)
    said = {}
    for person in people:
        mine: Bools = readings.reader == person
        order = np.argsort(readings.image[mine])
        said[int(person)] = readings.image[mine][order], answers[mine][order]
    for place, one in enumerate(said):
        for other in list(said)[place + 1 :]:
            both, left, right = np.intersect1d(
                said[one][0], said[other][0], assume_unique=True, return_indices=True
            )
            if len(left) >= 2:
                yield one, other, both, said[one][1][left], said[other][1][right]
