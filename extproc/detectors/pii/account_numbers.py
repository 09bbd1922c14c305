"""Account numbers: IBANs, payment cards, US social security numbers. Each has a checksum or issued ranges.

Sources: ``checksums``.
"""

from __future__ import annotations

from typing import Final

from extproc.detectors.pii.beginnings import begins_alone, digits_in, shaped_like, word_chars_in
from extproc.detectors.pii.checksums import IBAN_LENGTHS, card_may_begin, card_number_valid, iban_valid, us_ssn_valid
from extproc.detectors.pii.gates import GateFamily
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.recognizer import Recognizer, Spans
from extproc.detectors.text.latin1 import WORD_BYTES, cue_before, digits_of, latin1_pattern, stands_alone

_IBAN_SHAPES: Final = (
    r"(?i)\b[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}\b|(?:[ \xA0\-][A-Z0-9]{4}){2,7}(?:[ \xA0\-][A-Z0-9]{1,4})?)"
)
_IBAN: Final = latin1_pattern(_IBAN_SHAPES)
_CARD_SHAPES: Final = (
    r"\b(?:[2-6][0-9]{11,18}|1800[0-9]{11}"
    r"|[2-6][0-9]{3}(?:[ \xA0][0-9]{4}){3}(?:[ \xA0][0-9]{3})?|[2-6][0-9]{3}(?:-[0-9]{4}){3}(?:-[0-9]{3})?"
    r"|[2-6][0-9]{3}(?:\.[0-9]{4}){3}"
    r"|3[0-9]{3}[ \xA0][0-9]{6}[ \xA0][0-9]{4,5}|3[0-9]{3}-[0-9]{6}-[0-9]{4,5})\b"
)
_CARD: Final = latin1_pattern(_CARD_SHAPES)
_SSN_SHAPES: Final = (
    r"\b(?:[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3}[ \xA0][0-9]{2}[ \xA0][0-9]{4}|[0-9]{3}\.[0-9]{2}\.[0-9]{4}|[0-9]{9})\b"
)
_SSN: Final = latin1_pattern(_SSN_SHAPES)
_SSN_CUE: Final = latin1_pattern(r"(?i)(?:\bssns?\b|\bss ?#|\bsocial[ \-]security)[^0-9]{0,24}$")


def _ibans(subject: bytes, text: str, begin: int) -> Spans:
    position = begin
    while match := _IBAN.search(subject, position):
        start = match.start()
        end = _iban_end(subject, text, start, match.end())
        if end:
            yield start, end, 1.0
        position = end or start + 4


def _iban_end(subject: bytes, text: str, start: int, end: int) -> int:
    """End of the IBAN at ``start`` by its country's length, 0 if it is not one."""
    length = IBAN_LENGTHS.get(text[start : start + 2].upper(), 0)
    compact = ""
    for place in range(start, end):
        if len(compact) == length:
            break
        if subject[place] in WORD_BYTES:
            compact += text[place].upper()
    else:
        place = end
    follows = subject[place] in WORD_BYTES if place < len(subject) else False
    grouped = " " in text[start:place] or "\xa0" in text[start:place]
    in_one_cell = not grouped or text[start + 4 : place].upper() == text[start + 4 : place]
    return place if not follows and in_one_cell and iban_valid(compact) else 0


def _cards(subject: bytes, _text: str, begin: int) -> Spans:
    position = begin
    while match := _CARD.search(subject, position):
        start, end = match.span()
        valid = stands_alone(subject, start, end) and card_number_valid(digits_of(subject, start, end))
        if valid:
            yield start, end, 0.95
        position = end if valid else start + 4


def _ssns(subject: bytes, _text: str, begin: int) -> Spans:
    for match in _SSN.finditer(subject, begin):
        start, end = match.span()
        if not stands_alone(subject, start, end) or not us_ssn_valid(digits_of(subject, start, end)):
            continue
        cued = cue_before(_SSN_CUE, subject, start)
        if cued or subject[start + 3] == 0x2D:
            yield start, end, 0.95 if cued else 0.8


# --- what a text that is cut off may end with ----------------------------------------------------------------------

_IBAN_CHARS_MIN: Final = 8
_CARD_DIGITS_MIN: Final = 8
_SSN_DIGITS_MIN: Final = 6
_SSN_HYPHENS: Final = latin1_pattern(r"^[0-8][0-9]{2}-[0-9]{2}-")


def _iban_begins(subject: bytes, text: str, start: int) -> bool:
    length = IBAN_LENGTHS.get(text[start : start + 2].upper(), 0)
    return begins_alone(subject, start) and _IBAN_CHARS_MIN <= word_chars_in(subject, start) < length


def _card_begins(subject: bytes, _text: str, start: int) -> bool:
    digits = digits_of(subject, start, len(subject))
    return len(digits) >= _CARD_DIGITS_MIN and begins_alone(subject, start) and card_may_begin(digits)


def _ssn_begins(subject: bytes, _text: str, start: int) -> bool:
    if digits_in(subject, start) < _SSN_DIGITS_MIN or not begins_alone(subject, start):
        return False
    return _SSN_HYPHENS.search(subject[start:]) is not None or cue_before(_SSN_CUE, subject, start)


IBAN: Final[PiiKind] = PiiKind(
    "IBAN",
    "bank accounts",
    "8 characters",
    (
        Recognizer(
            "IBAN", r"(?i)\b[A-Z]{2}[0-9]{2}[ \xA0\-]?[A-Z0-9]{4}[ \xA0\-]?[A-Z0-9]{4}", _ibans, GateFamily.WORDS
        ),
    ),
    (shaped_like("IBAN", _IBAN_SHAPES, _iban_begins),),
)
CREDIT_CARD: Final[PiiKind] = PiiKind(
    "CREDIT_CARD",
    "numbers of payment cards",
    "8 digits, if the issuer fits",
    (Recognizer("CREDIT_CARD", r"[0-9](?:[ \xA0.\-]?[0-9]){11}", _cards, GateFamily.NUMBERS),),
    (shaped_like("CREDIT_CARD", _CARD_SHAPES, _card_begins),),
    shields=frozenset({"IBAN"}),
)
US_SSN: Final[PiiKind] = PiiKind(
    "US_SSN",
    "social security numbers: with hyphens, or behind a word for one",
    "6 digits",
    (Recognizer("US_SSN", r"[0-9](?:[ \xA0.\-]?[0-9]){8}", _ssns, GateFamily.NUMBERS),),
    (shaped_like("US_SSN", _SSN_SHAPES, _ssn_begins),),
)
