"""Opaque tokens for links: nobody can forge, alter or read one without the workspace's key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


class Tokens:
    """Tokens of one purpose: fields encrypted and authenticated with AES-SIV (RFC 5297), the same each time they are made.

    Args:
        keys: the key to make with, then older ones whose tokens must still open.
        purpose: a token opens only for the purpose it was made for.
    """

    def __init__(self, keys: Sequence[bytes], purpose: bytes) -> None:
        self._ciphers = [AESSIV(key) for key in keys]
        self._bound_to = [purpose]

    def make(self, *fields: str) -> str:
        """A token for these fields, none of which may hold a NUL."""
        sealed = self._ciphers[0].encrypt("\0".join(fields).encode(), self._bound_to)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def read(self, token: str) -> list[str] | None:
        """The fields of a token; None for anything that was not made here, whatever is wrong with it."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
            return None  # base64 has several spellings of the same bytes; only ours is ours
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(raw, self._bound_to).decode().split("\0")
            except (InvalidTag, ValueError):
                continue
        return None


def with_token(base_url: str, token: str) -> str:
    """An address with a token in its query."""
    return f"{base_url}{'&' if '?' in base_url else '?'}t={token}"
