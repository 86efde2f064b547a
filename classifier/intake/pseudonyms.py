"""Keyed hashes: of what stands for a subject, and of bytes that were refused. The key never enters the database."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable
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


def patient_key(patient_id: str, issuer: str, key: bytes) -> str:
    """Returns the keyed hash of a DICOM patient: the one of `subject_key` for the identifier as a pseudonym.

    Where the file says who issued the identifier, the issuer counts, written as in HL7 ("4711^^^Clinic"): two clinics
    may give out one number.

    Returns:
        64 hex digits, or "" for an identifier without a visible character.

    Raises:
        ValueError: the key is too short.
    """
    check_key(key)
    identifier, authority = _normalised(patient_id), _normalised(issuer)
    if not identifier:
        return ""
    normal = f"{identifier}^^^{authority}" if authority else identifier
    return _keyed_hash(b"subject", normal.encode("utf-8", "surrogatepass"), key)


def refused_bytes_key(data: bytes, key: bytes) -> str:
    """Returns the keyed hash under which a refused upload is audited: 64 hex digits that only the key's holder
    can match with a file.

    Raises:
        ValueError: the key is too short.
    """
    return _keyed_hash(b"refused", data, key)


def refused_stream_key(pieces: Iterable[bytes], key: bytes) -> str:
    """Returns `refused_bytes_key` of bytes that are too many to be held at once, given piece by piece.

    Raises:
        ValueError: the key is too short.
    """
    check_key(key)
    keyed = hmac.new(key, b"refused:", hashlib.sha256)
    for piece in pieces:
        keyed.update(piece)
    return keyed.hexdigest()


def _normalised(pseudonym: str) -> str:
    # Case folding can undo the normal form, so it is taken twice (Unicode 3.13, D146).
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", pseudonym).casefold())
    spaced = " ".join(folded.split())
    return "".join(sign for sign in spaced if unicodedata.category(sign) not in ("Cc", "Cf")).strip()


def check_key(key: bytes) -> None:
    """Refuses a key that could be guessed.

    Raises:
        ValueError: the key is too short.
    """
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError(f"The key for keyed hashes has {len(key)} bytes; give at least {_MIN_KEY_BYTES}.")


def _keyed_hash(purpose: bytes, data: bytes, key: bytes) -> str:
    check_key(key)
    return hmac.new(key, purpose + b":" + data, hashlib.sha256).hexdigest()
