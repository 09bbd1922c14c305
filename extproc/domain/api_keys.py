"""API keys of clients: their form, and what is kept of them.

A key is ``lx-``, 256 random bits in URL-safe Base64, and a checksum of six characters. The prefix lets scanners of
secrets find keys that somebody published; the checksum tells a mistyped key from one that is not known, without a look
at any list.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Final

KEY_PREFIX: Final = "lx-"
SECRET_BYTES: Final = 32
HASH_PREFIX: Final = "sha256:"
_CHECKSUM_CHARS: Final = 6
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def key_of(secret: bytes) -> str:
    """The key of ``SECRET_BYTES`` random bytes."""
    body = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return f"{KEY_PREFIX}{body}{_checksum(body)}"


def is_mistyped(key: str) -> bool:
    """Whether a key begins like our own, and its checksum is wrong."""
    if not key.startswith(KEY_PREFIX):
        return False
    body = key[len(KEY_PREFIX) :]
    return _checksum(body[:-_CHECKSUM_CHARS]) != body[-_CHECKSUM_CHARS:]


def digest_of(key: str) -> bytes:
    """What is kept of a key. One hash is enough: there are too many keys to guess one."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def hash_of(key: str) -> str:
    """``sha256:HEX`` of a key, as the file of keys has it."""
    return HASH_PREFIX + digest_of(key).hex()


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    digits = ""
    for _ in range(_CHECKSUM_CHARS):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
