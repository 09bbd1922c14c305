"""Masks that do not depend on the rest of the exchange."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

HASH_KEY_BYTES_MIN: Final = 16
HASH_KEY_BYTES_MAX: Final = 64
PROCESS_KEY: Final = ""  # in place of a key file's path: the random key of a process without one
_HASH_BYTES: Final = 4
_HIDDEN: Final = "****"
_SHORT_NUMBER_DIGITS_MAX: Final = 8


def type_mask(kind: str) -> str:
    """``<EMAIL>``: reveals nothing of the value."""
    return f"<{kind}>"


def numbered_mask(kind: str, number: int) -> str:
    """``<EMAIL_1>``: its number among values of its kind in a conversation."""
    return f"<{kind}_{number}>"


def hash_mask(kind: str, value: str, key: bytes) -> str:
    """``<EMAIL_3f9a2c1b>``: stable for one value and key; without the key it reveals nothing.

    Args: key: HASH_KEY_BYTES_MIN to HASH_KEY_BYTES_MAX bytes.
    """
    message = f"{kind}\n{canonical(kind, value)}".encode("utf-8", "surrogatepass")
    return f"<{kind}_{blake2b(message, key=key, digest_size=_HASH_BYTES).hexdigest()}>"


def partial_mask(kind: str, value: str) -> str:
    """Part of the value, depending on its kind (``PARTIAL_KINDS``); ``<KIND>`` for other kinds."""
    shorten = PARTIAL_KINDS.get(kind)
    return type_mask(kind) if shorten is None else shorten(value)


def canonical(kind: str, value: str) -> str:
    """Normal form shared by all spellings of a value: without separators and case."""
    if kind == "EMAIL":
        return value.casefold()
    if kind in _WRITTEN_IN_GROUPS:
        return "".join(filter(str.isalnum, value)).upper()
    return value


def _email(value: str) -> str:
    """First letter and domain; only the domain if the local part is one letter."""
    local, _, domain = value.rpartition("@")
    return f"{local[0] if len(local) > 1 else ''}***@{domain}"


def _last_four(value: str) -> str:
    """The last four digits; only two for a number of up to eight digits."""
    digits = "".join(filter(str.isalnum, value))
    return _HIDDEN + digits[-4 if len(digits) > _SHORT_NUMBER_DIGITS_MAX else -2 :]


def _iban(value: str) -> str:
    """Country and last four characters."""
    return value[:2].upper() + _last_four(value)


def _ip_address(value: str) -> str:
    """The first two of four or eight groups."""
    separator, rest = (":", ":*") if ":" in value else (".", ".*.*")
    groups = [group for group in value.split(separator) if group]
    return separator.join(groups[:2]) + rest


PARTIAL_KINDS: Final[dict[str, Callable[[str], str]]] = {
    "EMAIL": _email,
    "CREDIT_CARD": _last_four,
    "PHONE": _last_four,
    "US_SSN": _last_four,
    "IBAN": _iban,
    "IP_ADDRESS": _ip_address,
}
_WRITTEN_IN_GROUPS: Final = frozenset({"CREDIT_CARD", "PHONE", "US_SSN", "IBAN"})
