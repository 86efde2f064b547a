"""The arrays that figures are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES, NOT_ASSESSABLE

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Row = dict[str, Any]
Figures = dict[str, list[Row]]

ANSWERS: Final = (*CLASSES, NOT_ASSESSABLE)
"""What a reader, a machine or a truth can say; arrays hold places in it, and -1 for nothing."""

ONE_READER: Final = "one reader"
KNOWN_CASE: Final = "known case"
ADJUDICATED: Final = "adjudicated"
INDEPENDENT: Final = (ADJUDICATED, KNOWN_CASE)
"""Truths in which no reader that is measured by them had a part."""

LABEL, REPEAT, KNOWN = range(3)
BLINDED, ASSISTED, UNAIDED = range(3)


@dataclass(frozen=True)
class Images:
    """N images of a collection.

    Attributes:
        cluster: number of the subject (of the study where the subject is not known).
        arrived: when the image came, in days.
        truth: its final label, or that of a known case; -1 as long as there is none.
        path: how the truth came about, as a place in `paths`; -1 where there is none.
        closed: its label is final and it is no known case: nobody reads it any more.
        unbiased: it was read whatever the machine answered: no answer chose it, or passed it over while it waited.
        machine: what the machine answered; -1 for not yet.
        probabilities: (N, 4), NaN where no class was named.
        in_force: whether that was the version that reads for the collection now.
        inputs: by measure, a number (N,) for each image, NaN where there is none.
        paths: the words that `path` points to.
    """

    cluster: Ints
    arrived: Floats
    truth: Ints
    path: Ints
    closed: Bools
    unbiased: Bools
    machine: Ints
    probabilities: Floats
    in_force: Bools
    inputs: Mapping[str, Floats]
    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.cluster)

    def decided_by(self, *words: str) -> Bools:
        """Which images (N,) have a truth that came about in one of these ways."""
        wanted = [place for place, word in enumerate(self.paths) if word in words]
        return np.isin(self.path, wanted)


@dataclass(frozen=True)
class Readings:
    """M readings with a verdict in force.

    Attributes:
        image: place in `Images`. reader: number of the reader.
        purpose: LABEL, REPEAT or KNOWN. mode: BLINDED, ASSISTED or UNAIDED.
        repeats: of a repeat, the place of the reading that it repeats; else -1.
        first, verdict: what was said before the machine's answer was shown (-1 for nothing), and what is in force.
        first_confidence: 1 to 3 as stated with what was said first; 0 for not stated. With a verdict none is asked.
        revealed: whether the machine's answer was shown in it.
        first_seconds, seconds: active time until the first read, and until the verdict; NaN where not measured.
    """

    image: Ints
    reader: Ints
    purpose: Ints
    mode: Ints
    repeats: Ints
    first: Ints
    verdict: Ints
    first_confidence: Ints
    revealed: Bools
    first_seconds: Floats
    seconds: Floats

    def __len__(self) -> int:
        return len(self.image)

    def where(self, chosen: Bools) -> Readings:
        """The readings that are chosen (M,). `repeats` still points into the readings that they were chosen from."""
        return replace(self, **{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def readers(self) -> int:
        return len(np.unique(self.reader))
