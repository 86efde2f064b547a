"""What is told of a file and of each of its frames: words of short lists, numbers, and what is hashed at once.

Sources: DICOM PS3.3 C.7.6.2 (image plane), C.7.6.16 (functional groups), PS3.5 section 6.2 (ages, dates).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from classifier.intake.dicom import keep_list as tags
from classifier.intake.dicom.elements import Kept
from classifier.intake.dicom.header import Header, standard_class
from classifier.intake.dicom.refusing import broken
from classifier.intake.dicom.sequences import sequence_family
from classifier.intake.dicom.values import first_item, integer, items, numbers, text, word, words

_MAX_IDENTIFIER: Final = 1024
_OBLIQUE: Final = 0.75
"""The least part of the normal along one axis of the body: up to about 41° of tilt the plane keeps its name."""
_YEARS: Final = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


@dataclass(frozen=True, slots=True)
class Groups:
    """Where one frame's attributes may stand, the nearest first."""

    frame: Kept
    shared: Kept
    whole: Kept

    def places(self, sequence: int) -> tuple[Kept, ...]:
        """The items of a functional group, and the file's own data set."""
        return first_item(self.frame, sequence), first_item(self.shared, sequence), self.whole


def groups_of(header: Header) -> list[Groups]:
    """Returns one for each frame.

    Raises:
        IntakeRefused: `damaged_dicom`, where there are functional groups for another number of frames.
    """
    shared = first_item(header.kept, tags.SHARED_GROUPS)
    each = items(header.kept, tags.FRAME_GROUPS) or [{}] * header.frames
    if len(each) != header.frames:
        raise broken("it describes another number of frames than it has")
    return [Groups(one, shared, header.kept) for one in each]


def describe_file(header: Header) -> dict[str, Any]:
    """Returns what is true of all frames; identifiers are hashed where they arrive, and nowhere else."""
    kept = header.kept
    character_set = words(kept, tags.CHARACTER_SET)
    return {
        "study": word(kept, tags.STUDY_UID),
        "series": word(kept, tags.SERIES_UID),
        "instance": word(kept, tags.INSTANCE_UID),
        "patient": text(kept, tags.PATIENT_ID, character_set)[:_MAX_IDENTIFIER],
        "issuer": text(kept, tags.ISSUER, character_set)[:_MAX_IDENTIFIER],
        "class": standard_class(kept),
        "modality": "MR",
        "age_band": age_band(kept),
        "declared_text": word(kept, tags.BURNED_IN).upper() == "YES",
        "bits_stored": header.stored,
        "instance_number": _bounded(integer(kept, tags.INSTANCE_NUMBER)),
        "frames": header.frames,
    }


def describe_frame(groups: Groups) -> dict[str, Any]:
    """Returns what is true of one frame."""
    orientation = _first(groups.places(tags.PLANE_ORIENTATION), tags.ORIENTATION, 6)
    position = _first(groups.places(tags.PLANE_POSITION), tags.POSITION, 3)
    spacing = _first(groups.places(tags.MEASURES), tags.SPACING, 2)
    if orientation is not None and max(abs(one) for one in orientation) > 1.01:
        orientation = None
    if spacing is not None and not all(0 < one < 1000 for one in spacing):
        spacing = None
    normal = None if orientation is None else _normal(orientation)
    return {
        "plane": _plane(normal),
        "sequence_family": sequence_family(groups.whole, groups.frame, groups.shared),
        "orientation": orientation,
        "slice_position": _along(position, normal),
        "spacing": spacing,
    }


def age_band(kept: Kept) -> str:
    """Returns the decade of the subject's age, "90+" from 90 on, "" where nothing tells it.

    Where the age itself is missing it is counted from the dates of birth and of the study, which go no further.
    """
    said = re.fullmatch(r"(\d{1,3})([DWMY])", word(kept, tags.AGE))
    if said:
        years = int(said[1]) * _YEARS[said[2]]
    else:
        dates = [re.fullmatch(r"\d{8}", word(kept, tag)) for tag in (tags.STUDY_DATE, tags.BIRTH_DATE)]
        if not all(dates):
            return ""
        study, birth = (int(date[0]) for date in dates if date)
        years = (study - birth) // 10_000
    if not 0 <= years < 130:
        return ""
    decade = int(years) // 10 * 10
    return "90+" if decade >= 90 else f"{decade}-{decade + 9}"


def _first(places: tuple[Kept, ...], tag: int, count: int) -> list[float] | None:
    return next((found for place in places if (found := numbers(place, tag, count)) is not None), None)


def _normal(orientation: list[float]) -> list[float] | None:
    a, b, c, d, e, f = orientation
    normal = [b * f - c * e, c * d - a * f, a * e - b * d]
    length = sum(one * one for one in normal) ** 0.5
    return [one / length for one in normal] if length > 0.5 else None


def _plane(normal: list[float] | None) -> str:
    if normal is None:
        return ""
    along = [abs(one) for one in normal]
    main = max(along)
    return ("sagittal", "coronal", "axial")[along.index(main)] if main >= _OBLIQUE else ""


def _along(position: list[float] | None, normal: list[float] | None) -> float | None:
    if position is None or normal is None:
        return None
    found = sum(a * b for a, b in zip(position, normal, strict=True))
    return found if abs(found) < 1e6 else None


def _bounded(number: int | None) -> int | None:
    return number if number is not None and 0 <= number < 2**31 else None
