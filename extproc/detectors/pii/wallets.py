"""Addresses of Bitcoin and relatives, Ethereum, Ripple and Monero; all have a checksum, except Ethereum's in a single
case.

Sources: Bitcoin's base58check; BIP 173 (bech32), BIP 350 (bech32m), BIP 141 (lengths); EIP-55; the XRP Ledger's base58;
Monero's base58; Bitcoin Cash's cashaddr.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Final

from extproc.detectors.pii.beginnings import shaped_like
from extproc.detectors.pii.gates import GateFamily
from extproc.detectors.pii.keccak import keccak256
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.recognizer import Recognizer, Spans
from extproc.detectors.text.latin1 import WORD_BYTES, latin1_pattern

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUES: Final = {character: value for value, character in enumerate(_BASE58)}
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_VALUES: Final = {character: value for value, character in enumerate(_BECH32)}
_BECH32_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_SUMS: Final = {"v0": 1, "later": 0x2BC830A3}  # bech32 for witness version 0, bech32m for later ones
_PAYLOAD_BYTES: Final = 25  # version, hash of 20 bytes, checksum of 4
_VERSIONS: Final = frozenset({0x00, 0x05, 0x30, 0x32, 0x1E, 0x16, 0x4C, 0x10, 0x41})
"""Of Bitcoin, Litecoin, Dogecoin, Dash and Tron: prefixes of key addresses and script addresses."""
_RIPPLE: Final = str.maketrans("rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz", _BASE58)
_MONERO_BYTES: Final = (8, 8, 8, 8, 8, 8, 8, 8, 5)  # per block of 11 characters, and the last one of 7
_MONERO_CHARACTERS: Final = 95
_CASH_GENERATOR: Final = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)
_CASH_PREFIX: Final = [ord(character) & 31 for character in "bitcoincash"]
_CASH_CHARACTERS: Final = 42

_B58: Final = "[1-9A-HJ-NP-Za-km-z]"
_WALLET_SHAPES: Final = (
    rf"\b(?:[48]{_B58}{{94}}|[13LMDAX7Tr]{_B58}{{24,34}}|(?:bc|ltc)1[ac-hj-np-z02-9]{{11,71}}"
    rf"|(?:BC|LTC)1[AC-HJ-NP-Z02-9]{{11,71}}|[qp][ac-hj-np-z02-9]{{41}}|0x[0-9A-Fa-f]{{40}})\b"
)
_WALLET: Final = latin1_pattern(_WALLET_SHAPES)
_GATE: Final = (
    rf"\b(?:[13LMDAX7Tr48]{_B58}{{24}}|(?:bc|ltc)1[ac-hj-np-z02-9]{{11}}|(?:BC|LTC)1[AC-HJ-NP-Z02-9]{{11}}"
    r"|[qp][ac-hj-np-z02-9]{41}|0x[0-9A-Fa-f]{40})"
)
_ETHEREUM_BEFORE: Final = latin1_pattern(r"0x[0-9A-Fa-f]{20}")
_NEIGHBOR_CHARS: Final = 90


def base58check_valid(address: str) -> bool:
    """Whether this is a version byte in use, 20 bytes, and a valid checksum."""
    value = _base58_number(address)
    if value.bit_length() > 8 * _PAYLOAD_BYTES:
        return False
    payload = value.to_bytes(_PAYLOAD_BYTES, "big")
    if len(payload.lstrip(b"\0")) + (len(address) - len(address.lstrip("1"))) != _PAYLOAD_BYTES:
        return False
    return payload[0] in _VERSIONS and sha256(sha256(payload[:-4]).digest()).digest()[:4] == payload[-4:]


def _base58_number(characters: str) -> int:
    """The number they encode. Raises: KeyError for any other character."""
    value = 0
    for character in characters:
        value = value * 58 + _BASE58_VALUES[character]
    return value


def monero_valid(address: str) -> bool:
    """Whether 95 characters are a network byte, two keys, and a valid checksum."""
    payload = b""
    for place, size in enumerate(_MONERO_BYTES):
        value = _base58_number(address[11 * place : 11 * place + 11])
        if value.bit_length() > 8 * size:
            return False
        payload += value.to_bytes(size, "big")
    return len(address) == _MONERO_CHARACTERS and keccak256(payload[:-4])[:4] == payload[-4:]


def cash_valid(address: str) -> bool:
    """Whether this is an address of Bitcoin Cash, without network prefix, with a valid checksum."""
    values = [*_CASH_PREFIX, 0, *(_BECH32_VALUES[character] for character in address)]
    return _polymod(values, _CASH_GENERATOR, 40) == 1 and len(address) == _CASH_CHARACTERS


def bech32_valid(address: str) -> bool:
    """Whether this is a segregated witness address of Bitcoin or Litecoin, in a single case, with a valid checksum."""
    lowered = address.lower()
    net, _, rest = lowered.partition("1")
    if address not in (lowered, address.upper()):
        return False
    try:
        values = [_BECH32_VALUES[character] for character in rest]
    except KeyError:
        return False
    if len(values) < 7 or values[0] > 16:
        return False
    checked = _BECH32_SUMS["v0" if values[0] == 0 else "later"]
    spread = [ord(character) >> 5 for character in net] + [0] + [ord(character) & 31 for character in net]
    return _polymod([*spread, *values], _BECH32_GENERATOR, 30) == checked


def _polymod(values: list[int], generator: tuple[int, ...], check_bits: int) -> int:
    """The checksum of 5-bit values, as both standards compute it."""
    rest_bits = check_bits - 5
    check = 1
    for value in values:
        top = check >> rest_bits
        check = (check & (1 << rest_bits) - 1) << 5 ^ value
        for bit, number in enumerate(generator):
            if top >> bit & 1:
                check ^= number
    return check


@lru_cache(maxsize=64)
def eip55_valid(address: str) -> bool:
    """Whether ``0x`` and 40 hexadecimal digits are in a single case, or in the mixed case that is their checksum."""
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
        # the hash is expensive: of addresses close together, only the first is verified
        neighbor = _ETHEREUM_BEFORE.search(subject[max(0, start - _NEIGHBOR_CHARS) : start])
        return neighbor is not None or (address[2:].strip("0") != "" and eip55_valid(address))
    if address[:3].lower() in ("bc1", "ltc"):
        return bech32_valid(address)
    if address[0] in "48":
        return monero_valid(address)
    if address[0] in "qp":
        return cash_valid(address)
    return base58check_valid(address.translate(_RIPPLE) if address[0] == "r" else address)


_BEGINNING_CHARS_MIN: Final = 12
_CASE_CHANGES_MIN: Final = 4


def _wallet_begins(subject: bytes, text: str, start: int) -> bool:
    """Long enough, and not a word: a digit after the first character, or irregular case."""
    begun = text[start + 1 :]
    if len(begun) + 1 < _BEGINNING_CHARS_MIN or (start and subject[start - 1] in WORD_BYTES):
        return False
    changes = sum([first.isupper() != second.isupper() for first, second in pairwise(begun)])
    return (any(map(str.isdigit, begun)) and not begun.isdigit()) or changes >= _CASE_CHANGES_MIN


KINDS: Final[tuple[PiiKind, ...]] = (
    PiiKind(
        "CRYPTO",
        "addresses of wallets: Bitcoin and relatives, Ethereum, XRP, Monero",
        "12 characters",
        (Recognizer("CRYPTO", _GATE, _wallets, GateFamily.WORDS),),
        (shaped_like("CRYPTO", _WALLET_SHAPES, _wallet_begins),),
    ),
)
