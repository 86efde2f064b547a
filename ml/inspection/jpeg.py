"""How hard a JPEG file was compressed, told by its quantisation table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

_LUMINANCE: Final = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
])  # fmt: skip


def _scaled(quality: int) -> list[int]:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sorted(np.clip((_LUMINANCE * scale + 50) // 100, 1, 255).tolist())


_TABLES: Final = np.array([_scaled(quality) for quality in range(1, 101)])


def estimate_quality(tables: Mapping[int, Sequence[int]] | None) -> int | None:
    """Returns the quality 1..100 whose table lies nearest to a file's; None without tables.

    The standard's example table (ITU-T T.81, Annex K, Table K.1), scaled as the Independent JPEG Group's
    software does. Values are compared in order of size, so it does not matter how a reader orders them. A
    camera or a program with tables of its own gets the nearest quality, which is an estimate.

    Args:
        tables: as Pillow's `quantization`; the first one, of luminance, counts.
    """
    if not tables:
        return None
    table = np.sort(np.array(tables[min(tables)]))
    return int(np.abs(_TABLES - table).sum(axis=1).argmin()) + 1
