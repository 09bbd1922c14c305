"""What a value looks like once it is masked, where that does not depend on the rest of the exchange."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

HASH_KEY_BYTES_MIN, HASH_KEY_BYTES_MAX = 16, 64
PROCESS_KEY = ""  # in the place of a key file's path: the key of a process that was given none
_HASH_BYTES = 4
_HIDDEN = "****"
_SHORT_NUMBER_DIGITS_MAX = 8


def type_mask(kind: str) -> str:
    """``<EMAIL>``: nothing of the value."""
    return f"<{kind}>"


def numbered_mask(kind: str, number: int) -> str:
    """``<EMAIL_1>``: which one of its kind it is in a conversation."""
    return f"<{kind}_{number}>"


def hash_mask(kind: str, value: str, key: bytes) -> str:
    """``<EMAIL_3f9a2c1b>``: the same for one value and one key, and nothing to be learnt from without the key.

    Args: key: HASH_KEY_BYTES_MIN to HASH_KEY_BYTES_MAX bytes.
    """
    message = f"{kind}\n{canonical(kind, value)}".encode("utf-8", "surrogatepass")
    return f"<{kind}_{blake2b(message, key=key, digest_size=_HASH_BYTES).hexdigest()}>"


def partial_mask(kind: str, value: str) -> str:
    """A little of the value, as ``PARTIAL_KINDS`` says for its kind; ``<KIND>`` for any other."""
    shorten = PARTIAL_KINDS.get(kind)
    return type_mask(kind) if shorten is None else shorten(value)


def canonical(kind: str, value: str) -> str:
    """What all ways of writing one value have in common: separators and capitals do not count."""
    if kind == "EMAIL":
        return value.casefold()
    if kind in _WRITTEN_IN_GROUPS:
        return "".join(filter(str.isalnum, value)).upper()
    return value


def _email(value: str) -> str:
    """First letter and domain; of a local part of one letter, nothing."""
    local, _, domain = value.rpartition("@")
    return f"{local[0] if len(local) > 1 else ''}***@{domain}"


def _last_four(value: str) -> str:
    """The last four digits; of a number with no more than eight, the last two."""
    digits = "".join(filter(str.isalnum, value))
    return _HIDDEN + digits[-4 if len(digits) > _SHORT_NUMBER_DIGITS_MAX else -2 :]


def _iban(value: str) -> str:
    """The country and the last four."""
    return value[:2].upper() + _last_four(value)


def _ip_address(value: str) -> str:
    """The first two of four or eight groups."""
    separator, rest = (":", ":*") if ":" in value else (".", ".*.*")
    groups = [group for group in value.split(separator) if group]
    return separator.join(groups[:2]) + rest


PARTIAL_KINDS: dict[str, Callable[[str], str]] = {
    "EMAIL": _email,
    "CREDIT_CARD": _last_four,
    "PHONE": _last_four,
    "US_SSN": _last_four,
    "IBAN": _iban,
    "IP_ADDRESS": _ip_address,
}
_WRITTEN_IN_GROUPS = frozenset({"CREDIT_CARD", "PHONE", "US_SSN", "IBAN"})
