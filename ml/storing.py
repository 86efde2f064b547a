"""Files that are there whole or not at all, whatever is killed while they are written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Has a file written beside its place and moves it there once it is whole.

    Args:
        path: its place; missing folders are made.
        write: writes to the path it is given, which ends as `path` does. When it raises, what lay at `path` is
            as it was, and nothing is left beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes may fill one cache at once: each writes a file of its own, and the last to finish wins.
    unfinished = path.with_name(f"part-{os.getpid()}-{path.name}")
    try:
        write(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Writes arrays as an uncompressed `.npz`, whole or not at all; objects are refused (`ValueError`)."""
    write_whole(path, lambda unfinished: np.savez(unfinished, allow_pickle=False, **arrays))
