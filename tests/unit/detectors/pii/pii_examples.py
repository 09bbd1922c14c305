"""One value of every kind of personal data that is found, with the words that must stand before it, and every way to
write it otherwise that ``docs/guards/pii.md`` says is seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from extproc.detectors.pii.custom_recognizer import CustomRecognizer
from tests.unit.detectors.pii.test_national_ids import HOLDS

CUSTOM = CustomRecognizer("EMPLOYEE", r"\bEMP[- ][0-9]{6}\b", context=("staff",))


class Example(NamedTuple):
    """``before`` ends where ``value`` begins, and ``behind`` begins where it ends."""

    kind: str
    before: str
    value: str
    behind: str = ""


OTHERS = (
    Example("EMAIL", "write to ", "jane.doe@example-mail.com"),
    Example("EMAIL", "write to ", "ren\u00e9@ex\u00e4mpl\u00e9.com"),
    Example("PHONE", "call ", "+49 30 901820"),
    Example("PHONE", "or ", "(415) 555-2671"),
    Example("PHONE", "phone: ", "5552671234"),
    Example("PHONE", "or ", "555-2671234", " is my number"),
    Example("PHONE", "or ", "0470 12 34 56"),
    Example("CREDIT_CARD", "card ", "4111 1111 1111 1111"),
    Example("CREDIT_CARD", "card ", "4111-1111-1111-1111"),
    Example("CREDIT_CARD", "card ", "4111111111111111"),
    Example("IBAN", "to ", "DE89 3704 0044 0532 0130 00"),
    Example("IBAN", "to ", "GB29NWBK60161331926819"),
    Example("US_SSN", "ssn ", "536-22-8731"),
    Example("US_SSN", "my ssn is ", "536 22 8731"),
    Example("IP_ADDRESS", "host ", "192.0.2.117"),
    Example("IP_ADDRESS", "host ", "2001:db8::8a2e:370:7334"),
    Example("MAC_ADDRESS", "from ", "00:1b:44:11:3a:b7"),
    Example("MAC_ADDRESS", "from ", "00-1b-44-11-3a-b7"),
    Example("CRYPTO", "pay ", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    Example("CRYPTO", "pay ", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    Example("SECRET", "use ", "sk-proj-Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7"),
    Example("SECRET", "password: ", "Qr7dke39Xy"),
    Example("JWT", "use ", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN"),
    Example("URL_CREDENTIALS", "at postgres://", "admin:s3cr3t-pw", "@db.example.com/x"),
    Example("DATE_OF_BIRTH", "born on ", "12/05/1990"),
    Example("DATE_OF_BIRTH", "born on ", "12-05-1990"),
    Example("EMPLOYEE", "staff ", "EMP-123456"),
    Example("EMPLOYEE", "staff ", "EMP 123456"),
)
"""Of every kind but national ids."""
SHOWN_MAX = {
    "CREDIT_CARD": 7, "IBAN": 7, "US_SSN": 5, "PHONE": 6, "MAC_ADDRESS": 7, "JWT": 12, "CRYPTO": 11,
    "NATIONAL_ID": 7, "DATE_OF_BIRTH": 4, "EMPLOYEE": 4, "PATIENT": 6, "SECRET": 23, "URL_CREDENTIALS": 5,
}  # fmt: skip
"""How many letters and digits of a value may be seen where its text is cut off, as ``docs/guards/pii.md`` says. Of an
e-mail all before ``@``; of an IPv4 address two octets and the third without its dot; of an IPv6 address a network."""
EXAMPLES = (*OTHERS, *(Example(kind, text[: text.index(number)], number) for kind, text, number, _ in HOLDS))


class Disguise(NamedTuple):
    """``write`` gives a value in another spelling, or as it is where it has nothing that could be written so."""

    name: str
    write: Callable[[str], str]


def _instead(character: str, other: str) -> Callable[[str], str]:
    return lambda value: value.replace(character, other)


def _digits_from(zero: int) -> Callable[[str], str]:
    return lambda value: re.sub("[0-9]", lambda digit: chr(zero + int(digit[0])), value)


def _between(invisible: str) -> Callable[[str], str]:
    return lambda value: invisible.join(value)


def _each(pattern: str, write: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: re.sub(pattern, lambda found: write(found[0]), value)


_NAMES = {
    "@": "commat",
    ".": "period",
    "+": "plus",
    ":": "colon",
    "/": "sol",
    "-": "hyphen",
    " ": "nbsp",
    "_": "lowbar",
}

_HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
_BLANKS = "\u2000\u2002\u2003\u2007\u2009\u200a\u202f\u205f\u3000"
DISGUISES = (
    *(Disguise(f"hyphen {ord(sign):04X}", _instead("-", sign)) for sign in _HYPHENS),
    *(Disguise(f"blank {ord(sign):04X}", _instead(" ", sign)) for sign in _BLANKS),
    *(Disguise(f"digits {zero:04X}", _digits_from(zero)) for zero in (0x660, 0x6F0, 0x966, 0xE50, 0xFF10, 0x1D7CE)),
    Disguise("full width", _each("[A-Za-z0-9@.+:/_()-]", lambda sign: chr(ord(sign) + 0xFEE0))),
    *(
        Disguise(f"invisible {ord(sign):04X}", _between(sign))
        for sign in "\u00ad\u034f\u200b\u200c\u200d\u200e\u2060\u2066\ufe0f\ufeff\U000e0101"
    ),
    Disguise("invisible 00AD behind letters of Latin-1", _each("[\u00c0-\u00ff]", lambda sign: f"{sign}\u00ad")),
    Disguise("Markdown", _each("[@.+:_()-]", lambda sign: f"\\{sign}")),
    Disguise("Markdown in a string", _each("[@.+:_()-]", lambda sign: f"\\\\{sign}")),
    Disguise("percent", _each("[@.+: -]", lambda sign: f"%{ord(sign):02X}")),
    Disguise("small percent", _each("[@.+:-]", lambda sign: f"%{ord(sign):02x}")),
    Disguise("percent everywhere", _each("[!-~]", lambda sign: f"%{ord(sign):02X}")),
    Disguise("decimal reference", _each("[@.+:-]", lambda sign: f"&#{ord(sign)};")),
    Disguise("hexadecimal reference", _each("[@.+:-]", lambda sign: f"&#x{ord(sign):X};")),
    Disguise("named reference", _each("[@.+:/ _-]", lambda sign: f"&{_NAMES[sign]};")),
    Disguise("JSON escape", _each("[@.+: -]", lambda sign: f"\\u{ord(sign):04x}")),
    Disguise("JSON escape of a typographic sign", _each("[ -]", lambda sign: "\\u2011" if sign == "-" else "\\u202f")),
    Disguise("JSON escape in a string", _each("[@-]", lambda sign: f"\\\\u{ord(sign):04x}")),
)  # fmt: skip
"""What the table of ``docs/guards/pii.md`` says is seen."""
