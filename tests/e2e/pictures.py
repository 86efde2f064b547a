"""Synthetic images and maps for the browser tests, and a PNG writer that can err on purpose."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np


def _planes(cells: int) -> np.ndarray:
    """Raw maps as a network gives them: mostly below zero, "no tumour" entirely so. Places are in sevenths."""
    rows, columns = (np.mgrid[0:cells, 0:cells] + 0.5) * 7 / cells - 0.5

    def blob(row: float, column: float, spread: float, height: float) -> np.ndarray:
        return height * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * spread**2))

    planes = [
        blob(3, 4, 1.2, 3.0) - 0.8,
        blob(1.5, 3.8, 0.9, 6.0) - 0.6,
        np.full((cells, cells), -1.0),
        blob(4, 3, 1.0, 0.8) - 0.3,
    ]
    return np.stack(planes, axis=-1).round(4)


CLASSES = ["glioma", "meningioma", "notumor", "pituitary"]
NAMES = ["Glioma", "Meningioma", "No tumour", "Pituitary tumour"]


def maps_of(cells: int) -> dict[str, Any]:
    """What the server sends of a network whose maps have so many cells from side to side."""
    return {
        "classes": CLASSES,
        "names": dict(zip(CLASSES, NAMES, strict=True)),
        "maps": _planes(cells).tolist(),
        "box": [22, 14, 114, 120],
        "top": "meningioma",
    }


MAPS = maps_of(7)


def class_plane(name: str, cells: int = 7) -> np.ndarray:
    """The raw map of one class, (cells, cells)."""
    return _planes(cells)[:, :, CLASSES.index(name)]


def ramp(shape: tuple[int, int], bits: int) -> np.ndarray:
    """Values that differ along both axes and use most of the depth's range."""
    height, width = shape
    values = np.add.outer(np.arange(height) * 7, np.arange(width) * 3) * (1 if bits == 8 else 40)
    return (values % (1 << bits)).astype(np.uint8 if bits == 8 else np.uint16)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]


def _filtered(raw: np.ndarray, unit: int) -> bytes:
    """Rows of bytes under filters 0 to 4 in turn, as PNG section 9 defines them."""
    out = bytearray()
    above = [0] * raw.shape[1]
    for number, row in enumerate(raw.tolist()):
        kind = number % 5
        out.append(kind)
        for at, value in enumerate(row):
            left = row[at - unit] if at >= unit else 0
            corner = above[at - unit] if at >= unit else 0
            guess = (0, left, above[at], (left + above[at]) // 2, _paeth(left, above[at], corner))[kind]
            out.append((value - guess) % 256)
        above = row
    return bytes(out)


def write_png(path: Path, pixels: np.ndarray, fault: str = "") -> None:
    """A greyscale PNG of 8 or 16 bit in two IDAT chunks; `fault` makes one of the broken kinds."""
    height, width = pixels.shape
    raw = (
        np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(">"))).view(np.uint8).reshape(height, -1)
    )
    data = _filtered(raw, pixels.itemsize)
    data = {"short": data[:-7], "long": data + b"\0" * 9}.get(fault, data)
    packed = zlib.compress(data)
    colour, interlace = (2 if fault == "colour" else 0), (1 if fault == "interlaced" else 0)
    header = struct.pack(">IIBBBBB", width, height, pixels.itemsize * 8, colour, 0, 0, interlace)
    half = len(packed) // 2
    parts = [(b"IHDR", header), (b"IDAT", packed[:half]), (b"IDAT", packed[half:]), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    path.write_bytes(content[:-20] if fault == "cut" else content)
