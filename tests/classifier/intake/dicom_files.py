"""Builds DICOM files, sound ones in every transfer syntax that is taken and any other.

Everything is built from `mr()`, a small MR image of its own for each seed, whose header can be changed before
`as_file()` writes it, without any check of what stands in it.
"""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import openjpeg.utils
from PIL import Image
from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

MR_STORAGE, ENHANCED_MR_STORAGE = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
SENDERS_ROOT = "1.2.826.0.1.3680043.8.498"
"""What every UID that a sender gives here begins with: it may stand in nothing that is kept."""
TAKEN: dict[str, UID] = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg-baseline": JPEGBaseline8Bit,
    "jpeg-extended": JPEGExtended12Bit,
    "jpeg-lossless": JPEGLossless,
    "jpeg-lossless-sv1": JPEGLosslessSV1,
    "jpeg-ls": JPEGLSLossless,
    "jpeg-ls-near": JPEGLSNearLossless,
    "jpeg-2000-lossless": JPEG2000Lossless,
    "jpeg-2000": JPEG2000,
}
"""The transfer syntaxes that are accepted, by a word for each."""
EXACT = ("implicit", "explicit", "rle", "jpeg-lossless", "jpeg-lossless-sv1", "jpeg-ls", "jpeg-2000-lossless")
"""Those from which the pixels come back as they were."""


def slices(seed: int, frames: int, rows: int, columns: int, bits: int, signed: bool = False) -> np.ndarray:
    """Smooth pictures (frames, rows, columns) over the whole range of `bits`, others for each seed."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns] / max(rows, columns)
    found = []
    for _ in range(frames):
        waves = sum(np.sin(2 * np.pi * (a * y + b * x + c)) for a, b, c in random.uniform(0, 3, (4, 3)))
        found.append(np.clip((waves + 4) / 8, 0, 1) * (2**bits - 1))
    stack = np.array(found).round().astype(np.int64) - (2 ** (bits - 1) if signed else 0)
    kind = (np.int8 if signed else np.uint8) if bits <= 8 else (np.int16 if signed else np.uint16)
    return stack.astype(kind)


def mr(
    seed: int = 0,
    *,
    frames: int = 1,
    rows: int = 80,
    columns: int = 96,
    bits: int = 12,
    signed: bool = False,
    subject: str = "",
    study: int | None = None,
    **changes: Any,
) -> Dataset:
    """An MR image; `changes` are further attributes by keyword, None takes one away.

    Images with the same `study` number share study, series and frame of reference.
    """
    pixels = slices(seed, frames, rows, columns, bits, signed)
    where = seed if study is None else study
    dataset = Dataset()
    dataset.SOPClassUID = MR_STORAGE
    dataset.SOPInstanceUID = f"{SENDERS_ROOT}.1.{seed}"
    dataset.StudyInstanceUID = f"{SENDERS_ROOT}.2.{where}"
    dataset.SeriesInstanceUID = f"{SENDERS_ROOT}.3.{where}"
    dataset.FrameOfReferenceUID = f"{SENDERS_ROOT}.4.{where}"
    dataset.Modality, dataset.ImageType = "MR", ["ORIGINAL", "PRIMARY", "M", "SE"]
    dataset.PatientName, dataset.PatientID = "Test^Subject", subject or f"subject-{where}"
    dataset.PatientAge, dataset.SeriesDescription = "047Y", "T1 SE axial"
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.MRAcquisitionType = "SE", "NONE", "2D"
    dataset.EchoTime, dataset.RepetitionTime, dataset.InstanceNumber = "12", "500", str(seed + 1)
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.ImagePositionPatient = ["-40", "-40", str(5 * seed)]
    dataset.PixelSpacing, dataset.SliceThickness = ["0.9", "0.8"], "5"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = pixels.itemsize * 8, bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW" if pixels.itemsize == 2 else "OB"
    return change(dataset, **changes)


def change(dataset: Dataset, **changes: Any) -> Dataset:
    """The dataset with attributes set whatever their values, or taken away."""
    with loosely():
        for keyword, value in changes.items():
            if isinstance(value, str):
                _set_raw(dataset, keyword, value)
            elif value is not None:
                setattr(dataset, keyword, value)
            elif keyword in dataset:
                delattr(dataset, keyword)
    return dataset


def _set_raw(dataset: Dataset, keyword: str, value: str) -> None:
    """The value as it is written, also where it is no value of its kind ("abc" for a number)."""
    tag = Tag(keyword)
    data = value.encode("latin-1")
    data += b" " * (len(data) % 2)
    dataset[tag] = RawDataElement(tag, dictionary_VR(tag), len(data), data, 0, False, True)


class loosely:  # noqa: N801  # it reads as a word: with loosely()
    """What pydicom would refuse to write is written, without a warning."""

    def __enter__(self) -> None:
        self._before = (config.settings.writing_validation_mode, config.settings.reading_validation_mode)
        config.settings.writing_validation_mode = config.IGNORE
        config.settings.reading_validation_mode = config.IGNORE

    def __exit__(self, *_: object) -> None:
        config.settings.writing_validation_mode, config.settings.reading_validation_mode = self._before


def as_file(
    dataset: Dataset,
    syntax: str = ExplicitVRLittleEndian,
    *,
    preamble: bytes = bytes(128),
    meta: Dataset | None = None,
) -> bytes:
    """The dataset as a DICOM file in a transfer syntax, its pixels compressed where that asks for it."""
    dataset = Dataset(dataset)
    syntax = UID(syntax)
    if syntax.is_compressed and syntax in TAKEN.values():
        dataset.PixelData = encapsulate(_compressed(dataset, syntax))
        dataset["PixelData"].is_undefined_length, dataset["PixelData"].VR = True, "OB"
    return written(dataset, syntax, preamble=preamble, meta=meta)


def written(
    dataset: Dataset, syntax: str, *, preamble: bytes = bytes(128), meta: Dataset | None = None
) -> bytes:
    """The dataset with its pixels as they are, said to be in a transfer syntax."""
    said = Dataset()
    said.FileMetaInformationVersion = b"\0\x01"
    said.MediaStorageSOPClassUID = dataset.get("SOPClassUID", MR_STORAGE)
    said.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", f"{SENDERS_ROOT}.1")
    said.TransferSyntaxUID, said.ImplementationClassUID = UID(syntax), f"{SENDERS_ROOT}.5"
    said.update(meta or {})
    header = _encoded(said, implicit=False)
    length = element(2, 0, b"UL", struct.pack("<I", len(header)))
    return preamble + b"DICM" + length + header + _encoded(dataset, implicit=syntax == ImplicitVRLittleEndian)


def _encoded(dataset: Dataset, *, implicit: bool) -> bytes:
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, implicit
    with loosely():
        write_dataset(out, dataset)
    return out.getvalue()


def raw(rest: bytes, *, syntax: str = ExplicitVRLittleEndian, preamble: bytes = bytes(128)) -> bytes:
    """A sound preamble and file meta, and any bytes behind them."""
    return written(Dataset(), syntax, preamble=preamble) + rest


def element(group: int, number: int, kind: bytes, value: bytes, length: int | None = None) -> bytes:
    """An element in explicit little endian; its length may lie."""
    size = len(value) if length is None else length
    if kind in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF", b"OD", b"OL", b"OV", b"SV", b"UC", b"UR", b"UV"):
        return struct.pack("<HH2sHI", group, number, kind, 0, size) + value
    return struct.pack("<HH2sH", group, number, kind, size) + value


def _compressed(dataset: Dataset, syntax: UID) -> Sequence[bytes]:
    """A fragment for each frame."""
    kind = f"{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}"
    frames = np.frombuffer(dataset.PixelData, f"<{kind}").reshape(-1, dataset.Rows, dataset.Columns)
    if syntax in (JPEG2000Lossless, JPEG2000):
        loss: dict[str, Any] = {"compression_ratios": [10]} if syntax == JPEG2000 else {}
        return [
            openjpeg.utils.encode_array(
                frame, bits_stored=dataset.BitsStored, photometric_interpretation=2, **loss
            )
            for frame in frames
        ]
    if syntax == JPEGBaseline8Bit:
        return [_baseline(frame) for frame in frames]
    if syntax in (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1):
        return [_by_gdcm(dataset, frame, syntax) for frame in frames]
    return [_by_pydicom(dataset, frame, syntax) for frame in frames]


def _baseline(frame: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(frame.astype(np.uint8)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _by_pydicom(dataset: Dataset, frame: np.ndarray, syntax: UID) -> bytes:
    one = _one_frame(dataset, frame)
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    loss: dict[str, Any] = {"jls_error": 2} if syntax == JPEGLSNearLossless else {}
    one.compress(syntax, generate_instance_uid=False, **loss)
    return _fragments(one.PixelData)


def _by_gdcm(dataset: Dataset, frame: np.ndarray, syntax: UID) -> bytes:
    from pydicom import dcmread

    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder, "plain"), Path(folder, "packed")
        plain.write_bytes(written(_one_frame(dataset, frame), ExplicitVRLittleEndian))
        reader, changed, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(plain))
        assert reader.Read()
        changed.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
        lossy = gdcm.JPEGCodec()
        lossy.SetLossless(False)
        lossy.SetQuality(95)
        if syntax == JPEGExtended12Bit:
            changed.SetUserCodec(lossy)
        changed.SetInput(reader.GetImage())
        assert changed.Change()
        writer.SetFileName(str(packed))
        writer.SetFile(reader.GetFile())
        writer.SetImage(changed.GetOutput())
        assert writer.Write()
        # The codec belongs to both, and must go last.
        del changed
        return _fragments(dcmread(packed).PixelData)


def _one_frame(dataset: Dataset, frame: np.ndarray) -> Dataset:
    one = Dataset()
    for keyword in ("SOPClassUID", "SOPInstanceUID", "SamplesPerPixel", "PhotometricInterpretation", "Rows",
                    "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):  # fmt: skip
        setattr(one, keyword, getattr(dataset, keyword))
    one.PixelData = frame.tobytes()
    one["PixelData"].VR = "OW" if dataset.BitsAllocated == 16 else "OB"
    return one


def _fragments(encapsulated: bytes) -> bytes:
    """The fragments of one encapsulated frame, put together."""
    from pydicom.encaps import generate_fragments

    offsets = struct.unpack_from("<I", encapsulated, 4)[0]
    return b"".join(generate_fragments(encapsulated[8 + offsets :]))
