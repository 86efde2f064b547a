"""What every file says of its subject, its study and the platform: no name, no date of theirs, no sender's UID."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID, MRImageStorage, SecondaryCaptureImageStorage

from reviews.dicom.described import FORMAT, DicomError, Instance, Picture, Whose

MAKER: Final = "MRI Review Platform"
# Of what writes the files: drawn once, at random.
_IMPLEMENTATION: Final = UID("2.25.182812985063023503509407051254592991441")
ENHANCED_MR: Final = "1.2.840.10008.5.1.4.1.1.4.1"
_REMOVED: Final = "Keep-list: pixels and few facts; keyed hashes of UIDs, subject"
_MAX_BITS: Final = 16
# Where highdicom writes the moment at which it made the file.
_MADE: Final = (("ContentDate", "ContentTime"), ("DateOfSecondaryCapture", "TimeOfSecondaryCapture"))


def maker() -> dict[str, Any]:
    """The equipment that makes the files, as highdicom takes it."""
    return {"manufacturer": MAKER, "manufacturer_model_name": MAKER, "software_versions": f"results {FORMAT}"}


def subject(whose: Whose) -> dict[str, Any]:
    """Whose it is, as highdicom takes it: the patient's name is the pseudonym again, for lists that show only names."""
    return {
        "study_instance_uid": whose.study_uid,
        "patient_id": whose.patient_id,
        "patient_name": f"{whose.patient_id}^",
        "study_id": whose.study_id,
    }


def evidence(whose: Whose, sop_class: str, series_uid: str, instance_uid: str) -> Dataset:
    """As much of an instance as a report needs that refers to it."""
    found = Dataset()
    found.SOPClassUID, found.SOPInstanceUID = sop_class, instance_uid
    found.StudyInstanceUID, found.SeriesInstanceUID = whose.study_uid, series_uid
    add_subject(found, whose)
    return found


def add_subject(file: Dataset, whose: Whose) -> None:
    """Patient and study modules: the pseudonym, and nothing in what is not known here."""
    file.SpecificCharacterSet = "ISO_IR 192"
    file.PatientID, file.PatientName = whose.patient_id, f"{whose.patient_id}^"
    file.StudyInstanceUID, file.StudyID = whose.study_uid, whose.study_id
    for keyword in (
        "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName",
    ):  # fmt: skip
        setattr(file, keyword, "")


def close(file: Dataset, whose: Whose, at: datetime) -> bytes:
    """The file's bytes, with when it says what it says in place of when it was made, and how identity was removed.

    Two files of the same description are the same bytes.
    """
    moment = at.astimezone(UTC)
    date, time = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S.%f")
    file.TimezoneOffsetFromUTC = "+0000"
    file.InstanceCreationDate, file.InstanceCreationTime = date, time
    for day, hour in _MADE:
        if day in file:
            setattr(file, day, date)
            setattr(file, hour, time)
    for item in file.get("ContributingEquipmentSequence", ()):
        item.ContributionDateTime = f"{date}{time}"
    file.PatientIdentityRemoved = "YES"
    file.DeidentificationMethod = _REMOVED
    if whose.coded_profile:
        file.DeidentificationMethodCodeSequence = [_profile_code(value) for value in whose.coded_profile]
    meta = file.file_meta
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = f"MRI_REVIEW_{FORMAT}"
    buffer = io.BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _profile_code(value: str) -> Dataset:
    item = Dataset()
    named = {code.value: code.meaning for code in _all_profile_codes()}
    item.CodeValue, item.CodingSchemeDesignator = value, "DCM"
    item.CodeMeaning = named.get(value, "De-identification option")
    return item


def _all_profile_codes() -> list[Any]:
    return [getattr(codes.cid7050, name) for name in codes.cid7050.dir()]


def goes_out_as(picture: Picture) -> tuple[str, str, str]:
    """Under which SOP class, series and instance a picture goes out as a DICOM file.

    What came as one DICOM image, with all that a slice needs to lie where it lay, goes out as MR under its replaced
    UIDs. Everything else is a secondary capture under UIDs of its own.
    """
    came = picture.instance
    if came is not None and came.frames == 1 and picture.geometry is not None:
        return str(MRImageStorage), came.series_uid, came.instance_uid
    return str(SecondaryCaptureImageStorage), picture.made_series_uid, picture.made_instance_uid


def class_of(came: Instance) -> str:
    """The SOP class of what a picture came as: only MR is taken in, and several frames make it enhanced."""
    return ENHANCED_MR if came.frames > 1 else str(MRImageStorage)


def source_item(picture: Picture) -> Dataset:
    """What a picture, or a map over it, was made from: the instance that it came as, or else the file of it."""
    item = Dataset()
    if picture.instance is None:
        item.ReferencedSOPClassUID, _, item.ReferencedSOPInstanceUID = goes_out_as(picture)
        return item
    item.ReferencedSOPClassUID = class_of(picture.instance)
    item.ReferencedSOPInstanceUID = picture.instance.instance_uid
    if picture.instance.frames > 1:
        item.ReferencedFrameNumber = picture.instance.frame
    return item


def check_pixels(picture: Picture, pixels: Any) -> None:
    """
    Raises:
        DicomError: the pixels are not those of the picture.
    """
    if pixels.shape != (picture.height, picture.width) or pixels.itemsize * 8 != picture.bits:
        raise DicomError(
            f"Pixels of {pixels.shape} and {pixels.itemsize * 8} bit are not those of a picture of "
            f"{(picture.height, picture.width)} and {picture.bits} bit."
        )
    if picture.bits > _MAX_BITS:
        raise DicomError(f"A picture has 8 or 16 bit, not {picture.bits}.")
