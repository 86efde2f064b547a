"""Parts of an archive that waits are kept encrypted: what names a patient in it lies nowhere in clear."""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class SealBroken(Exception):
    """A part that was altered, belongs elsewhere, or was sealed under another key."""


class Seal:
    """Encrypts and authenticates the parts of one archive (AES-256-GCM), each bound to its number.

    Args:
        secret: kept outside the database; the archive's own key is derived from it (HKDF, RFC 5869).
        archive: identifies the archive.
    """

    def __init__(self, secret: bytes, archive: bytes) -> None:
        derived = HKDF(SHA256(), _KEY_BYTES, salt=archive, info=b"archive part").derive(secret)
        self._cipher = AESGCM(derived)

    def close(self, number: int, data: bytes) -> bytes:
        """The part as it is kept."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, _bound(number))

    def open(self, number: int, sealed: bytes) -> bytes:
        """The part as it was sent.

        Raises:
            SealBroken: it is not what was sealed under this number.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(number))
        except (InvalidTag, ValueError) as error:
            raise SealBroken("A part of the archive cannot be opened.") from error


def _bound(number: int) -> bytes:
    return number.to_bytes(8, "big")
