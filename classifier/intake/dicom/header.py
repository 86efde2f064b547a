"""The header of a DICOM file: held against the limits and against itself before any pixel is decoded.

Sources: DICOM PS3.10 section 7.1 (file meta information), PS3.3 C.7.6.3 (image pixel), C.8.13 (enhanced MR).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pydicom._uid_dict import UID_dictionary

from classifier.intake.dicom import keep_list as tags
from classifier.intake.dicom.codings import CODINGS, Coding, coding_of
from classifier.intake.dicom.elements import PIXEL_DATA, Kept, Pixels, Walk
from classifier.intake.dicom.refusing import OTHER_CODING, broken, no_image, not_mr, unsupported
from classifier.intake.dicom.values import integer, items, short, word
from classifier.intake.limits import Limits
from classifier.intake.refusals import IntakeRefused
from classifier.intake.sniffing import DICOM, TYPES

_PREAMBLE_BYTES, _MAGIC_BYTES = 128, 4
# What no list of image types holds, because an upload that begins so is just not recognised.
_PROGRAMS: Final = (
    b"MZ", b"\x7fELF", b"#!", b"PK", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
    b"Rar!", b"7z\xbc\xaf", b"dex\n", b"\0asm", b"<",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """What a file that may be decoded says of its pixels.

    Attributes:
        kept: everything that was read.
        coding: how the pixels are written.
        pixels: where they lie.
        frames, rows, columns: within the limits.
        allocated, stored, high_bit: bits of a pixel, bits of it that count, and the highest of these (from 0).
        signed: whether the levels are in two's complement.
        inverted: MONOCHROME1, that is: the least level is white.
    """

    kept: Kept
    coding: Coding
    pixels: Pixels
    frames: int
    rows: int
    columns: int
    allocated: int
    stored: int
    high_bit: int
    signed: bool
    inverted: bool


def read_kept(data: memoryview) -> tuple[Kept, Coding]:
    """Reads what is on the keep-list, and how the file is written. Nothing is inflated or decoded.

    Raises:
        IntakeRefused: a directory, a transfer syntax that is not on the list, or no sound data set.
    """
    _check_preamble(bytes(data[:_PREAMBLE_BYTES]))
    meta, start = Walk(data).meta(_PREAMBLE_BYTES + _MAGIC_BYTES, tags.META)
    if word(meta, tags.MEDIA_CLASS) == tags.DIRECTORY_CLASS:
        raise IntakeRefused(
            "wrong_type", "The file contains a DICOM directory (DICOMDIR); send the images that it lists."
        )
    coding = CODINGS[coding_of(word(meta, tags.TRANSFER_SYNTAX))]
    walk = Walk(data, compressed=coding.compressed)
    return walk.dataset(start, tags.DATASET, implicit=coding.implicit), coding


def check_header(kept: Kept, coding: Coding, limits: Limits) -> Header:
    """Holds what was read against the limits and against itself.

    Raises:
        IntakeRefused: everything but an MR image whose pixels can be read, of a size within the limits.
    """
    return _checked(kept, coding, _mr_pixels(kept), limits)


def standard_class(kept: Kept) -> str:
    """Returns the file's SOP class where the standard knows it; "" for any other string that may stand there."""
    found = word(kept, tags.SOP_CLASS)
    known = UID_dictionary.get(found)
    return found if known and known[1] == "SOP Class" else ""


def _check_preamble(preamble: bytes) -> None:
    others = (kind for kind in TYPES if kind is not DICOM)
    if preamble.startswith(_PROGRAMS) or (any(preamble) and any(kind.fits(preamble) for kind in others)):
        raise IntakeRefused(
            "unsafe_preamble",
            "The DICOM file begins like a program, an archive or another image; export it again without a preamble.",
        )


def _mr_pixels(kept: Kept) -> Pixels:
    modality, sop_class = word(kept, tags.MODALITY), word(kept, tags.SOP_CLASS)
    if (modality and modality != "MR") or (sop_class and sop_class not in tags.MR_CLASSES):
        raise not_mr()
    pixels = kept.get(PIXEL_DATA)
    if not isinstance(pixels, Pixels) or not any(len(fragment) for fragment in pixels.fragments):
        raise no_image()
    if not modality or not sop_class:
        raise not_mr()
    return pixels


def _checked(kept: Kept, coding: Coding, pixels: Pixels, limits: Limits) -> Header:
    rows, columns = short(kept, tags.ROWS), short(kept, tags.COLUMNS)
    if rows is None or columns is None:
        raise broken("it does not say how large its image is")
    frames = _frames(kept)
    limits.check_stack(frames, columns, rows)
    if coding.compressed != pixels.compressed:
        raise broken(OTHER_CODING)
    if short(kept, tags.SAMPLES) != 1 or word(kept, tags.PHOTOMETRIC) not in ("MONOCHROME1", "MONOCHROME2"):
        raise unsupported("is in colour, or does not say that it is not")
    if items(kept, tags.MODALITY_TABLE):
        raise unsupported("gives its levels by a table")
    allocated, stored, high_bit = (short(kept, tag) for tag in (tags.ALLOCATED, tags.STORED, tags.HIGH_BIT))
    if allocated is None or stored is None or not 1 <= stored <= allocated:
        raise broken("its bits do not fit into its pixels")
    high_bit = stored - 1 if high_bit is None else high_bit
    if not stored - 1 <= high_bit < allocated:
        raise broken("its bits do not fit into its pixels")
    if allocated not in (8, 16) or stored < 2:
        raise unsupported(f"has pixels of {allocated} bits, of which {stored} are used")
    if coding.compressed and high_bit != stored - 1 and not coding.keeps_bits:
        raise unsupported("does not use the lowest bits of its pixels")
    _check_uids(kept)
    return Header(
        kept, coding, pixels, frames, rows, columns, allocated, stored, high_bit,
        bool(short(kept, tags.SIGNED)), word(kept, tags.PHOTOMETRIC) == "MONOCHROME1",
    )  # fmt: skip


def _frames(kept: Kept) -> int:
    if not word(kept, tags.FRAMES):
        return 1
    frames = integer(kept, tags.FRAMES)
    if frames is None or frames < 1:
        raise broken("it does not say how many frames it has")
    return frames


def _check_uids(kept: Kept) -> None:
    uids = [word(kept, tag) for tag in (tags.STUDY_UID, tags.SERIES_UID, tags.INSTANCE_UID)]
    if not all(re.fullmatch(r"[0-9.]{1,64}", uid) for uid in uids):
        raise broken("it does not say to which study and series it belongs, or not by UIDs")
