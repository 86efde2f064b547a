"""Every odd and bad image that must be refused or taken in, built on the spot, for all doors' tests.

`REFUSED` and `ACCEPTED` are meant for `pytest.mark.parametrize(..., ids=str)`. Accepted cases have pixels of
their own each, so that none is a duplicate of another.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PLANTED = "Wilhelmine^Musterfrau"
SCRIPT = "<script>alert(1)</script>"


@dataclass(frozen=True)
class Case:
    """One upload and what it must get.

    Attributes:
        id: short, unique.
        filename: as the sender gives it.
        content_type: as the sender declares it.
        make: builds the bytes.
        status: HTTP status; 202 for what is accepted.
        code: stable reason code; empty for what is accepted.
        sentence: part of the message; empty for what is accepted.
        planted: strings in the upload that may appear nowhere afterwards.
    """

    id: str
    filename: str
    content_type: str
    make: Callable[[], bytes]
    status: int = 202
    code: str = ""
    sentence: str = ""
    planted: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.id


def picture(seed: int = 0, width: int = 96, height: int = 80) -> np.ndarray:
    """A smooth grey picture, uint8, another one for each seed."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width] / max(width, height)
    waves = sum(np.sin(2 * np.pi * (a * rows + b * columns + c)) for a, b, c in rng.uniform(0, 3, (4, 3)))
    return np.clip(128 + 28 * waves, 0, 255).astype(np.uint8)


def encode(image: np.ndarray | Image.Image, format: str = "PNG", **options: object) -> bytes:
    """The image as a file."""
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def jpeg(seed: int = 0, **options: object) -> bytes:
    """A greyscale JPEG."""
    return encode(picture(seed), "JPEG", quality=90, **options)


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """A sound PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    """A sound IHDR."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def raw_png(rows: np.ndarray, width: int, *, depth: int = 8, colour: int = 0, before: bytes = b"") -> bytes:
    """A PNG of raw row bytes (H, N), with further chunks before its data."""
    filtered = np.pad(rows, ((0, 0), (1, 0)))
    data = chunk(b"IDAT", zlib.compress(filtered.tobytes()))
    return SIGNATURE + header(width, len(rows), depth, colour) + before + data + chunk(b"IEND")


def chunks_of(png: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a sound PNG as (kind, whole chunk)."""
    found, position = [], len(SIGNATURE)
    while position < len(png):
        length, kind = struct.unpack_from(">I4s", png, position)
        found.append((kind, png[position : position + length + 12]))
        position += length + 12
        if kind == b"IEND":
            break
    return found


def with_chunk(png: bytes, extra: bytes, before: bytes = b"IDAT") -> bytes:
    """The PNG with further chunks put before the first of a kind."""
    parts, done = [SIGNATURE], False
    for kind, whole in chunks_of(png):
        if kind == before and not done:
            parts.append(extra)
            done = True
        parts.append(whole)
    return b"".join(parts)


def with_segment(jpeg_bytes: bytes, marker: int, body: bytes) -> bytes:
    """The JPEG with a further segment after its start."""
    return jpeg_bytes[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg_bytes[2:]


def exif(orientation: int = 1, text: str = "") -> bytes:
    """An Exif block with an orientation, a camera's owner and a position."""
    block = Image.Exif()
    block[0x0112] = orientation
    if text:
        block[0x010E] = text
        block.get_ifd(0x8825)[1] = "N"
        block.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return block.tobytes().removeprefix(b"Exif\0\0")


def blank_png(width: int, height: int) -> bytes:
    """A sound 1-bit PNG of any size, small as a file."""
    deflater = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(deflater.compress(row * 1000) for _ in range(height // 1000)) or b""
    data += deflater.compress(row * (height % 1000)) + deflater.flush()
    return SIGNATURE + header(width, height, 1) + chunk(b"IDAT", data) + chunk(b"IEND")


def _bomb(kind: bytes, head: bytes) -> bytes:
    deflater = zlib.compressobj(9)
    stream = b"".join(deflater.compress(bytes(2**20)) for _ in range(64)) + deflater.flush()
    return with_chunk(encode(picture()), chunk(kind, head + stream))


def _reordered(*kinds: bytes) -> bytes:
    whole = dict(chunks_of(encode(picture())))
    return SIGNATURE + b"".join(whole[kind] for kind in kinds)


def _split_idat() -> bytes:
    whole = dict(chunks_of(encode(picture())))
    body = whole[b"IDAT"][8:-4]
    halves = chunk(b"IDAT", body[:50]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", body[50:])
    return SIGNATURE + whole[b"IHDR"] + halves + whole[b"IEND"]


def _short_idat() -> bytes:
    """Every checksum right, but half of the compressed pixels missing."""
    whole = dict(chunks_of(encode(picture())))
    body = whole[b"IDAT"][8:-4]
    return SIGNATURE + whole[b"IHDR"] + chunk(b"IDAT", body[: len(body) // 2]) + whole[b"IEND"]


def _bad_crc(kind: bytes) -> bytes:
    whole = chunks_of(encode(picture()))
    spoilt = [(name, data[:-1] + bytes([data[-1] ^ 1]) if name == kind else data) for name, data in whole]
    return SIGNATURE + b"".join(data for _, data in spoilt)


def _animated() -> bytes:
    frames = [Image.fromarray(picture(seed)) for seed in (1, 2)]
    return encode(frames[0], "PNG", save_all=True, append_images=frames[1:])


def _multi_picture() -> bytes:
    frames = [Image.fromarray(picture(seed)).convert("RGB") for seed in (1, 2)]
    return encode(frames[0], "MPO", save_all=True, append_images=frames[1:])


def _frames(format: str) -> bytes:
    frames = [Image.fromarray(picture(seed)) for seed in (1, 2)]
    return encode(frames[0], format, save_all=True, append_images=frames[1:])


def _truncated_in_idat() -> bytes:
    png = encode(picture())
    return png[: png.index(b"IDAT") + 40]


def _keras_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", '{"class_name": "Sequential"}')
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")
    return buffer.getvalue()


def _zip_of(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inside.txt", text)
    return buffer.getvalue()


_HEIC = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(200)
_ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
_SVG = b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
_HTML = b"<!doctype html><html><body><script>alert(1)</script></body></html>"
_PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
_ONNX = b"\x08\x08\x12\x07pytorch\x1a\x052.1.0:\x10\n\x01x\x12\x01y\x1a\x04main"


def _wrong(id: str, filename: str, make: Callable[[], bytes], contains: str, mime: str = "image/png") -> Case:
    return Case(f"type-{id}", filename, mime, make, 415, "wrong_type", contains)


def _damaged(id: str, make: Callable[[], bytes], how: str, filename: str = "scan.png") -> Case:
    mime = "image/jpeg" if filename.endswith("jpg") else "image/png"
    return Case(f"damaged-{id}", filename, mime, make, 422, "damaged_image", f"The image is damaged ({how}).")


_ACCEPTS = "accepted are PNG, JPEG and DICOM"
_EARLY, _ORDER = "it ends too early", "its parts are in the wrong order"

REFUSED: list[Case] = [
    Case("empty", "scan.png", "image/png", lambda: b"", 400, "empty_file", "The file is empty."),
    _wrong("text", "scan.png", lambda: b"Only words.\n", "The file contains text"),
    _wrong("html", "scan.png", lambda: _HTML, "The file contains HTML"),
    _wrong("html-own-name", "page.html", lambda: _HTML, _ACCEPTS, "text/html"),
    _wrong("svg", "scan.png", lambda: _SVG, "The file contains SVG"),
    _wrong("svg-own-name", "scan.svg", lambda: _SVG, _ACCEPTS, "image/svg+xml"),
    _wrong("xml-entities", "scan.jpg", lambda: _ENTITIES, "The file contains XML"),
    _wrong("eps", "scan.jpg", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\nshowpage\n", "The file contains EPS"),
    _wrong("pdf", "scan.png", lambda: _PDF, "The file contains PDF"),
    _wrong("tiff", "scan.png", lambda: encode(picture(), "TIFF"), "The file contains TIFF"),
    _wrong("tiff-frames", "scan.tif", lambda: _frames("TIFF"), "The file contains TIFF", "image/tiff"),
    _wrong("webp", "scan.jpg", lambda: encode(picture(), "WEBP"), "The file contains WebP"),
    _wrong("gif", "scan.png", lambda: encode(picture(), "GIF"), "The file contains GIF"),
    _wrong("gif-frames", "scan.gif", lambda: _frames("GIF"), "The file contains GIF", "image/gif"),
    _wrong("bmp", "scan.png", lambda: encode(picture(), "BMP"), "The file contains BMP"),
    _wrong("heic", "scan.jpg", lambda: _HEIC, "The file contains HEIC", "image/heic"),
    _wrong("unknown", "scan.png", lambda: bytes(range(256)), "The type of the file is not recognised"),
    _wrong("zip", "scan.png", lambda: _zip_of("a"), "The file contains ZIP"),
    _wrong("keras", "model.keras", _keras_archive, "Keras model", "application/octet-stream"),
    _wrong("h5", "model.h5", lambda: b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
    _wrong("pickle", "model.pkl", lambda: pickle.dumps({"w": [1.0]}), "pickle"),
    _wrong("joblib", "model.joblib", lambda: pickle.dumps([0.5] * 9, protocol=3), "pickle"),
    _wrong("onnx", "model.onnx", lambda: _ONNX, _ACCEPTS),
    Case(
        "png-named-jpg",
        "scan.jpg",
        "image/jpeg",
        lambda: encode(picture()),
        415,
        "type_mismatch",
        "The file says JPEG but contains PNG.",
    ),
    Case(
        "jpeg-named-png",
        "scan.png",
        "image/png",
        jpeg,
        415,
        "type_mismatch",
        "The file says PNG but contains JPEG.",
    ),
    Case(
        "png-named-dcm",
        "scan.dcm",
        "application/dicom",
        lambda: encode(picture()),
        415,
        "type_mismatch",
        "The file says DICOM but contains PNG.",
    ),
    Case(
        "apng",
        "scan.png",
        "image/png",
        _animated,
        422,
        "not_single_image",
        "Only single images are accepted.",
    ),
    Case(
        "mpo",
        "scan.jpg",
        "image/jpeg",
        _multi_picture,
        422,
        "not_single_image",
        "Only single images are accepted.",
    ),
    Case(
        "pixels-400-megapixels",
        "scan.png",
        "image/png",
        lambda: blank_png(20_000, 20_000),
        422,
        "too_many_pixels",
        "400 megapixels; the limit is 16",
    ),
    Case(
        "pixels-144-megapixels",
        "scan.png",
        "image/png",
        lambda: blank_png(12_000, 12_000),
        422,
        "too_many_pixels",
        "144 megapixels; the limit is 16",
    ),
    Case(
        "pixels-just-over",
        "scan.png",
        "image/png",
        lambda: blank_png(4000, 4001),
        422,
        "too_many_pixels",
        "16.1 megapixels; the limit is 16",
    ),
    Case(
        "pixels-declared-only",
        "scan.jpg",
        "image/jpeg",
        lambda: b"\xff\xd8" + with_segment(b"\xff\xd8", 0xC0, struct.pack(">BHHB", 8, 60_000, 60_000, 1))[2:],
        422,
        "too_many_pixels",
        "3600 megapixels; the limit is 16",
    ),
    Case(
        "side-1x1",
        "scan.png",
        "image/png",
        lambda: blank_png(1, 1),
        422,
        "too_small",
        "1 × 1 pixels; each side must be between 32 and 8192",
    ),
    Case(
        "side-31x31", "scan.png", "image/png", lambda: blank_png(31, 31), 422, "too_small", "31 × 31 pixels"
    ),
    Case(
        "side-1x8192",
        "scan.png",
        "image/png",
        lambda: blank_png(1, 8192),
        422,
        "too_small",
        "1 × 8192 pixels",
    ),
    Case(
        "side-8193",
        "scan.png",
        "image/png",
        lambda: blank_png(8193, 64),
        422,
        "too_large_side",
        "8193 × 64 pixels; each side must be between 32 and 8192",
    ),
    Case("side-0", "scan.png", "image/png", lambda: blank_png(0, 64), 422, "too_small", "0 × 64 pixels"),
    Case(
        "bomb-zTXt",
        "scan.png",
        "image/png",
        lambda: _bomb(b"zTXt", b"Comment\0\0"),
        422,
        "bomb",
        "unpacks to more",
    ),
    Case(
        "bomb-iTXt",
        "scan.png",
        "image/png",
        lambda: _bomb(b"iTXt", b"Comment\0\1\0en\0Kommentar\0"),
        422,
        "bomb",
        "unpacks to more",
    ),
    Case(
        "bomb-iCCP",
        "scan.png",
        "image/png",
        lambda: _bomb(b"iCCP", b"sRGB\0\0"),
        422,
        "bomb",
        "unpacks to more",
    ),
    _damaged("png-half", lambda: (data := encode(picture()))[: len(data) // 2], _EARLY),
    _damaged("png-last-byte", lambda: encode(picture())[:-1], _EARLY),
    _damaged("png-in-idat", _truncated_in_idat, _EARLY),
    _damaged("png-short-idat", _short_idat, _EARLY),
    _damaged("png-header-only", lambda: SIGNATURE + header(64, 64), _EARLY),
    _damaged("png-crc-ihdr", lambda: _bad_crc(b"IHDR"), "a checksum does not match"),
    _damaged("png-crc-idat", lambda: _bad_crc(b"IDAT"), "a checksum does not match"),
    _damaged("png-crc-iend", lambda: _bad_crc(b"IEND"), "a checksum does not match"),
    _damaged("png-idat-first", lambda: _reordered(b"IDAT", b"IHDR", b"IEND"), _ORDER),
    _damaged("png-split-idat", _split_idat, _ORDER),
    _damaged(
        "png-late-palette", lambda: with_chunk(encode(picture()), chunk(b"PLTE", bytes(3)), b"IEND"), _ORDER
    ),
    _damaged("png-no-idat", lambda: _reordered(b"IHDR", b"IEND"), "its pixels cannot be read"),
    _damaged("jpeg-half", lambda: (data := jpeg())[: len(data) // 2], _EARLY, "scan.jpg"),
    _damaged("jpeg-last-byte", lambda: jpeg()[:-1], _EARLY, "scan.jpg"),
    _damaged(
        "jpeg-half-with-end", lambda: (data := jpeg())[: len(data) * 2 // 3] + b"\xff\xd9", _EARLY, "scan.jpg"
    ),
    _damaged("jpeg-signature-only", lambda: jpeg()[:4], _EARLY, "scan.jpg"),
    _damaged("jpeg-scan-first", lambda: with_segment(jpeg(), 0xDA, bytes(6)), _ORDER, "scan.jpg"),
]
MODELS: list[Case] = [case for case in REFUSED if case.filename.startswith("model.")]

_NAMES = {
    "climbing": "../../etc/x.png",
    "backslashes": "..\\..\\windows\\x.png",
    "absolute": "/etc/cron.d/x.png",
    "long": "a" * 296 + ".png",
    "right-to-left": "scan\u202egpj.png",
    "emoji": "🧠🩻.png",
    "nul": "scan\0.jpg.png",
    "double": "scan.php.png",
    "double-other": "scan.png.exe",
    "none": "scan",
    "capitals": "SCAN.PNG",
    "formula": "=cmd|'/c calc'!A1.png",
    "script": f"{SCRIPT}.png",
}


def _named(index: int, id: str, filename: str) -> Case:
    return Case(f"name-{id}", filename, "image/png", lambda: encode(picture(100 + index)))


def _carrying(id: str, make: Callable[[], bytes], planted: str, filename: str = "scan.png") -> Case:
    mime = "image/jpeg" if filename.endswith("jpg") else "image/png"
    return Case(f"carries-{id}", filename, mime, make, planted=(planted,))


ACCEPTED: list[Case] = [
    *(_named(index, id, filename) for index, (id, filename) in enumerate(_NAMES.items())),
    _carrying("zip-tail", lambda: encode(picture(200)) + _zip_of(PLANTED), PLANTED),
    _carrying("html-tail", lambda: encode(picture(201)) + f"<html>{SCRIPT}".encode(), SCRIPT),
    _carrying("jpeg-tail", lambda: jpeg(202) + f"<html>{SCRIPT}".encode(), SCRIPT, "scan.jpg"),
    _carrying("php-comment", lambda: jpeg(203, comment=b"<?php system($_GET[0]); ?>"), "<?php", "scan.jpg"),
    _carrying("jpeg-comment", lambda: jpeg(204, comment=PLANTED.encode()), PLANTED, "scan.jpg"),
    _carrying(
        "jpeg-exif",
        lambda: with_segment(jpeg(205), 0xE1, b"Exif\0\0" + exif(1, PLANTED)),
        PLANTED,
        "scan.jpg",
    ),
    _carrying(
        "png-exif", lambda: with_chunk(encode(picture(206)), chunk(b"eXIf", exif(1, PLANTED))), PLANTED
    ),
    _carrying(
        "png-text",
        lambda: with_chunk(encode(picture(207)), chunk(b"tEXt", f"PatientName\0{PLANTED}".encode())),
        PLANTED,
    ),
    _carrying(
        "png-packed-text",
        lambda: with_chunk(
            encode(picture(208)), chunk(b"zTXt", b"PatientName\0\0" + zlib.compress(PLANTED.encode()))
        ),
        PLANTED,
    ),
    _carrying(
        "xmp",
        lambda: with_segment(jpeg(209), 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PLANTED.encode()),
        PLANTED,
        "scan.jpg",
    ),
    _carrying(
        "private-chunk", lambda: with_chunk(encode(picture(210)), chunk(b"paTi", PLANTED.encode())), PLANTED
    ),
    Case("smallest", "scan.png", "image/png", lambda: encode(picture(220, 32, 32))),
    Case("jpeg", "scan.jpeg", "image/jpeg", lambda: jpeg(221)),
    Case("jpeg-progressive", "scan.jpg", "image/jpeg", lambda: jpeg(222, progressive=True)),
    Case(
        "colour",
        "scan.jpg",
        "image/jpeg",
        lambda: encode(Image.fromarray(picture(223)).convert("RGB"), "JPEG"),
    ),
    Case("sixteen-bit", "scan.png", "image/png", lambda: encode(picture(224).astype(np.uint16) * 200)),
    Case("declared-otherwise", "scan.png", "text/html", lambda: encode(picture(225))),
]
