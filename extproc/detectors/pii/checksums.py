"""Checksums that separate real numbers from look-alikes: Luhn, IBAN, US social security numbers.

Every function takes bare characters (no separators) and returns a boolean; none raises.
"""

from __future__ import annotations

from typing import Final

IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20,
    "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
    "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
    "HN": 28,
}  # fmt: skip
"""Total length [characters] by country code. Source: SWIFT IBAN registry."""


def luhn_valid(digits: str) -> bool:
    """Luhn check (ISO/IEC 7812-1, annex B). ``digits`` is ASCII digits."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def card_number_valid(digits: str) -> bool:
    """Whether this may be a payment card: an issuer's length and prefix, Luhn, not one repeated digit.

    Source: ISO/IEC 7812; the ranges are those of Visa, Mastercard, Maestro, Amex, Diners, Discover, JCB, UnionPay.
    """
    return _issuer_known(digits) and len(set(digits)) > 1 and luhn_valid(digits)


_MAESTRO_PREFIXES: Final = frozenset({
    "5018", "5020", "5038", "5893", "6304", "6390", "6759", "6761", "6762", "6763",
})  # fmt: skip
"""Prefixes of 12-digit cards; a checksum alone would accept too many other numbers of that length."""


def _issuer_known(digits: str) -> bool:
    length = len(digits)
    if length == 12:
        return digits[:4] in _MAESTRO_PREFIXES
    if digits[:4] in ("1800", "2131"):
        return length == 15  # the original JCB range
    if digits[:1] == "4":
        return length in (13, 16, 19)
    if digits[:2] in ("34", "37"):
        return length == 15
    if digits[:2] in ("30", "36", "38", "39"):
        return length in (14, 16)
    if digits[:2] == "35":
        return length == 16
    if digits[:1] == "2":
        return length == 16 and "2221" <= digits[:4] <= "2720"
    return digits[:1] in ("5", "6") and 13 <= length <= 19


def card_may_begin(digits: str) -> bool:
    """Whether a card of any length may begin with these digits, four or more."""
    return any(_issuer_known(digits + "0" * (length - len(digits))) for length in range(max(12, len(digits)), 20))


def iban_valid(iban: str) -> bool:
    """Whether an upper-case IBAN has its country's length and remainder 1 mod 97 (ISO 13616)."""
    if IBAN_LENGTHS.get(iban[:2]) != len(iban) or not iban.isascii() or not iban.isalnum():
        return False
    rearranged = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1


def us_ssn_valid(digits: str) -> bool:
    """Whether nine digits can be an issued US social security number (SSA: no 000, 666, 9xx; no 00; no 0000)."""
    return (
        len(digits) == 9
        and digits[:3] not in ("000", "666")
        and digits[0] != "9"
        and digits[3:5] != "00"
        and digits[5:] != "0000"
        and len(set(digits)) > 1
    )
