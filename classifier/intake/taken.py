"""What one uploaded file becomes: frames of canonical pixels and the few facts that are kept beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from classifier.intake.canonical import CanonicalImage


class Box(NamedTuple):
    """A rectangle of pixels in which writing was found."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What a DICOM file said of one frame and is kept of it.

    Attributes:
        series_uid, instance_uid: keyed replacements of the sender's ("2.25.…").
        sop_class_uid: the class of image, as the DICOM standard names it.
        modality: "MR".
        plane: "axial", "coronal", "sagittal", or empty where the orientation is oblique or not given.
        sequence_family: one of `facts.SEQUENCE_FAMILIES`, or empty where nothing tells.
        slice_position: mm along the slice's normal.
        row_spacing, column_spacing: mm between the centres of neighbouring rows and of neighbouring columns.
        orientation: direction cosines of a row and of a column (PS3.3 C.7.6.2.1.1), x y z each.
        bits_stored: 1 to 16.
        instance_number: the instance's number within its series.
    """

    series_uid: str
    instance_uid: str
    sop_class_uid: str
    modality: str
    plane: str
    sequence_family: str
    slice_position: float | None
    row_spacing: float | None
    column_spacing: float | None
    orientation: tuple[float, float, float, float, float, float] | None
    bits_stored: int
    instance_number: int | None


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What a DICOM file said of its study and is kept of it.

    Attributes:
        study_uid: keyed replacement of the sender's ("2.25.…").
        subject_key: keyed hash of the patient's identifier; empty where the file had none.
        age_band: decade of the subject's age ("40-49", "90+"); empty where not told.
        declared_text: the header says that identity is burned into the pixels.
        profile: codes of PS3.16 CID 7050 that say how identity was removed.
    """

    study_uid: str
    subject_key: str
    age_band: str
    declared_text: bool
    profile: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """One image of the file.

    Attributes:
        image: its canonical pixels.
        number: counts from 1 within the file.
        facts: None for everything but DICOM.
        boxes: where writing was found in its pixels.
    """

    image: CanonicalImage
    number: int
    facts: FrameFacts | None = None
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class TakenIn:
    """One uploaded file as it may be stored: nothing of its name, its header or its own identifiers.

    Attributes:
        frames: one at least, in the file's order.
        file_sha256: hex, of the file as it was sent.
        study: None for everything but DICOM.
    """

    frames: tuple[Frame, ...]
    file_sha256: str
    study: StudyFacts | None = None
