"""How a version in the shadow does beside what answered, on the same images, against what people said of them.

Only images count that came in the shadow's time, that both answered, and that were read whatever the machine answered.
First reads are blind to both. Final labels are not: whoever gave them had mostly seen the answer, never the shadow's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ml.comparison.paired import mcnemar
from reviews.figures.against import accuracy, balanced_accuracy
from reviews.figures.agreement import kappa_of
from reviews.figures.data import ANSWERS, LABEL, Bools, Images, Ints, Readings, Row
from reviews.figures.estimates import mean


@dataclass(frozen=True)
class InShadow:
    """What a version answered unseen.

    Attributes:
        version: its number.
        answers: (N,), as places in `ANSWERS`; -1 for images of another time, and for those it has not answered.
    """

    version: int
    answers: Ints


def both_answered(images: Images, shadow: InShadow) -> Bools:
    """Which images (N,) the two are compared on."""
    return images.unbiased & (images.machine >= 0) & (shadow.answers >= 0)


def shadow_reads(readings: Readings, images: Images, shadows: Sequence[InShadow]) -> list[Row]:
    """How far each agrees with first reads that were made before any answer was shown."""
    rows: list[Row] = []
    for shadow in shadows:
        mask, at = _first_reads(readings, images, shadow)
        if not mask.any():
            continue
        said, cluster = readings.first[mask], images.cluster[at]
        who = {"version": shadow.version, "readers": len(np.unique(readings.reader[mask]))}
        for side, answers in _sides(images, shadow):
            for measure, estimate in (
                ("agreement", accuracy(answers[at], said, cluster)),
                ("kappa", kappa_of(answers[at], said, len(ANSWERS), cluster)),
            ):
                rows.append({**who, "side": side, "measure": measure, **estimate.row()})
    return rows


def shadow_labels(images: Images, shadows: Sequence[InShadow]) -> list[Row]:
    """How often each named the final label."""
    rows: list[Row] = []
    for shadow in shadows:
        at = np.flatnonzero(both_answered(images, shadow) & (images.truth >= 0))
        if not len(at):
            continue
        truth, cluster = images.truth[at], images.cluster[at]
        for side, answers in _sides(images, shadow):
            for measure, estimate in (
                ("accuracy", accuracy(answers[at], truth, cluster)),
                ("balanced_accuracy", balanced_accuracy(answers[at], truth, cluster)),
                ("kappa", kappa_of(answers[at], truth, len(ANSWERS), cluster)),
            ):
                rows.append({"version": shadow.version, "side": side, "measure": measure, **estimate.row()})
    return rows


def shadow_difference(readings: Readings, images: Images, shadows: Sequence[InShadow]) -> list[Row]:
    """The shadow's agreement less that of what answered, in pairs: the same first reads, the same final labels.

    `p` is McNemar's, exact; it counts images, so only final labels have it: of one image there is one.
    """
    rows: list[Row] = []
    for shadow in shadows:
        mask, read = _first_reads(readings, images, shadow)
        labelled = np.flatnonzero(both_answered(images, shadow) & (images.truth >= 0))
        for against, at, said in (
            ("first_reads", read, readings.first[mask]),
            ("final_labels", labelled, images.truth[labelled]),
        ):
            if not len(at):
                continue
            right, before = shadow.answers[at] == said, images.machine[at] == said
            tested = mcnemar(right, before)
            rows.append(
                {
                    "version": shadow.version,
                    "against": against,
                    **mean(right.astype(float) - before, images.cluster[at]).row(),
                    "only_shadow": tested["only_a"],
                    "only_answer": tested["only_b"],
                    "p": tested["p"] if against == "final_labels" else None,
                }
            )
    return rows


def _sides(images: Images, shadow: InShadow) -> Iterator[tuple[str, Ints]]:
    yield "shadow", shadow.answers
    yield "answer", images.machine


def _first_reads(readings: Readings, images: Images, shadow: InShadow) -> tuple[Bools, Ints]:
    """Which readings (M,) began with a first read of an image that counts; and the places of those images."""
    counted = both_answered(images, shadow)[readings.image]
    mask = counted & (readings.purpose == LABEL) & (readings.first >= 0)
    return mask, readings.image[mask]
