"""UIDs of a sender's, replaced: the same one always by the same, and back only with the key and the original.

Source: DICOM PS3.5 section B.2 (UIDs made of a UUID), PS3.15 annex E (UIDs are replaced consistently).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from classifier.intake.pseudonyms import check_key

_VERSION_8: Final = (0xF << 76, 0x8 << 76)
_VARIANT_RFC: Final = (0x3 << 62, 0x2 << 62)


def replaced_uid(uid: str, key: bytes) -> str:
    """Returns the UID that stands for `uid` here: "2.25." and a UUID (version 8) of its keyed hash, in decimal.

    Args:
        uid: as the sender gave it, without padding; used here and forgotten.
        key: at least 16 secret bytes, kept outside the database.

    Raises:
        ValueError: the key is too short.
    """
    check_key(key)
    digest = hmac.new(key, b"uid:" + uid.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    value = int.from_bytes(digest[:16])
    for mask, bits in (_VERSION_8, _VARIANT_RFC):
        value = value & ~mask | bits
    return f"2.25.{value}"
