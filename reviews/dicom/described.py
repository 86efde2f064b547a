"""What a result says, before it is a DICOM file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

type Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
type Floats = npt.NDArray[np.float32]

# Part of what the files' identifiers are made of: a change of what is written gives files new identifiers.
FORMAT: Final = "1"
CAPTION: Final = "Where the model looked, not where the tumour is."


class DicomError(ValueError):
    """What was described cannot be written; the message says why."""


@dataclass(frozen=True)
class Whose:
    """A study of a subject, pseudonymous.

    Attributes:
        patient_id: made of the subject's key; never the sender's.
        study_id: by which people know the study here: the end of its identifier.
        study_uid: the replacement of the DICOM study's, or one made of the study's identifier.
        coded_profile: codes of PS3.16 CID 7050 that say how identity was removed; none where it came without.
    """

    patient_id: str
    study_uid: str
    study_id: str
    coded_profile: tuple[str, ...] = ()


@dataclass(frozen=True)
class Instance:
    """The DICOM instance that a picture came as, by its replaced UIDs.

    Attributes:
        frame: the picture's place in it, from 1.
        frames: how many of its frames are known; more than one is an enhanced, multi-frame instance.
    """

    series_uid: str
    instance_uid: str
    frame: int = 1
    frames: int = 1


@dataclass(frozen=True)
class Geometry:
    """Where a slice lies: direction cosines of row and column, mm between rows and columns, mm along the normal."""

    orientation: tuple[float, float, float, float, float, float]
    row_spacing: float
    column_spacing: float
    position: float


@dataclass(frozen=True)
class Picture:
    """One image of a study.

    Attributes:
        number: its place in the study, from 1.
        window: centre and width, in the picture's own levels.
        made_series_uid, made_instance_uid: under which the picture goes out where it cannot under its own.
        space_uid: frame of reference of its series.
        came: when it was stored.
        instance: what it came as, where that was DICOM.
    """

    number: int
    width: int
    height: int
    bits: int
    window: tuple[float, float] | None
    made_series_uid: str
    made_instance_uid: str
    space_uid: str
    came: datetime
    instance: Instance | None = None
    geometry: Geometry | None = None


@dataclass(frozen=True)
class MachineSaid:
    """The machine's answer to a picture.

    Attributes:
        label: a class, or `not_assessable`.
        probabilities: of `ml.labels.CLASSES`; None where no class is named.
        tracking_uid: of this answer, for ever.
    """

    label: str
    probabilities: tuple[float, ...] | None
    novelty: float | None
    novelty_threshold: float | None
    version: int
    version_name: str
    checkpoint_sha256: str
    runtime: str
    at: datetime
    tracking_uid: str


@dataclass(frozen=True)
class ReadersSaid:
    """The final label of a picture.

    Attributes:
        path: "one reader", "agreed", "majority 2 of 3", "senior reader" or "adjudicated".
        observers: who stands behind it, such as "Reader^1": no names, the same throughout a study.
        tracking_uid: of this label as it is now.
    """

    label: str
    path: str
    at: datetime
    observers: tuple[str, ...]
    tracking_uid: str


@dataclass(frozen=True)
class Result:
    """What was said of a picture, by the machine and by its readers.

    Attributes:
        changed_at: when what counts last became another, or none. Where a label was taken back, or what had been
            replaced counts again, it is later than all that is said. None where there never was a final label, and
            no answer took another's place.
    """

    picture: Picture
    machine: MachineSaid | None
    readers: ReadersSaid | None
    changed_at: datetime | None = None

    @property
    def at(self) -> datetime | None:
        """Since when just this is said; None where nothing is, and nothing was."""
        said = [one.at for one in (self.machine, self.readers) if one]
        return max([*said, self.changed_at] if self.changed_at else said, default=None)


@dataclass(frozen=True)
class Said:
    """What was said of one picture or of all of a study, and the UIDs of the report that says it.

    Attributes:
        results: in the order of the study, each with something that was said, or without.
        device_uid: of the platform that says it.
    """

    whose: Whose
    results: tuple[Result, ...]
    series_uid: str
    instance_uid: str
    device_uid: str

    @property
    def verified(self) -> bool:
        """Whether readers stand behind a final label of every picture in it."""
        return all(result.readers for result in self.results)

    @property
    def complete(self) -> bool:
        """Whether nothing is to be waited for: each picture has the machine's answer."""
        return all(result.machine for result in self.results)

    @property
    def at(self) -> datetime:
        """Since when all of this is said, and nothing else: later than of any report that says something else."""
        said = [result.at for result in self.results if result.at]
        if not said:
            raise DicomError("Nothing was said of these images yet.")
        return max(said)


@dataclass(frozen=True)
class Looked:
    """Where the model looked: one class's map, 0 to 1, over a square of the picture (left, top, side in pixels).

    Attributes:
        at: since when this answer counts.
    """

    label: str
    version: int
    cam: Floats
    frame: tuple[int, int, int]
    at: datetime
    series_uid: str
    instance_uid: str
