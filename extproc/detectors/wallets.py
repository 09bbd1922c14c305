"""Addresses of Bitcoin and Ethereum: every form but an Ethereum address in one case has a checksum.

Sources: Bitcoin's base58check; BIP 173 (bech32), BIP 350 (bech32m), BIP 141 (lengths); EIP-55.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from extproc.detectors.keccak import keccak256
from extproc.detectors.latin1 import WORD_BYTES, latin1_pattern
from extproc.detectors.recogniser import Recogniser, Spans

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUES = {character: value for value, character in enumerate(_BASE58)}
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_VALUES = {character: value for value, character in enumerate(_BECH32)}
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_SUMS = {"v0": 1, "later": 0x2BC830A3}  # bech32 for witness version 0, bech32m for all later ones
_PAYLOAD_BYTES = 25  # version, hash of 20 bytes, checksum of 4
_VERSIONS = frozenset({0x00, 0x05})

_WALLET = latin1_pattern(
    r"\b(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[ac-hj-np-z02-9]{11,71}|BC1[AC-HJ-NP-Z02-9]{11,71}|0x[0-9A-Fa-f]{40})\b"
)
_GATE = r"\b(?:[13][1-9A-HJ-NP-Za-km-z]{25}|bc1[ac-hj-np-z02-9]{11}|BC1[AC-HJ-NP-Z02-9]{11}|0x[0-9A-Fa-f]{40})"
_ETHEREUM_BEFORE = latin1_pattern(r"0x[0-9A-Fa-f]{20}")
_NEIGHBOUR_CHARS = 90


def base58check_valid(address: str) -> bool:
    """Whether this is a version byte of Bitcoin, 20 bytes, and the checksum of both."""
    value = 0
    for character in address:
        digit = _BASE58_VALUES.get(character)
        if digit is None:
            return False
        value = value * 58 + digit
    if value.bit_length() > 8 * _PAYLOAD_BYTES:
        return False
    payload = value.to_bytes(_PAYLOAD_BYTES, "big")
    if len(payload.lstrip(b"\0")) + (len(address) - len(address.lstrip("1"))) != _PAYLOAD_BYTES:
        return False
    return payload[0] in _VERSIONS and sha256(sha256(payload[:-4]).digest()).digest()[:4] == payload[-4:]


def bech32_valid(address: str) -> bool:
    """Whether this is a segregated witness address of the main net, in one case, whose checksum holds."""
    lowered = address.lower()
    if not lowered.startswith("bc1") or address not in (lowered, address.upper()):
        return False
    try:
        values = [_BECH32_VALUES[character] for character in lowered[3:]]
    except KeyError:
        return False
    if len(values) < 7 or values[0] > 16:
        return False
    checked = _BECH32_SUMS["v0" if values[0] == 0 else "later"]
    return _polymod([3, 3, 0, 2, 3, *values]) == checked  # "bc", spread as the standard says


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATOR):
            if top >> bit & 1:
                check ^= generator
    return check


@lru_cache(maxsize=64)
def eip55_valid(address: str) -> bool:
    """Whether ``0x`` and 40 hexadecimal digits are in one case, or in the mixed case that is their checksum."""
    digits = address[2:]
    lowered = digits.lower()
    if digits in (lowered, digits.upper()):
        return True
    digest = keccak256(lowered.encode("ascii")).hex()
    return all(
        character.isdigit() or character.isupper() == (nibble >= "8")
        for character, nibble in zip(digits, digest, strict=False)
    )


def _wallets(subject: bytes, text: str, begin: int) -> Spans:
    for match in _WALLET.finditer(subject, begin):
        start, end = match.span()
        if (start and subject[start - 1] in WORD_BYTES) or (end < len(subject) and subject[end] in WORD_BYTES):
            continue
        if _valid(subject, text[start:end], start):
            yield start, end, 0.95


def _valid(subject: bytes, address: str, start: int) -> bool:
    if address.startswith("0x"):
        # The hash is dear: where addresses stand close together, the first is checked and the others go with it.
        neighbour = _ETHEREUM_BEFORE.search(subject[max(0, start - _NEIGHBOUR_CHARS) : start])
        return neighbour is not None or (address[2:].strip("0") != "" and eip55_valid(address))
    if address[0] in "bB":
        return bech32_valid(address)
    return base58check_valid(address)


RECOGNISERS = (Recogniser("CRYPTO", _GATE, _wallets),)
