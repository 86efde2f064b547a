"""The networks: a small one of ours spots where letters may stand, one marks lines of text, one reads them.

The last two ship with `rapidocr` (PP-OCRv6). Only the package's files are used, not its code: OpenCV computes them, so
no other runtime is loaded where bytes of strangers are decoded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]

LINE_HEIGHT: Final = 48
"""Of a line that is read, in pixels; what the reading network was made for."""
_PACKAGE: Final = "rapidocr"
_MARKING: Final = "PP-OCRv6_det_small.onnx"
_READING: Final = "PP-OCRv6_rec_small.onnx"
_SPOTTING: Final = Path(__file__).with_name("spotting.onnx")
_METADATA_FIELD: Final = 14  # ModelProto.metadata_props, a StringStringEntryProto each


def spot(grey: Levels) -> Probabilities:
    """Returns how probable it is of each cell of 4 × 4 pixels that a letter is in it.

    Args:
        grey: (H, W).

    Returns:
        (H / 4, W / 4), rounded up, 0 to 1.
    """
    network = _spotting()
    network.setInput(cv2.dnn.blobFromImage(grey, 1 / 127.5, mean=127.5))
    spotted: Probabilities = network.forward()[0, 0]
    return spotted


def mark(grey: Levels) -> Probabilities:
    """Returns how probable it is of each pixel that it belongs to text.

    Args:
        grey: (H, W), both multiples of 32.

    Returns:
        (H, W), 0 to 1.
    """
    marked: Probabilities = _ask(_marking(), grey)[0, 0]
    return marked


def read(line: Levels) -> list[tuple[str, float]]:
    """Returns the characters of one line of text, each with its probability.

    Args:
        line: (LINE_HEIGHT, W), upright.
    """
    network, characters = _reading()
    steps = _ask(network, line)[0]
    best = steps.argmax(axis=1)
    # Of equal neighbours all but the first are the same stroke; 0 stands for "no character here".
    starts = np.flatnonzero((best != 0) & np.concatenate([[True], best[1:] != best[:-1]]))
    return [(characters[best[step]], float(steps[step, best[step]])) for step in starts]


def load() -> None:
    """Loads the networks, so that a process that is forked afterwards has them at once."""
    # More threads would reserve address space, which is limited, and time of other people's images.
    cv2.setNumThreads(1)
    _spotting()
    _marking()
    _reading()


def _ask(network: Any, grey: Levels) -> npt.NDArray[np.float32]:
    colour = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    network.setInput(cv2.dnn.blobFromImage(colour, 1 / 127.5, mean=(127.5, 127.5, 127.5)))
    answer: npt.NDArray[np.float32] = network.forward()
    return answer


@lru_cache(maxsize=1)
def _spotting() -> Any:
    return cv2.dnn.readNetFromONNX(str(_SPOTTING))


@lru_cache(maxsize=1)
def _marking() -> Any:
    return cv2.dnn.readNetFromONNX(str(_file(_MARKING)))


@lru_cache(maxsize=1)
def _reading() -> tuple[Any, list[str]]:
    path = _file(_READING)
    return cv2.dnn.readNetFromONNX(str(path)), ["", *_alphabet(path.read_bytes()), " "]


def _file(name: str) -> Path:
    # Looked up, not imported: importing the package would load a second runtime.
    found = importlib.util.find_spec(_PACKAGE)
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder, "models", name)
        if path.is_file():
            return path
    raise RuntimeError(
        f"{name} of the package {_PACKAGE!r} is missing, so writing in images cannot be found. "
        "Install the packages of the lock file again."
    )


def _alphabet(model: bytes) -> list[str]:
    """The characters that the reading network tells apart, as its file names them (ONNX: metadata_props)."""
    for number, entry in _fields(model):
        if number == _METADATA_FIELD:
            said = dict(_fields(entry))
            if bytes(said.get(1, b"")) == b"character":
                return bytes(said[2]).decode().split("\n")
    raise RuntimeError(
        f"{_READING} does not name its characters; install the packages of the lock file again."
    )


def _fields(message: bytes | memoryview) -> Iterator[tuple[int, memoryview]]:
    """The length-delimited fields of a protocol buffer, with their numbers; the others are passed over."""
    data, at = memoryview(message), 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            _, at = _varint(data, at)
        elif kind == 2:
            size, at = _varint(data, at)
            yield key >> 3, data[at : at + size]
            at += size
        else:
            at += {1: 8, 5: 4}[kind]


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
