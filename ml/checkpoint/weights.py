"""Keras weights as an HDF5 file: written by Keras, looked through before Keras reads them back."""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import h5py

from ml.checkpoint.errors import CheckpointError

_FILE: Final = "model.weights.h5"


def weights_to_bytes(model: Any) -> bytes:
    """Returns the HDF5 file of a Keras model's weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        model.save_weights(path)
        return path.read_bytes()


def load_weights(model: Any, data: bytes) -> None:
    """Fills a model of our own network code from an HDF5 file.

    Raises:
        CheckpointError: when the file refers outside itself, or does not fit the model.
    """
    demand_self_contained(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        path.write_bytes(data)
        try:
            with warnings.catch_warnings():
                # Keras only warns where a file has no weights for a layer, which then keeps its first, random ones.
                warnings.filterwarnings("error", message="Skipping nested container", category=UserWarning)
                model.load_weights(path)
        except (ValueError, OSError, KeyError, UserWarning) as error:
            raise CheckpointError(f"The checkpoint's weights do not fit its network: {error}") from error


def demand_self_contained(data: bytes) -> None:
    """Refuses an HDF5 file with soft or external links, external or virtual storage, or foreign types."""
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            _walk(file)
    except OSError as error:
        raise CheckpointError(f"The checkpoint's weights are not an HDF5 file: {error}.") from error


def _walk(group: Any) -> None:
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise CheckpointError(
                f"The checkpoint's weights hold a link to elsewhere at {group.name}/{name}."
            )
        item = group[name]
        if isinstance(item, h5py.Group):
            _walk(item)
        elif item.external or item.is_virtual or item.dtype.kind not in "fiu":
            raise CheckpointError(f"The checkpoint's weights hold data of another kind at {item.name}.")
