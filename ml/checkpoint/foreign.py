"""Model files that are never loaded, and the sentence that says why."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Final

_BY_SUFFIX: Final = {
    ".h5": "a Keras HDF5 file",
    ".hdf5": "a Keras HDF5 file",
    ".keras": "a Keras model file",
    ".pkl": "a pickle",
    ".pickle": "a pickle",
    ".joblib": "a joblib pickle",
    ".pt": "a PyTorch pickle",
    ".pth": "a PyTorch pickle",
}
_PICKLE: Final = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
_HDF5: Final = b"\x89HDF\r\n\x1a\n"

_REASON: Final = (
    "is never loaded: such a file can carry code (a pickled object, a Lambda layer) that runs when it is opened, and "
    "nothing in it proves what it answers. Give a checkpoint (.ckpt.zip): `python -m ml train` writes one, which is "
    "rebuilt from this project's own network code, and `python -m ml export` makes .h5 and .onnx files from it for "
    "other tools."
)


def refusal(data: bytes, path: Path | None = None) -> str | None:
    """Returns why a model file of a foreign kind is not loaded; None for what may be a checkpoint.

    Args:
        data: the file's bytes, judged by their beginning; a suffix lies more easily.
        path: of the file, if it has one.
    """
    kind = _kind(data) or (_BY_SUFFIX.get(path.suffix.lower()) if path is not None else None)
    return None if kind is None else f"{path.name if path else 'This'} is {kind}, which {_REASON}"


def _kind(data: bytes) -> str | None:
    if data.startswith(_HDF5):
        return "a Keras HDF5 file"
    if data.startswith(_PICKLE):
        return "a pickle"
    if data.startswith(b"PK") and zipfile.is_zipfile(io.BytesIO(data)):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = set(archive.namelist())
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
            return None  # damaged: whoever reads it as a checkpoint says so
        if {"config.json", "model.weights.h5"} <= names:
            return "a Keras model file"
        if any(name.endswith("data.pkl") for name in names):
            return "a PyTorch pickle"
    return None
