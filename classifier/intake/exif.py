"""The one thing that is read of Exif: which way is up.

Source: CIPA DC-008 (Exif), sections 4.5 and 4.6.5 (tag 0x0112), which builds on TIFF 6.0.
"""

from __future__ import annotations

import struct
from typing import Final

_ORIENTATION, _SHORT = 0x0112, 3
_BYTE_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}


def read_orientation(tiff: bytes) -> int:
    """Returns the orientation that an Exif block states, 1 to 8; 1 where it states none that can be read.

    Args:
        tiff: the block from its byte-order mark on. Nothing else in it is looked at.
    """
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    directory = struct.unpack_from(f"{order}I", tiff, 4)[0]
    if directory + 2 > len(tiff):
        return 1
    entries = struct.unpack_from(f"{order}H", tiff, directory)[0]
    for position in range(directory + 2, min(directory + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, position)
        if tag == _ORIENTATION:
            return value if kind == _SHORT and count == 1 and 1 <= value <= 8 else 1
    return 1
