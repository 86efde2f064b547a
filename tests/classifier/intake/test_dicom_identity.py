"""What names a patient, a place, a day or a device never comes out of the intake, wherever in a file it stands.

Instead of the attributes of PS3.15 table E.1-1, every attribute that the standard knows is planted, which is all
of them and ten times more; and private ones, overlays, file meta, the preamble, and what follows the end.
"""

import dataclasses
import logging
import pickle
import struct

import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from classifier.intake import Decoder, IntakeRefused, Limits, TakenIn, replaced_uid, subject_key, take_in
from classifier.intake.dicom import keep_list as tags
from classifier.intake.dicom.elements import PIXEL_DATA
from classifier.intake.facts import AGE_BANDS, PLANES, SEQUENCE_FAMILIES
from tests.classifier.intake.dicom_files import (
    ENHANCED_MR_STORAGE,
    SENDERS_ROOT,
    as_file,
    change,
    element,
    mr,
    written,
)
from tests.classifier.intake.doors import KEY

PLANTED = "Zq7Musterfrau"
# What must stay as it is, or the image is no MR image of this size any more, or has other frames.
NEEDED = {
    tags.SOP_CLASS, tags.MODALITY, tags.STUDY_UID, tags.SERIES_UID, tags.INSTANCE_UID, tags.SAMPLES, tags.PHOTOMETRIC,
    tags.FRAMES, tags.ROWS, tags.COLUMNS, tags.ALLOCATED, tags.STORED, tags.HIGH_BIT, tags.SIGNED, tags.SLOPE,
    tags.INTERCEPT, tags.MODALITY_TABLE, tags.FRAME_GROUPS, PIXEL_DATA,
}  # fmt: skip


def planted_value(kind: str, tag: int) -> bytes:
    """The planted name with the tag's number, as long as the kind of value wants it."""
    text = f"{PLANTED}{tag:08X}".encode()
    return text + b" " * (-len(text) % 8)


def everything_planted() -> bytes:
    """A sound MR image in which every attribute of the standard carries the name, in sequences too."""
    image = mr(400)
    own = {int(one.tag): one for one in image}
    parts = []
    for tag in sorted(DicomDictionary | dict.fromkeys(own)):
        group, number = tag >> 16, tag & 0xFFFF
        if group < 8 or number == 0 or group in (0xFFFE, 0xFFFC):
            continue
        kind = DicomDictionary[tag][0].split(" or ")[0]
        if tag in NEEDED:
            parts.append(_own(image, tag, kind) if tag in own else b"")
        elif kind == "SQ":
            inside = element(0x0010, 0x0010, b"PN", planted_value("PN", tag))
            inside += element(0x0009, 0x1001, b"UN", planted_value("UN", tag))
            item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inside)) + inside
            parts.append(element(group, number, b"SQ", item))
        else:
            parts.append(element(group, number, kind.encode(), planted_value(kind, tag)))
    parts.insert(1, element(0x0009, 0x0010, b"LO", planted_value("LO", 0x00090010)))
    parts.append(element(0x6000, 0x3000, b"OW", planted_value("OW", 0x60003000)))
    parts.append(element(0xFFFC, 0xFFFC, b"OB", planted_value("OB", 0xFFFCFFFC)))
    meta = Dataset()
    meta.SourceApplicationEntityTitle = meta.SendingApplicationEntityTitle = PLANTED
    meta.PrivateInformationCreatorUID, meta.PrivateInformation = f"{SENDERS_ROOT}.6", PLANTED.encode()
    preamble = PLANTED.encode().ljust(128, b"\0")
    return written(Dataset(), ExplicitVRLittleEndian, preamble=preamble, meta=meta) + b"".join(parts)


def _own(image: Dataset, tag: int, kind: str) -> bytes:
    alone = Dataset()
    alone[tag] = image[tag]
    whole = as_file(alone)
    start = whole.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF), 132 + 100)
    return whole[start:]


def everything_in(taken: TakenIn) -> bytes:
    """Every byte and word of what the intake gives out."""
    return pickle.dumps(dataclasses.asdict(taken)) + repr(taken).encode() + b"".join(
        frame.image.png for frame in taken.frames
    )  # fmt: skip


def test_nothing_planted_comes_out(
    limits: Limits, decoder: Decoder, caplog: pytest.LogCaptureFixture
) -> None:
    data = everything_planted()
    assert data.count(PLANTED.encode()) > 4000
    with caplog.at_level(logging.DEBUG):
        taken = take_in(data, f"{PLANTED}.dcm", limits, decoder, KEY)
    assert PLANTED.encode() not in everything_in(taken)
    assert PLANTED not in caplog.text
    assert SENDERS_ROOT.encode() not in everything_in(taken)
    (frame,) = taken.frames
    assert (frame.facts.plane, frame.facts.slice_position, taken.study.age_band) == ("", None, "")


@pytest.mark.parametrize("keyword", ["Rows", "RescaleSlope", "StudyInstanceUID", "Modality", "PixelData"])
def test_nothing_planted_stands_in_a_refusal(
    limits: Limits, decoder: Decoder, keyword: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = mr(401, PatientName=PLANTED, SOPInstanceUID=f"{SENDERS_ROOT}.77")
    change(image, **{keyword: None if keyword == "PixelData" else f"{PLANTED}1"})
    with caplog.at_level(logging.DEBUG), pytest.raises(IntakeRefused) as refused:
        take_in(as_file(image), None, limits, decoder, KEY)
    said = repr(vars(refused.value)) + str(refused.value) + repr(refused.value.__cause__)
    assert PLANTED not in said + caplog.text
    assert SENDERS_ROOT not in said + caplog.text
    assert refused.value.instance_uid == replaced_uid(f"{SENDERS_ROOT}.77", KEY)
    assert refused.value.sop_class_uid == "1.2.840.10008.5.1.4.1.1.4"


def test_a_made_up_class_is_not_told(limits: Limits, decoder: Decoder) -> None:
    with pytest.raises(IntakeRefused) as refused:
        take_in(as_file(mr(402, SOPClassUID="1.2.840.10008.19610312")), None, limits, decoder, KEY)
    assert (refused.value.code, refused.value.sop_class_uid) == ("not_mr", "")


def test_what_is_kept_is_of_short_lists(limits: Limits, decoder: Decoder) -> None:
    taken = take_in(as_file(mr(403, SOPClassUID=ENHANCED_MR_STORAGE)), None, limits, decoder, KEY)
    (frame,) = taken.frames
    kept = dataclasses.asdict(frame.facts)
    assert kept.pop("series_uid") == replaced_uid(f"{SENDERS_ROOT}.3.403", KEY)
    assert kept.pop("instance_uid") == replaced_uid(f"{SENDERS_ROOT}.1.403", KEY)
    assert kept == {
        "sop_class_uid": ENHANCED_MR_STORAGE,
        "modality": "MR",
        "plane": "axial",
        "sequence_family": "t1",
        "slice_position": 2015.0,
        "row_spacing": 0.9,
        "column_spacing": 0.8,
        "orientation": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        "bits_stored": 12,
        "instance_number": 404,
    }
    assert dataclasses.asdict(taken.study) == {
        "study_uid": replaced_uid(f"{SENDERS_ROOT}.2.403", KEY),
        "subject_key": subject_key("subject-403", KEY),
        "age_band": "40-49",
        "declared_text": False,
        "profile": ("113100", "113108"),
    }
    assert set(kept["plane"].split()) <= set(PLANES)
    assert kept["sequence_family"] in SEQUENCE_FAMILIES
    assert taken.study.age_band in AGE_BANDS


def test_a_subject_has_one_key_by_every_door(limits: Limits, decoder: Decoder) -> None:
    def key_of(seed: int, **changes: object) -> str:
        return take_in(as_file(mr(seed, **changes)), None, limits, decoder, KEY).study.subject_key

    typed = subject_key("Änne 4711", KEY)
    assert key_of(404, PatientID="\xc4nne 4711", SpecificCharacterSet="ISO_IR 100") == typed
    # Written as it stands, the bytes of the file are those of its character set.
    utf8 = mr(405, SpecificCharacterSet="ISO_IR 192")
    utf8.PatientID = "änne  4711 "
    assert take_in(as_file(utf8), None, limits, decoder, KEY).study.subject_key == typed
    assert key_of(406, PatientID="4711", IssuerOfPatientID="Clinic A") == subject_key("4711^^^clinic a", KEY)
    assert key_of(407, PatientID="4711", IssuerOfPatientID="Clinic B") != key_of(408, PatientID="4711")
    assert key_of(409, PatientID=None) == key_of(410, PatientID="  ") == ""


def test_a_replaced_uid_is_a_uid_and_the_same_every_time() -> None:
    one, again, other = (replaced_uid(uid, KEY) for uid in ("1.2.3", "1.2.3", "1.2.30"))
    assert one == again != other
    assert one != replaced_uid("1.2.3", KEY + b"x")
    for uid in (one, other):
        assert uid.startswith("2.25.")
        assert len(uid) <= 64
        value = int(uid.removeprefix("2.25."))
        assert (value >> 76 & 0xF, value >> 62 & 0x3) == (8, 2)
    with pytest.raises(ValueError, match="at least 16"):
        replaced_uid("1.2.3", b"short")
