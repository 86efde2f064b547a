"""The transfer syntaxes that are read: what each compressed frame must say of itself, and who decodes it.

Sources: DICOM PS3.5 sections 8.2 and A.4, annexes F and G; ITU-T T.81 (JPEG) annex B; ITU-T T.87 (JPEG-LS) annex C;
ITU-T T.800 (JPEG 2000) annex A.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import gdcm  # type: ignore[import-untyped]  # ships no types
import jpeg_ls  # type: ignore[import-untyped]  # ships no types
import numpy as np
import numpy.typing as npt
from openjpeg.utils import decode as decode_j2k
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from simplejpeg import decode_jpeg  # type: ignore[import-untyped]  # ships no types

from classifier.intake.dicom.refusing import OTHER_CODING, TOO_EARLY, broken, unsupported_syntax

type Samples = npt.NDArray[Any]
_LISTED: Final = "in a coding that is not read here"
_NAMED: Final = {
    "1.2.840.10008.1.2.1.99": "compressed as a whole (deflated)",
    "1.2.840.10008.1.2.2": "in big endian",
}
_IMPLICIT, _EXPLICIT, _RLE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"
_JPEG: Final = "1.2.840.10008.1.2.4."
_JPEG_START, _JPEG_END, _J2K_START = b"\xff\xd8", b"\xff\xd9", b"\xff\x4f\xff\x51"
_MAX_SEGMENTS: Final = 1000
_SCAN: Final = 0xDA
_FRAMES: Final = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
_RUNS: Final = get_decoder(_RLE)


class Said(NamedTuple):
    """What a compressed frame says of itself."""

    rows: int
    columns: int
    bits: int
    components: int = 1
    signed: bool = False


class Expected(NamedTuple):
    """What the header says of every frame."""

    rows: int
    columns: int
    allocated: int
    stored: int
    signed: bool


@dataclass(frozen=True, slots=True)
class Coding:
    """One transfer syntax.

    Attributes:
        implicit: whether elements are written without their kind.
        starts: what a frame begins with, where it begins with anything.
        says: reads what a compressed frame says of itself; None where frames are written plainly.
        decode: decodes a frame that was checked.
        keeps_bits: whether decoding gives back the very bits that were allocated.
    """

    implicit: bool = False
    starts: bytes = b""
    says: Callable[[bytes], Said] | None = None
    decode: Callable[[bytes, Expected], Samples] | None = None
    keeps_bits: bool = False

    @property
    def compressed(self) -> bool:
        return self.decode is not None


def coding_of(uid: str) -> str:
    """Returns the UID of a transfer syntax that is on the list.

    Raises:
        IntakeRefused: `unsupported_transfer_syntax`.
    """
    if uid not in CODINGS:
        raise unsupported_syntax(_NAMED.get(uid, _LISTED))
    return uid


def decode_frame(coding: Coding, frame: bytes, expected: Expected) -> Samples:
    """Decodes one compressed frame, which must say of itself what the header says of it.

    Returns:
        (rows, columns) as the frame's bits, unsigned or signed.

    Raises:
        IntakeRefused: `damaged_dicom`.
    """
    if coding.decode is None or not frame.startswith(coding.starts):
        raise broken(OTHER_CODING)
    if coding.says is not None:
        # An odd frame has a padding byte, and some writers pad to more.
        if not frame.rstrip(b"\0").endswith(_JPEG_END):
            raise broken(TOO_EARLY)
        _check(coding.says(frame), expected)
    try:
        samples = coding.decode(frame, expected)
    except (ValueError, RuntimeError, TypeError, IndexError, AttributeError, NotImplementedError) as error:
        raise broken("its pixels cannot be read") from error
    if samples.shape != (expected.rows, expected.columns):
        raise broken(OTHER_CODING)
    return samples


def _check(said: Said, expected: Expected) -> None:
    sound = (said.rows, said.columns, said.components) == (expected.rows, expected.columns, 1)
    if not sound or said.bits > expected.allocated:
        raise broken("its frames are not of the size that its header states")
    # Fewer bits than are stored would leave open where the sign stands.
    if said.bits < expected.stored and expected.signed and not said.signed:
        raise broken("its frames do not have the bits that its header states")


def _jpeg_says(*frames: int) -> Callable[[bytes], Said]:
    """What stands in the frame header of a JPEG, which must be of one of these kinds (the markers' second bytes).

    All segments up to the first scan must follow each other without a gap: decoders in C guess there, or abort.
    """

    def says(data: bytes) -> Said:
        said, at = None, 2
        for _ in range(_MAX_SEGMENTS):
            if at + 4 > len(data) or data[at] != 0xFF:
                break
            marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
            if marker == _SCAN and said:
                return said
            if marker in frames and not said and length >= 8 and at + 10 <= len(data):
                bits, rows, columns, components = struct.unpack_from(">BHHB", data, at + 4)
                said = Said(rows, columns, bits, components)
            elif length < 2 or marker == _SCAN or marker in _FRAMES:
                break
            at += 2 + length
        raise broken(OTHER_CODING)

    return says


def _j2k_says(data: bytes) -> Said:
    if len(data) < 43:
        raise broken(TOO_EARLY)
    right, bottom, left, top = struct.unpack_from(">4I", data, 8)
    components, depth, across, down = struct.unpack_from(">HBBB", data, 40)
    if (across, down) != (1, 1):
        raise broken(OTHER_CODING)
    return Said(bottom - top, right - left, (depth & 0x7F) + 1, components, bool(depth & 0x80))


def _decode_baseline(frame: bytes, _: Expected) -> Samples:
    return np.asarray(decode_jpeg(frame, "GRAY", strict=True))[..., 0]


def _decode_extended(frame: bytes, expected: Expected) -> Samples:
    if _EXTENDED_SAYS(frame).bits == 8:
        return _decode_baseline(frame, expected)
    return _BY_GDCM[f"{_JPEG}51"](frame, expected)


def _by_gdcm(uid: str) -> Callable[[bytes, Expected], Samples]:
    """JPEG of 12 bits, which pydicom decodes by nothing that is free and whole, and lossless JPEG."""
    syntax = gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(uid))

    def decode(frame: bytes, expected: Expected) -> Samples:
        fragment = gdcm.Fragment()
        fragment.SetByteStringValue(frame)
        fragments = gdcm.SequenceOfFragments.New()
        fragments.AddFragment(fragment)
        element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
        element.SetValue(fragments.__ref__())
        image = gdcm.Image()
        image.SetNumberOfDimensions(2)
        image.SetDimensions((expected.columns, expected.rows, 1))
        image.SetPhotometricInterpretation(
            gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
        )
        image.SetTransferSyntax(syntax)
        image.SetPixelFormat(gdcm.PixelFormat(1, expected.allocated, expected.stored, expected.stored - 1, 0))
        image.SetDataElement(element)
        # It gives bytes as a string.
        levels = image.GetBuffer().encode("utf-8", "surrogateescape")
        kind = np.dtype("u1" if expected.allocated == 8 else "<u2")
        return np.frombuffer(levels, kind).reshape(expected.rows, expected.columns)

    return decode


def _decode_jpeg_ls(frame: bytes, expected: Expected) -> Samples:
    levels, said = jpeg_ls.decode_buffer(frame)
    kind = np.uint8 if said["bits_per_sample"] <= 8 else np.dtype("<u2")
    return np.frombuffer(levels, kind).reshape(expected.rows, expected.columns)


def _decode_j2k(frame: bytes, _: Expected) -> Samples:
    return np.asarray(decode_j2k(frame, j2k_format=0))


def _decode_runs(frame: bytes, expected: Expected) -> Samples:
    size = expected.rows * expected.columns * expected.allocated // 8
    # Written out, all its bytes are hardly longer: this can only be a bomb.
    if len(frame) > 64 + 2 * size:
        raise broken(OTHER_CODING)
    options: dict[str, Any] = {
        "rows": expected.rows,
        "columns": expected.columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": expected.allocated,
        "bits_stored": expected.stored,
        # Signs are read from the bits, whoever decoded them (`levels`).
        "pixel_representation": 0,
        "pixel_keyword": "PixelData",
    }
    fragments = encapsulate([frame], has_bot=False)
    return _RUNS.as_array(fragments, index=0, raw=True, decoding_plugin="pydicom", **options)[0]


_BASELINE_FRAME, _EXTENDED_FRAME, _LOSSLESS_FRAME, _LS_FRAME = 0xC0, 0xC1, 0xC3, 0xF7
_EXTENDED_SAYS: Final = _jpeg_says(_BASELINE_FRAME, _EXTENDED_FRAME)
_BY_GDCM: Final = {uid: _by_gdcm(uid) for uid in (f"{_JPEG}51", f"{_JPEG}57", f"{_JPEG}70")}
CODINGS: Final[Mapping[str, Coding]] = {
    _IMPLICIT: Coding(implicit=True),
    _EXPLICIT: Coding(),
    _RLE: Coding(decode=_decode_runs, keeps_bits=True),
    f"{_JPEG}50": Coding(starts=_JPEG_START, says=_jpeg_says(_BASELINE_FRAME), decode=_decode_baseline),
    f"{_JPEG}51": Coding(starts=_JPEG_START, says=_EXTENDED_SAYS, decode=_decode_extended),
    **{
        f"{_JPEG}{number}": Coding(
            starts=_JPEG_START,
            says=_jpeg_says(_LOSSLESS_FRAME),
            decode=_BY_GDCM[f"{_JPEG}{number}"],
        )
        for number in (57, 70)
    },
    **{
        f"{_JPEG}{number}": Coding(starts=_JPEG_START, says=_jpeg_says(_LS_FRAME), decode=_decode_jpeg_ls)
        for number in (80, 81)
    },
    **{
        f"{_JPEG}{number}": Coding(starts=_J2K_START, says=_j2k_says, decode=_decode_j2k)
        for number in (90, 91)
    },
}
