"""Every odd and bad DICOM file that must be refused or taken in, built on the spot, for all doors' tests.

The lists are meant for `pytest.mark.parametrize(..., ids=str)`, like those of `cases`. Accepted and quarantined cases
have pixels of their own each.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tests.classifier.intake.cases import Case, encode, picture
from tests.classifier.intake.dicom_files import (
    ENHANCED_MR_STORAGE,
    SENDERS_ROOT,
    TAKEN,
    as_file,
    element,
    mr,
    raw,
    written,
)

MIME = "application/dicom"
NO_IMAGE, ONLY_MR = "The DICOM file has no image.", "Only MR images"
SYNTAX, BROKEN, PREAMBLE = "unsupported_transfer_syntax", "damaged_dicom", "unsafe_preamble"
OTHERS = {
    "ct": ("CT", "1.2.840.10008.5.1.4.1.1.2"),
    "us": ("US", "1.2.840.10008.5.1.4.1.1.6.1"),
    "sr": ("SR", "1.2.840.10008.5.1.4.1.1.88.33"),
    "pdf": ("DOC", "1.2.840.10008.5.1.4.1.1.104.1"),
    "seg": ("SEG", "1.2.840.10008.5.1.4.1.1.66.4"),
}
PREAMBLES = {
    "windows": b"MZ\x90\0\x03",
    "elf": b"\x7fELF\x02\x01\x01",
    "script": b"#!/bin/sh\n",
    "zip": b"PK\x03\x04",
    "tiff-little": b"II*\0\x08\0\0\0",
    "tiff-big": b"MM\0*\0\0\0\x08",
}


def _refused(id: str, make: Callable[[], bytes], code: str, sentence: str = "", status: int = 422) -> Case:
    return Case(f"dicom-{id}", "scan.dcm", MIME, make, status, code, sentence)


def _changed(
    id: str, code: str, sentence: str = "", syntax: str = ExplicitVRLittleEndian, **changes: Any
) -> Case:
    return _refused(id, lambda: written(mr(1, **changes), syntax), code, sentence)


def without_magic() -> bytes:
    """A dataset without the preamble and the magic word before it, and without file meta."""
    return as_file(mr(1))[as_file(mr(1)).index(element(8, 8, b"CS", b"", 0)[:6]) :]


def directory(reference: str = "IMAGES\\IM1") -> bytes:
    """A DICOMDIR whose only record refers to a file."""
    record = Dataset()
    record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", reference.split("\\")
    listing = Dataset()
    listing.SOPClassUID, listing.SOPInstanceUID = "1.2.840.10008.1.3.10", f"{SENDERS_ROOT}.9"
    listing.FileSetID, listing.DirectoryRecordSequence = "SET", [record]
    return written(listing, ExplicitVRLittleEndian)


def deflated(size: int = 600 * 2**20) -> bytes:
    """A small file that inflates to `size` bytes inside a parser."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = element(0x7FE0, 0x10, b"OW", b"", size)
    data = deflater.compress(head) + b"".join(deflater.compress(bytes(2**20)) for _ in range(size // 2**20))
    return raw(data + deflater.flush(), syntax=DeflatedExplicitVRLittleEndian)


def run_length_bomb(side: int = 30_000) -> bytes:
    """A run-length frame that claims `side` squared pixels, and has all their bytes packed."""
    runs = b"\x81\x00" * (side * side // 128)
    frame = struct.pack("<16I", 1, 64, *[0] * 14) + runs
    bomb = mr(1, bits=8, Rows=side, Columns=side, PixelData=None)
    items = element(0x7FE0, 0x10, b"OB", b"", 0xFFFFFFFF) + _item(b"") + _item(frame) + _END
    return written(bomb, RLELossless) + items


def nested(depth: int = 5000) -> bytes:
    """Sequences in sequences, of undefined length, none of them closed."""
    opening = element(0x0040, 0xA730, b"SQ", b"", 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    return raw(opening * depth)


def closed_nested(depth: int = 5000) -> bytes:
    """The same, all closed: nothing about the file is broken but its depth; the image stands behind it."""
    opening = element(0x0008, 0x1140, b"SQ", b"", 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    closing = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    image = written(mr(1), ExplicitVRLittleEndian)
    at = image.index(element(0x0010, 0x0010, b"PN", b"", 0)[:6])
    return image[:at] + opening * depth + closing * depth + image[at:]


_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def _item(data: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(data)) + data


def _lying(size: int) -> bytes:
    """Pixel data of an encapsulated syntax whose one fragment is not what the syntax says."""
    body = element(0x7FE0, 0x10, b"OB", b"", 0xFFFFFFFF) + _item(b"") + _item(bytes(range(256)) * size) + _END
    return written(mr(1, PixelData=None), JPEG2000Lossless) + body


def _pixels_cut(keep: int) -> bytes:
    whole = as_file(mr(1))
    return whole[:-keep]


def other_kind(kind: str) -> bytes:
    """A sound file of a modality that is not MR."""
    modality, storage = OTHERS[kind]
    changes: dict[str, Any] = {"Modality": modality, "SOPClassUID": storage}
    if kind == "pdf":
        changes |= {"PixelData": None, "EncapsulatedDocument": b"%PDF-1.7\n%%EOF "}
    if kind == "sr":
        changes |= {"PixelData": None, "CompletionFlag": "COMPLETE", "VerificationFlag": "UNVERIFIED"}
    return written(mr(1, **changes), ExplicitVRLittleEndian)


def masked_as_mr() -> bytes:
    """CT by its class, MR by its modality."""
    return as_file(mr(1, SOPClassUID=OTHERS["ct"][1]))


_SMALL = bytes(32)
REFUSED: list[Case] = [
    _refused("without-magic", without_magic, "wrong_type", status=415),
    _refused("directory", directory, "wrong_type", status=415),
    _refused("directory-climbing", lambda: directory("..\\..\\ETC\\PASSWD"), "wrong_type", status=415),
    _refused("deflated", deflated, SYNTAX, status=415),
    _refused("big-endian", lambda: raw(b"\0\x08\0\x08CS\0\0", syntax=ExplicitVRBigEndian), SYNTAX, status=415),
    _refused("video", lambda: written(mr(1), MPEG2MPML), SYNTAX, status=415),
    _refused("private-syntax", lambda: written(mr(1), UID("1.2.840.113619.5.2")), SYNTAX, status=415),
    _refused("cut-in-the-meta", lambda: as_file(mr(1))[:180], BROKEN),
    _refused("cut-in-the-header", lambda: as_file(mr(1))[:520], BROKEN),
    _changed("cut-before-the-pixels", "no_image", NO_IMAGE, PixelData=None),
    _refused("cut-in-the-pixels", lambda: _pixels_cut(4000), BROKEN),
    _refused("cut-by-a-byte", lambda: _pixels_cut(1), BROKEN),
    _refused("only-meta", lambda: raw(b""), "no_image"),
    *(_refused(f"preamble-{id}", lambda start=start: as_file(mr(1), preamble=start.ljust(128, b"\0")), PREAMBLE)
      for id, start in PREAMBLES.items()),
    _refused("run-length-900-megapixels", run_length_bomb, "too_many_pixels", "900 megapixels; the limit is 16"),
    _changed("65535-pixels-a-side", "too_many_pixels", Rows=65535, Columns=65535, PixelData=_SMALL),
    _changed("frames-2-billion", "", NumberOfFrames=str(2**31 - 1), PixelData=_SMALL),
    _changed("frames-negative", "", NumberOfFrames="-1"),
    _changed("frames-none", "", NumberOfFrames="0"),
    _changed("frames-word", "", NumberOfFrames="abc"),
    _changed("frames-more-than-there-are", "", NumberOfFrames="3"),
    _changed("one-pixel-high", "too_small", Rows=1, Columns=96, PixelData=bytes(192)),
    _changed("no-rows", "", Rows=None),
    _refused("nested-5000", nested, BROKEN),
    _refused("nested-5000-closed", closed_nested, BROKEN),
    _refused("length-of-4-gib", lambda: raw(element(0x10, 0x4000, b"UT", b"", 0xFFFFFFF0)), BROKEN),
    _refused("pixels-of-4-gib", lambda: written(mr(1, PixelData=None), ExplicitVRLittleEndian)
             + element(0x7FE0, 0x10, b"OW", bytes(64), 0xFFFFFFF0), BROKEN),
    _refused("never-closed", lambda: raw(element(0x8, 0x1140, b"SQ", b"", 0xFFFFFFFF)), BROKEN),
    _refused("pixels-never-closed", lambda: written(mr(1, PixelData=None), JPEGLSLossless)
             + element(0x7FE0, 0x10, b"OB", b"", 0xFFFFFFFF) + _item(b"") + _item(bytes(64)), BROKEN),
    _refused("syntax-lies", lambda: _lying(8), ""),
    _refused("syntax-says-packed", lambda: written(mr(1), RLELossless), ""),
    _refused("syntax-says-implicit", lambda: as_file(mr(1)).replace(
        b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0"), ""),
    _changed("more-bits-than-room", "", BitsStored=20, HighBit=19),
    _changed("no-bits", "", BitsStored=0),
    _changed("slope-none", "", RescaleSlope="0", RescaleIntercept="0"),
    _changed("slope-nan", "", RescaleSlope="NaN", RescaleIntercept="0"),
    _changed("slope-word", "", RescaleSlope="abc", RescaleIntercept="0"),
    _changed("colour", "", SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0),
    *(_refused(f"only-mr-{kind}", lambda kind=kind: other_kind(kind), "not_mr", ONLY_MR) for kind in OTHERS),
    _refused("only-mr-masked", masked_as_mr, "not_mr", ONLY_MR),
    _refused("burned-in-and-not-mr", lambda: as_file(mr(1, Modality="CT", BurnedInAnnotation="YES")), "not_mr"),
    Case("dicom-named-png", "scan.png", "image/png", lambda: as_file(mr(1)), 415, "type_mismatch",
         "The file says PNG but contains DICOM."),
    Case("dicom-png-named-dcm", "scan.dcm", MIME, lambda: encode(picture()), 415, "type_mismatch",
         "The file says DICOM but contains PNG."),
]  # fmt: skip
"""A code that is empty is not the same everywhere: the status is."""


def _taken(
    id: str, make: Callable[[], bytes], filename: str = "scan.dcm", planted: tuple[str, ...] = ()
) -> Case:
    return Case(f"dicom-{id}", filename, MIME, make, planted=(SENDERS_ROOT, *planted))


def _bits(word: str) -> int:
    return 8 if word == "jpeg-baseline" else 12


ACCEPTED: list[Case] = [
    *(_taken(f"syntax-{word}", lambda word=word, seed=seed: as_file(mr(seed, bits=_bits(word)), TAKEN[word]))
      for seed, word in enumerate(TAKEN, start=300)),
    _taken("bits-8", lambda: as_file(mr(320, bits=8))),
    _taken("bits-10", lambda: as_file(mr(321, bits=10))),
    _taken("bits-16", lambda: as_file(mr(322, bits=16))),
    _taken("bits-16-signed", lambda: as_file(mr(323, bits=16, signed=True))),
    _taken("inverted", lambda: as_file(mr(324, PhotometricInterpretation="MONOCHROME1"))),
    _taken("rescaled", lambda: as_file(mr(325, RescaleSlope="2.5", RescaleIntercept="-100"))),
    _taken("window-none", lambda: as_file(mr(326, WindowCenter="40", WindowWidth="0"))),
    _taken("window", lambda: as_file(mr(327, WindowCenter="1200", WindowWidth="900"))),
    _taken("no-name", lambda: as_file(mr(328)), "IM000001"),
    _taken("enhanced-one-frame", lambda: as_file(mr(329, SOPClassUID=ENHANCED_MR_STORAGE, NumberOfFrames=1))),
    _taken("cleaned-they-say", lambda: as_file(mr(
        330, PatientIdentityRemoved="YES", PatientName="Musterfrau^Wilhelmine")), planted=("Musterfrau",)),
    _taken("no-subject", lambda: as_file(mr(331, PatientID=None, PatientName=None))),
]  # fmt: skip

QUARANTINED: list[Case] = [
    _taken("burned-in", lambda: as_file(mr(340, BurnedInAnnotation="YES"))),
    _taken("writing", lambda: as_file(with_writing(341, "MUSTERFRAU 12.03.1961"))),
    _taken("writing-denied", lambda: as_file(
        with_writing(342, "WILHELMINE M. *1961-03-12", BurnedInAnnotation="NO"))),
]  # fmt: skip
"""Those that are taken and that only the intake's reviewers see: an 8-bit header that says so, or writing."""


def with_writing(seed: int, text: str, **changes: Any) -> Dataset:
    """An image of 256 × 256 pixels with a line of writing in a corner."""
    import cv2

    image = mr(seed, rows=256, columns=256, **changes)
    marks = np.zeros((256, 256), np.uint8)
    cv2.putText(marks, text, (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1, cv2.LINE_AA)
    dimmed = np.frombuffer(image.PixelData, "<u2").reshape(256, 256) // 3
    image.PixelData = np.maximum(dimmed, marks.astype("<u2") * 16).tobytes()
    return image
