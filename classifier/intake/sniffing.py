"""What a file is, told by its content; its name is only held against it."""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from classifier.intake.jpeg import SIGNATURE as JPEG_SIGNATURE
from classifier.intake.png import SIGNATURE as PNG_SIGNATURE
from classifier.intake.refusals import IntakeRefused


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file that is recognised.

    Attributes:
        name: as people say it.
        extensions: of a name that promises this type, in lower case; only image types make promises.
        magic: patterns, one of which the content begins with.
        accepted: whether the intake takes it.
    """

    name: str
    magic: tuple[bytes, ...] = ()
    extensions: tuple[str, ...] = ()
    accepted: bool = False

    def fits(self, head: bytes) -> bool:
        return any(re.match(pattern, head, re.DOTALL) for pattern in self.magic)


PNG: Final = FileType("PNG", (re.escape(PNG_SIGNATURE),), ("png",), accepted=True)
JPEG: Final = FileType("JPEG", (re.escape(JPEG_SIGNATURE),), ("jpg", "jpeg", "jpe", "jfif"), accepted=True)
DICOM: Final = FileType("DICOM", (rb".{128}DICM",), ("dcm", "dicom"), accepted=True)
# In the order of trial: what is more specific comes first.
TYPES: Final = (
    PNG,
    JPEG,
    # Before all others: its first 128 bytes may pretend to be anything.
    DICOM,
    FileType("GIF", (rb"GIF8[79]a",), ("gif",)),
    FileType("TIFF", (rb"II[*+]\0", rb"MM\0[*+]"), ("tif", "tiff")),
    FileType("WebP", (rb"RIFF....WEBP",), ("webp",)),
    FileType("HEIC or AVIF", (rb"....ftyp(?:hei|hev|heim|mif1|msf1|avi)",), ("heic", "heif", "avif")),
    FileType("JPEG 2000", (rb"\0\0\0\x0cjP  ", rb"\xff\x4f\xff\x51"), ("jp2", "j2k", "jpx")),
    FileType("JPEG XL", (rb"\0\0\0\x0cJXL ", rb"\xff\x0a"), ("jxl",)),
    FileType("NIfTI", (rb".{344}(?:n\+1|ni1)\0",), ("nii",)),
    FileType("PDF", (rb".{0,1024}?%PDF-",)),
    FileType("EPS", (rb"%!PS", rb"\xc5\xd0\xd3\xc6")),
    FileType("ZIP (or a Keras model)", (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)",)),
    FileType("HDF5 (a model file)", (rb"\x89HDF\r\n\x1a\n",)),
    FileType("pickle (a model file)", (rb"\x80[\x02-\x05]",)),
    FileType("gzip", (rb"\x1f\x8b",)),
    FileType("BMP", (rb"BM.{4}\0\0\0\0",), ("bmp", "dib")),
)
_SVG, _HTML, _XML, _TEXT = (FileType(name) for name in ("SVG", "HTML", "XML", "text"))
*_FIRST, _LAST = (kind.name for kind in TYPES if kind.accepted)
_ACCEPTED: Final = f"{', '.join(_FIRST)} and {_LAST}"
_HEAD_BYTES: Final = 4096
_SVG_ELEMENT: Final = re.compile(rb"<(?:\w{1,20}:)?svg\b", re.IGNORECASE)
_HTML_ELEMENT: Final = re.compile(rb"<(?:!doctype html|html|head|body|script|iframe)\b", re.IGNORECASE)
_XML_START: Final = re.compile(rb"<(?:[?!]|[A-Za-z_][\w.:-]{0,60}[\s/>])")
_EXTENSION: Final = re.compile(r"\.([A-Za-z0-9]{1,8})$")


def sniff(data: bytes) -> FileType | None:
    """Returns the type that the content shows; None where nothing known fits."""
    head = data[:_HEAD_BYTES]
    for kind in TYPES:
        if kind.fits(head):
            return kind
    return _markup(head) or _TEXT if _is_text(head) else None


def require_accepted(data: bytes, filename: str | None) -> FileType:
    """Returns the type of content that is taken in and is what its name says.

    Args:
        data: the file.
        filename: as the sender gave it, or None; it is compared and forgotten.

    Raises:
        IntakeRefused: `wrong_type` or `type_mismatch`, naming the types.
    """
    found = sniff(data)
    if found is None:
        raise IntakeRefused(
            "wrong_type", f"The type of the file is not recognised; accepted are {_ACCEPTED} images."
        )
    if not found.accepted:
        raise IntakeRefused("wrong_type", f"The file contains {found.name}; accepted are {_ACCEPTED} images.")
    said = _said_by(filename)
    if said not in (None, found):
        raise IntakeRefused("type_mismatch", f"The file says {said.name} but contains {found.name}.")
    return found


def _said_by(filename: str | None) -> FileType | None:
    # Cut at the first NUL, as a file system would.
    name = unicodedata.normalize("NFKC", (filename or "").partition("\0")[0]).strip()
    extension = _EXTENSION.search(name)
    if not extension:
        return None
    return next((kind for kind in TYPES if extension[1].lower() in kind.extensions), None)


def _markup(head: bytes) -> FileType | None:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not _XML_START.match(start):
        return None
    if _SVG_ELEMENT.search(start):
        return _SVG
    return _HTML if _HTML_ELEMENT.search(start) else _XML


def _is_text(head: bytes) -> bool:
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        # Incremental, because the head may end within a character.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True
