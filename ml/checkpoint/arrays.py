"""Arrays in the archive: NumPy's own format, never pickled."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.checkpoint.errors import CheckpointError


def pack(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Returns an uncompressed npz file (the archive around it compresses)."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def unpack(data: bytes, names: Sequence[str], member: str) -> dict[str, npt.NDArray[Any]]:
    """Reads the named arrays of an npz file; raises `CheckpointError` for objects or a missing array."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)), np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CheckpointError(f"The checkpoint's {member} cannot be read: {error}.") from error


def pack_hashes(hashes: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Returns hex sha256 as uint8 (N, 32)."""
    return np.frombuffer(b"".join(bytes.fromhex(value) for value in hashes), np.uint8).reshape(-1, 32)


def unpack_hashes(packed: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    """Returns uint8 (N, 32) as hex sha256."""
    return tuple(row.tobytes().hex() for row in packed)
