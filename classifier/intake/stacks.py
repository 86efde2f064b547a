"""A DICOM file on the side that asks: answers of the child put together, checked, and the sender's identifiers hashed.

What a child says is believed only in the forms of `facts`; its strings are hashed here, in the line that reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from classifier.intake import facts
from classifier.intake.canonical import CanonicalImage
from classifier.intake.confinement import Answer, NamedJob
from classifier.intake.decoder import Decoder
from classifier.intake.dicom.requests import DicomRequest
from classifier.intake.limits import Limits
from classifier.intake.pseudonyms import patient_key
from classifier.intake.refusals import IntakeRefused
from classifier.intake.taken import Frame, FrameFacts, StudyFacts
from classifier.intake.uids import replaced_uid

BASIC_PROFILE, RETAIN_CHARACTERISTICS = "113100", "113108"
"""PS3.16 CID 7050: the Basic Application Level Confidentiality Profile, and its option that the age band is."""
_READ_DICOM: Final = NamedJob("classifier.intake.dicom.reading", "read_dicom")
_MAX_UID, _MAX_IDENTIFIER = 64, 1024


def take_stack(
    data: bytes, limits: Limits, decoder: Decoder, key: bytes
) -> tuple[tuple[Frame, ...], StudyFacts]:
    """Returns all frames of a DICOM file, and what is kept of its study.

    Raises:
        IntakeRefused: see docs/intake.md. Where the header was read it names the instance, by its replaced UID.
    """
    frames: list[Frame] = []
    try:
        while True:
            answer = decoder.run(
                _READ_DICOM, DicomRequest(data, limits, len(frames)), at_most=2 * limits.max_stack_pixels
            )
            said = _mapping(answer.facts.get("file"))
            count = facts.whole(said.get("frames"), 1, limits.max_frames)
            frames += _frames(answer, said, len(frames), count, limits, key)
            if len(frames) == count:
                return tuple(frames), _study(said, key)
    except IntakeRefused as refused:
        raise _named(refused, key) from refused.__cause__
    except (ValueError, TypeError, KeyError) as error:
        raise IntakeRefused.undecodable() from error


def _frames(
    answer: Answer, said: Mapping[str, Any], before: int, count: int, limits: Limits, key: bytes
) -> list[Frame]:
    told = answer.facts.get("frames")
    stack = answer.pixels
    if not isinstance(told, list) or stack.ndim != 3 or not 1 <= len(stack) == len(told) <= count - before:
        raise ValueError("Expected a description for each frame.")
    limits.check_stack(count, stack.shape[2], stack.shape[1])
    return [
        _frame(pixels, before + index + 1, said, _mapping(one), key)
        for index, (pixels, one) in enumerate(zip(stack, told, strict=True))
    ]


def _frame(pixels: Any, number: int, said: Mapping[str, Any], told: Mapping[str, Any], key: bytes) -> Frame:
    image = CanonicalImage.from_pixels(pixels, window=facts.window(told.get("window")))
    spacing = told.get("spacing")
    rows, columns = (None, None) if spacing is None else (facts.number(one, above=0) for one in spacing)
    instance_number = said.get("instance_number")
    described = FrameFacts(
        series_uid=replaced_uid(facts.text(said.get("series"), _MAX_UID), key),
        instance_uid=replaced_uid(facts.text(said.get("instance"), _MAX_UID), key),
        sop_class_uid=facts.standard_uid(said.get("class")),
        modality=facts.word(said.get("modality"), ("MR",)),
        plane=facts.word(told.get("plane"), facts.PLANES),
        sequence_family=facts.word(told.get("sequence_family"), facts.SEQUENCE_FAMILIES),
        slice_position=facts.number(told.get("slice_position")),
        row_spacing=rows,
        column_spacing=columns,
        orientation=facts.orientation(told.get("orientation")),
        bits_stored=facts.whole(said.get("bits_stored"), 1, 16),
        instance_number=None if instance_number is None else facts.whole(instance_number, 0, 2**31 - 1),
    )
    return Frame(image, number, described, facts.boxes(told.get("boxes"), image.width, image.height))


def _study(said: Mapping[str, Any], key: bytes) -> StudyFacts:
    age_band = facts.word(said.get("age_band"), facts.AGE_BANDS)
    return StudyFacts(
        study_uid=replaced_uid(facts.text(said.get("study"), _MAX_UID), key),
        subject_key=patient_key(
            facts.text(said.get("patient"), _MAX_IDENTIFIER),
            facts.text(said.get("issuer"), _MAX_IDENTIFIER),
            key,
        ),
        age_band=age_band,
        declared_text=bool(said.get("declared_text")),
        profile=(BASIC_PROFILE, RETAIN_CHARACTERISTICS) if age_band else (BASIC_PROFILE,),
    )


def _named(refused: IntakeRefused, key: bytes) -> IntakeRefused:
    instance, told = refused.told.get("instance"), refused.told
    refused.told = {}
    if isinstance(instance, str) and 0 < len(instance) <= _MAX_UID:
        refused.instance_uid = replaced_uid(instance, key)
    refused.sop_class_uid = facts.standard_uid(told.get("class", ""))
    return refused


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("Expected a JSON object.")
    return value
