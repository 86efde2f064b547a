"""All figures of a collection, for whom they may be, from its arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from reviews.figures import against, between, drift, model, shadow
from reviews.figures.data import LABEL, UNAIDED, Bools, Figures, Images, Readings, Row

FORM: Final = 1
"""Of the content of a snapshot; a page shows no other."""

LEAST_IMAGES: Final = 5
"""Behind every figure that a reader gets."""

LEAST_READERS: Final = 3
"""Behind every pooled figure from which one could subtract one's own, and have a colleague's."""

_PRIVATE: Final = ("automation_bias", "by_reader")
_BETWEEN: Final = ("between_readers",)
Embeddings = Callable[[drift.Periods], list[Row]]


def all_figures(
    images: Images,
    readings: Readings,
    embeddings: Embeddings | None = None,
    shadows: Sequence[shadow.InShadow] = (),
) -> dict[str, Any]:
    """Returns the content of a snapshot.

    `everything`: pooled over all images, for those who may see answers. `closed`: pooled over the images that nobody
    reads any more, for readers and adjudicators; nothing in it rests on an image that is still to be read.
    `readers`: by the reader's number, their own figures, each for that reader alone.

    Args:
        embeddings: makes the rows of the embeddings' drift for the periods; None for none.
        shadows: what versions answered unseen; for those who may see answers alone.
    """
    finished = readings.where(images.closed[readings.image] & (readings.purpose == LABEL))
    people = np.unique(readings.reader)
    return {
        "form": FORM,
        "everything": _everything(images, readings, embeddings)
        | {
            "shadow_reads": shadow.shadow_reads(readings, images, shadows),
            "shadow_labels": shadow.shadow_labels(images, shadows),
            "shadow_difference": shadow.shadow_difference(readings, images, shadows),
        },
        "closed": _enough(_closed(images, finished)),
        "readers": {int(person): own_figures(images, readings, int(person)) for person in people},
    }


def own_figures(images: Images, readings: Readings, person: int) -> Figures:
    """Returns one reader's figures, for nobody else; those of the machine only where its answer was shown to them."""
    mine = readings.where(readings.reader == person)
    found = {
        "with_themselves": between.with_themselves(mine, readings, images),
        "known_cases": against.known_cases(mine, images),
        "with_without": against.with_without(mine, images),
        "change": against.change(mine, images),
        "automation_bias": against.automation_bias(mine, images),
        "confidence": against.confidence(mine, images),
        "seconds": against.seconds(mine),
        "with_machine": between.with_machine(mine.where(mine.revealed), images),
    }
    return {name: [row for row in rows if row["n"] >= LEAST_IMAGES] for name, rows in found.items()}


def _everything(images: Images, readings: Readings, embeddings: Embeddings | None) -> Figures:
    every = np.ones(len(images), bool)
    found: Figures = {
        "between_readers": between.between_readers(readings, images),
        "pairs_of_readers": between.pairs_of_readers(readings, images),
        "with_themselves": between.with_themselves(readings, readings, images),
        "known_cases": against.known_cases(readings, images),
        **_pooled(images, readings, every),
        "by_reader": _by_reader(images, readings),
        **_drift(images, embeddings),
    }
    return {name: _of_several(rows) if name in _PRIVATE else rows for name, rows in found.items()}


def _closed(images: Images, finished: Readings) -> Figures:
    """What the machine says of images that were read unaided is not counted: its readers never get to know it."""
    unaided = np.zeros(len(images), bool)
    unaided[finished.image[finished.mode == UNAIDED]] = True
    aided = finished.where(~unaided[finished.image])
    return {
        "between_readers": between.between_readers(finished, images),
        **_pooled(images, finished, images.closed & ~unaided),
        "with_machine": between.with_machine(aided, images),
    }


def _pooled(images: Images, readings: Readings, among: Bools) -> Figures:
    return {
        "with_machine": between.with_machine(readings, images),
        "with_without": against.with_without(readings, images),
        "change": against.change(readings, images),
        "automation_bias": against.automation_bias(readings, images),
        "confidence": against.confidence(readings, images),
        "seconds": against.seconds(readings),
        "model_accuracy": model.model_accuracy(images, among),
        "truth_paths": model.truth_paths(images, among),
        "calibration": model.calibration(images, among),
        "calibration_error": model.calibration_error(images, among),
    }


def _drift(images: Images, embeddings: Embeddings | None) -> Figures:
    found, seen = drift.periods(images), drift.periods(images, images.in_force & (images.machine >= 0))
    return {
        "input_drift": drift.input_drift(images, found) if found else [],
        "mix_drift": drift.mix_drift(images, found) if found else [],
        "class_mix": drift.class_mix(images, found) if found else [],
        "embedding_drift": embeddings(seen) if embeddings and seen else [],
    }


def _by_reader(images: Images, readings: Readings) -> list[Row]:
    """Each reader's headline figures, for the table in which they are numbers without names."""
    people = np.unique(readings.reader)
    rows: list[Row] = []
    for person in people:
        mine = readings.where(readings.reader == person)
        again = between.with_themselves(mine, readings, images)
        rows += [
            _named(row, person, len(people), "with_themselves")
            for row in again
            if row["measure"] == "agreement"
        ]
        known = against.known_cases(mine, images)
        rows += [_named(row, person, len(people), "known_cases") for row in known if row["label"] == "all"]
        for row in against.with_without(mine, images):
            if row["measure"] == "accuracy" and row["truth"] == "settled":
                rows.append(_named(row, person, len(people), row["condition"]))
    return rows


def _named(row: Row, person: int, people: int, measure: str) -> Row:
    kept = {name: row[name] for name in ("n", "value", "low", "high")}
    return {"reader": int(person), "measure": measure, "readers": people, **kept}


def _enough(found: Figures) -> Figures:
    """Only rows of enough images, and of enough readers that nobody can work out another's."""
    return {
        name: [
            row
            for row in rows
            if row["n"] >= LEAST_IMAGES
            and (name in _BETWEEN or row.get("readers", LEAST_READERS) >= LEAST_READERS)
        ]
        for name, rows in found.items()
    }


def _of_several(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["readers"] >= LEAST_READERS]
