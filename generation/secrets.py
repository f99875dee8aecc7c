"""Why: endpoint keys are encrypted at rest; this is the only place that sees both forms.

Keys of the cipher come from `settings.SECRETS_KEYS` (Fernet keys, newest
first): the first encrypts, all decrypt, so that keys can be rotated.
"""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from generation.errors import GenerationError


class Undecryptable(GenerationError):
    """A stored secret that none of the configured keys opens."""

    kind = "unavailable"


def encrypt(secret: str) -> bytes:
    """Return the ciphertext of a secret; that of the empty string is empty."""
    return _cipher().encrypt(secret.encode()) if secret else b""


def decrypt(ciphertext: bytes | memoryview[int]) -> str:
    """Return the secret of a ciphertext.

    Raises: Undecryptable, when the key it was written with is configured no more.
    """
    if not ciphertext:
        return ""
    try:
        return _cipher().decrypt(bytes(ciphertext)).decode()
    except InvalidToken as error:
        raise Undecryptable(
            "An endpoint's key cannot be decrypted: put the key it was encrypted with "
            "back into SECRETS_KEYS, or enter the endpoint's key again."
        ) from error


def rotate(ciphertext: bytes) -> bytes:
    """Return the ciphertext of the same secret under the newest key."""
    return _cipher().rotate(bytes(ciphertext)) if ciphertext else b""


def _cipher() -> MultiFernet:
    keys = list(settings.SECRETS_KEYS)
    if not keys:
        raise ImproperlyConfigured("SECRETS_KEYS is empty: endpoint keys cannot be stored.")
    return MultiFernet([Fernet(key) for key in keys])
