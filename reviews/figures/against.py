"""How often readers are right, with the machine's answer and without it, and what its answer does to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from reviews.figures.agreement import kappa_of
from reviews.figures.data import (
    ANSWERS,
    ASSISTED,
    BLINDED,
    INDEPENDENT,
    KNOWN,
    ONE_READER,
    REPEAT,
    Bools,
    Floats,
    Images,
    Ints,
    Readings,
    Row,
)
from reviews.figures.estimates import Estimate, combined, mean, median, share

CONFIDENCES: Final = (1, 2, 3)


@dataclass(frozen=True)
class Condition:
    """What was said in one way of reading: `where` (M,) says in which readings, the others are of all (M,)."""

    name: str
    where: Bools
    answers: Ints
    confidence: Ints
    seconds: Floats


def conditions(readings: Readings) -> Iterator[Condition]:
    """Without the machine's answer; after it was shown; with it from the start. Repeats are none of these."""
    counted = readings.purpose != REPEAT
    alone, none = counted & (readings.first >= 0), np.zeros(len(readings), np.int64)
    yield Condition("without", alone, readings.first, readings.first_confidence, readings.first_seconds)
    after = alone & (readings.mode == BLINDED) & readings.revealed
    yield Condition("after", after, readings.verdict, none, readings.seconds)
    assisted = counted & (readings.mode == ASSISTED)
    yield Condition("assisted", assisted, readings.verdict, none, readings.seconds)


def truths(images: Images) -> Iterator[tuple[str, Bools]]:
    """Which images (N,) readers can be measured on: those whose label rests on more than the reader's own word."""
    yield "settled", (images.truth >= 0) & ~images.decided_by(ONE_READER)
    yield "independent", (images.truth >= 0) & images.decided_by(*INDEPENDENT)


def accuracy(answers: Ints, truth: Ints, cluster: Ints) -> Estimate:
    return share(answers == truth, cluster)


def balanced_accuracy(answers: Ints, truth: Ints, cluster: Ints) -> Estimate:
    """Returns the mean over the labels that occur in the truth of how often each was named."""
    present = np.unique(truth)
    parts = [share(answers[truth == label] == label, cluster[truth == label]) for label in present]
    return combined(parts, [1 / len(parts)] * len(parts))


def with_without(readings: Readings, images: Images) -> list[Row]:
    """Accuracy, balanced accuracy and kappa against the truth in each way of reading."""
    rows: list[Row] = []
    for kind, known in truths(images):
        for way in conditions(readings):
            mask = way.where & known[readings.image]
            if not mask.any():
                continue
            at, said = readings.image[mask], way.answers[mask]
            truth, cluster = images.truth[at], images.cluster[at]
            who = {"condition": way.name, "truth": kind, "readers": len(np.unique(readings.reader[mask]))}
            for measure, estimate in (
                ("accuracy", accuracy(said, truth, cluster)),
                ("balanced_accuracy", balanced_accuracy(said, truth, cluster)),
                ("kappa", kappa_of(said, truth, len(ANSWERS), cluster)),
            ):
                rows.append({**who, "measure": measure, **estimate.row()})
    return rows


def change(readings: Readings, images: Images) -> list[Row]:
    """What the reveal changed in the same readings: accuracy after it less accuracy before it."""
    rows: list[Row] = []
    for kind, known in truths(images):
        mask = _shown(readings) & known[readings.image]
        if mask.any():
            at = readings.image[mask]
            truth = images.truth[at]
            moved = (readings.verdict[mask] == truth).astype(float) - (readings.first[mask] == truth)
            who = {"truth": kind, "readers": len(np.unique(readings.reader[mask]))}
            rows.append({**who, **mean(moved, images.cluster[at]).row()})
    return rows


def seconds(readings: Readings) -> list[Row]:
    """Median active seconds per image until it was said, in each way of reading."""
    rows: list[Row] = []
    for way in conditions(readings):
        mask = way.where & np.isfinite(way.seconds)
        if mask.any():
            who = {"condition": way.name, "readers": len(np.unique(readings.reader[mask]))}
            rows.append({**who, **median(way.seconds[mask]).row()})
    return rows


def confidence(readings: Readings, images: Images) -> list[Row]:
    """How often what was said with each stated confidence was right; it is asked of first reads alone."""
    rows: list[Row] = []
    _, known = next(truths(images))
    for way in conditions(readings):
        for level in CONFIDENCES:
            mask = way.where & known[readings.image] & (way.confidence == level)
            if mask.any():
                at = readings.image[mask]
                who = {
                    "condition": way.name,
                    "confidence": level,
                    "readers": len(np.unique(readings.reader[mask])),
                }
                rows.append(
                    {**who, **accuracy(way.answers[mask], images.truth[at], images.cluster[at]).row()}
                )
    return rows


def automation_bias(readings: Readings, images: Images) -> list[Row]:
    """What readers did after the reveal, by who had been right before it (Goddard, Roudsari & Wyatt 2012).

    `right_to_wrong` and `kept_right` are of first reads that were right where the machine was wrong;
    `wrong_to_right` and `ignored_right` of first reads that were wrong where the machine was right;
    `moved` of all first reads that differed from the machine, whatever the truth.
    """
    shown = _shown(readings) & (images.machine[readings.image] >= 0)
    _, known = next(truths(images))
    machine, truth = images.machine[readings.image], images.truth[readings.image]
    first, verdict = readings.first, readings.verdict
    judged = shown & known[readings.image]
    misled = judged & (first == truth) & (machine != truth)
    helped = judged & (first != truth) & (machine == truth)
    rows: list[Row] = []
    for event, among, happened in (
        ("right_to_wrong", misled, verdict != truth),
        ("kept_right", misled, verdict == truth),
        ("wrong_to_right", helped, verdict == truth),
        ("ignored_right", helped, verdict != truth),
        ("moved", shown & (first != machine), verdict == machine),
    ):
        if among.any():
            estimate = share(happened[among], images.cluster[readings.image[among]])
            who = {"event": event, "readers": len(np.unique(readings.reader[among]))}
            rows.append({**who, "count": int(happened[among].sum()), **estimate.row()})
    return rows


def known_cases(readings: Readings, images: Images) -> list[Row]:
    """How often readers were right on cases whose label is known from elsewhere, before they saw any answer."""
    said = np.where(readings.first >= 0, readings.first, readings.verdict)
    mask = (readings.purpose == KNOWN) & (images.truth[readings.image] >= 0)
    at = readings.image[mask]
    truth, answers, cluster = images.truth[at], said[mask], images.cluster[at]
    rows: list[Row] = []
    for name, part in [("all", truth >= 0)] + [(name, truth == place) for place, name in enumerate(ANSWERS)]:
        if part.any():
            who = {"label": name, "readers": len(np.unique(readings.reader[mask][part]))}
            rows.append({**who, **accuracy(answers[part], truth[part], cluster[part]).row()})
    return rows


def _shown(readings: Readings) -> Bools:
    """Readings (M,) with a first read, after which the machine's answer was shown."""
    blinded = (readings.purpose != REPEAT) & (readings.mode == BLINDED)
    return np.asarray(blinded & readings.revealed & (readings.first >= 0))
