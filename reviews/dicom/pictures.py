"""A picture as a DICOM file: MR where its slice is known, else a secondary capture."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from highdicom.sc import SCImage
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import DSfloat

from reviews.dicom.described import Geometry, Picture, Pixels, Whose
from reviews.dicom.headers import (
    MAKER,
    add_subject,
    check_pixels,
    close,
    goes_out_as,
    maker,
    source_item,
    subject,
)

_SERIES: Final = 1
_ENDS: Final = (("L", "R"), ("P", "A"), ("H", "F"))


def picture_file(whose: Whose, picture: Picture, pixels: Pixels) -> bytes:
    """The picture with its own levels and window.

    Raises:
        DicomError: the pixels are not the picture's.
    """
    check_pixels(picture, pixels)
    sop_class, series_uid, instance_uid = goes_out_as(picture)
    if sop_class == MRImageStorage and picture.geometry is not None:
        file: Dataset = _slice(whose, picture, picture.geometry, series_uid, instance_uid, pixels)
    else:
        file = capture(
            whose, picture, pixels, series_uid=series_uid, instance_uid=instance_uid, series_number=_SERIES,
            series="De-identified image",
        )  # fmt: skip
        if picture.instance is not None:
            file.SourceImageSequence = [source_item(picture)]
    if picture.window is not None:
        file.WindowCenter, file.WindowWidth = (DSfloat(value, auto_format=True) for value in picture.window)
    return close(file, whose, picture.came)


def capture(
    whose: Whose,
    picture: Picture,
    pixels: Any,
    *,
    series_uid: str,
    instance_uid: str,
    series_number: int,
    series: str,
    enlarged: int = 1,
) -> SCImage:
    """A secondary capture of grey levels, or of colours, that lies as the picture lies.

    Args:
        enlarged: how many pixels stand for one of the picture.
    """
    slice_ = picture.geometry
    spacing = (slice_.row_spacing / enlarged, slice_.column_spacing / enlarged) if slice_ else None
    file = SCImage(
        pixels, "RGB" if pixels.ndim == 3 else "MONOCHROME2", pixels.itemsize * 8, "PATIENT",
        **subject(whose), **maker(), specific_character_set="ISO_IR 192",
        series_instance_uid=series_uid, series_number=series_number, series_description=series,
        sop_instance_uid=instance_uid, instance_number=picture.number,
        pixel_spacing=spacing, patient_orientation=("L", "P"), transfer_syntax_uid=ExplicitVRLittleEndian,
    )  # fmt: skip
    # highdicom asks for an orientation; where none is known, the attribute is there and empty.
    file["PatientOrientation"].value = list(_directions(slice_)) if slice_ else None
    file.add_new("Laterality", "CS", None)
    return file


def _directions(where: Geometry) -> tuple[str, str]:
    """Towards what part of the body a row and a column mainly run."""
    cosines = where.orientation
    return _direction(cosines[:3]), _direction(cosines[3:])


def _direction(cosines: tuple[float, ...]) -> str:
    axis = int(np.argmax(np.abs(cosines)))
    return _ENDS[axis][0 if cosines[axis] > 0 else 1]


def _slice(
    whose: Whose, picture: Picture, where: Geometry, series_uid: str, instance_uid: str, pixels: Pixels
) -> Dataset:
    """An MR image. What a scanner would say of its sequence was not kept: type 2 attributes are empty, and the
    scanning sequence is research mode."""
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.SOPClassUID, file.SOPInstanceUID = MRImageStorage, instance_uid
    add_subject(file, whose)
    file.Modality, file.SeriesInstanceUID, file.SeriesNumber = "MR", series_uid, _SERIES
    file.SeriesDescription = "De-identified image"
    file.Manufacturer = file.ManufacturerModelName = MAKER
    file.InstanceNumber, file.Laterality = picture.number, None
    file.ImageType = ["DERIVED", "PRIMARY", "OTHER"]
    file.DerivationDescription = "De-identified; canonical levels"
    file.ScanningSequence, file.SequenceVariant = "RM", "NONE"
    for keyword in (
        "ScanOptions", "MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength", "SliceThickness",
        "PositionReferenceIndicator", "PatientPosition",
    ):  # fmt: skip
        setattr(file, keyword, None)
    _place(file, picture, where)
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.Rows, file.Columns = picture.height, picture.width
    file.BitsAllocated, file.BitsStored, file.HighBit = 16, picture.bits, picture.bits - 1
    file.PixelRepresentation = 0
    file.PixelData = pixels.astype("<u2").tobytes()
    file["PixelData"].VR = "OW"
    return file


def _place(file: Dataset, picture: Picture, where: Geometry) -> None:
    """The slice in a space of its series: its height along the normal is the scanner's, its middle lies on the normal.

    Where in its plane a slice lay is not kept, and nothing else lies in this space but the slices of its series.
    """
    row, column = np.array(where.orientation[:3]), np.array(where.orientation[3:])
    centre = np.cross(row, column) * where.position
    half_row = row * where.column_spacing * (picture.width - 1) / 2
    half_column = column * where.row_spacing * (picture.height - 1) / 2
    file.FrameOfReferenceUID = picture.space_uid
    file.ImagePositionPatient = _decimals(centre - half_row - half_column)
    file.ImageOrientationPatient = _decimals(where.orientation)
    file.PixelSpacing = _decimals((where.row_spacing, where.column_spacing))
    file.SliceLocation = DSfloat(where.position, auto_format=True)


def _decimals(values: Any) -> list[DSfloat]:
    return [DSfloat(float(value), auto_format=True) for value in values]
