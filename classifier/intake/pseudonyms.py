"""Keyed hashes: of what stands for a subject, and of bytes that were refused. The key never enters the database."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from typing import Final

from classifier.intake.refusals import IntakeRefused

MAX_PSEUDONYM_CHARACTERS: Final = 64
_MIN_KEY_BYTES: Final = 16


def subject_key(pseudonym: str, key: bytes) -> str | None:
    """Returns the keyed hash that keeps one subject's images together without naming anyone.

    Two spellings of one pseudonym give one hash: case, width, surrounding blanks, runs of blanks and invisible
    characters do not count.

    Args:
        pseudonym: what the uploader typed; used here and forgotten.
        key: at least 16 secret bytes, kept outside the database.

    Returns:
        64 hex digits, or None for a pseudonym without a visible character.

    Raises:
        IntakeRefused: `pseudonym_too_long`, over 64 characters.
        ValueError: the key is too short.
    """
    if len(pseudonym) > MAX_PSEUDONYM_CHARACTERS:
        raise IntakeRefused(
            "pseudonym_too_long",
            f"The pseudonym is longer than {MAX_PSEUDONYM_CHARACTERS} characters; shorten it.",
        )
    normal = _normalised(pseudonym)
    return _keyed_hash(b"subject", normal.encode("utf-8", "surrogatepass"), key) if normal else None


def refused_bytes_key(data: bytes, key: bytes) -> str:
    """Returns the keyed hash under which a refused upload is audited: 64 hex digits that only the key's holder
    can match with a file.

    Raises:
        ValueError: the key is too short.
    """
    return _keyed_hash(b"refused", data, key)


def _normalised(pseudonym: str) -> str:
    # Case folding can undo the normal form, so it is taken twice (Unicode 3.13, D146).
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", pseudonym).casefold())
    spaced = " ".join(folded.split())
    return "".join(sign for sign in spaced if unicodedata.category(sign) not in ("Cc", "Cf")).strip()


def _keyed_hash(purpose: bytes, data: bytes, key: bytes) -> str:
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError(f"The key for keyed hashes has {len(key)} bytes; give at least {_MIN_KEY_BYTES}.")
    return hmac.new(key, purpose + b":" + data, hashlib.sha256).hexdigest()
