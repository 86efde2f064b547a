"""The secrets that sign: made here, kept encrypted under a key that is derived from the platform's own."""

import base64
import os
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

PREFIX: Final = "whsec_"
_BYTES: Final = 32
_NONCE: Final = 12
_PURPOSE: Final = b"mri-review-platform webhook secrets v1"


class SecretLost(Exception):
    """A secret that was encrypted under a key that this platform no longer has."""


def new_secret() -> str:
    """A new secret, as Standard Webhooks writes them."""
    return PREFIX + base64.b64encode(os.urandom(_BYTES)).decode()


def seal(secret: str, endpoint_id: UUID) -> bytes:
    """Encrypt a secret, bound to its endpoint: it opens for no other."""
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(_key(settings.SECRET_KEY)).encrypt(nonce, secret.encode(), endpoint_id.bytes)
    return nonce + sealed


def unseal(sealed: bytes, endpoint_id: UUID) -> str:
    """What `seal` encrypted, under the key of now or one of `SECRET_KEY_FALLBACKS`.

    Raises:
        SecretLost: under none of them.
    """
    nonce, rest = sealed[:_NONCE], sealed[_NONCE:]
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return AESGCM(_key(key)).decrypt(nonce, rest, endpoint_id.bytes).decode()
        except InvalidTag:
            continue
    raise SecretLost


def _key(secret_key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret_key.encode())
