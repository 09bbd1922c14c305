"""Phone numbers: international by country code, national by grouping, anything else only after a context word.

A plain run of digits is not a phone number: invoices, epochs and order numbers look the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from extproc.detectors.pii.beginnings import begins_alone, digits_in, shaped_like
from extproc.detectors.pii.gates import GateFamily
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.phone_cues import BEHIND_CHARS_MAX, cue_may_follow, cue_stands_before, cue_stands_behind
from extproc.detectors.pii.recognizer import Recognizer, Spans
from extproc.detectors.text.latin1 import DIGIT_BYTES, WORD_BYTES, digits_of, latin1_pattern, stands_alone

_GAP: Final = r"[ \xA0.\-/]?"
_INTERNATIONAL_SHAPE: Final = rf"(?:\+|\b00{_GAP})\(?[1-9](?:{_GAP}\(?[0-9]\)?){{6,17}}"
_INTERNATIONAL: Final = latin1_pattern(_INTERNATIONAL_SHAPE)
_EXTENSION: Final = latin1_pattern(r"[xX][0-9]{1,6}\b")
_NORTH_AMERICAN_SHAPE: Final = (
    r"(?:1[ \xA0.\-]?)?(?:\([2-9][0-9]{2}\)[ \xA0\-]?|[2-9][0-9]{2}[.\-])[0-9]{3}[ \xA0.\-][0-9]{4}(?:x[0-9]{1,6})?"
    r"|[2-9][0-9]{2}[ \xA0][2-9][0-9]{2}[ \xA0][0-9]{4}"
)
_NORTH_AMERICAN: Final = latin1_pattern(_NORTH_AMERICAN_SHAPE)
_TRUNK_ZERO_SHAPE: Final = (
    r"\b0[1-9](?:(?:[ \xA0.][0-9]{2}){4}|-[0-9]{2}-[0-9]{2}-[0-9]{2}-[0-9]{2})"
    r"|\(0[1-9][0-9]{0,4}\)[ \xA0\-]?[0-9]{2,8}(?:[ \xA0\-][0-9]{2,6}){0,3}"
    r"|\b0[1-9][0-9]{1,2}-[0-9]{2,3}(?:[ \xA0][0-9]{2}){2}"
    r"|\b0[1-9][0-9]{1,4}[ \xA0\-/][0-9]{3,8}(?:[ \xA0\-][0-9]{2,6}){0,2}"
    r"|\b0[1-9](?:[ \xA0][0-9]{4}[ \xA0][0-9]{4}|-[0-9]{3,4}-[0-9]{4}|-[0-9]{2,3}(?:[ \xA0][0-9]{2,3}){2}"
    r"|[ \xA0/]{1,2}[0-9]{3}(?:[ \xA0][0-9]{2}){2}|[ \xA0][0-9]{3}[ \xA0\-][0-9]{4}|-[0-9]{4}-[0-9]{3})"
    r"|\b0[1-9][0-9]{2}(?:(?:[ \xA0][0-9]{2}){3}|(?:\.[0-9]{3}){2})"
    r"|\b06[ \xA0\-]?[1-9][0-9]?/[0-9]{3}[ \xA0\-][0-9]{3,4}"
)
_TRUNK_ZERO: Final = latin1_pattern(_TRUNK_ZERO_SHAPE)
_AREA_IN_BRACKETS_SHAPE: Final = (
    r"\([1-9][0-9]\)[ \xA0]?9?[0-9]{4}[ \xA0\-][0-9]{4}|\([1-9][0-9]{0,2}\)/[0-9]{3}[ \xA0\-][0-9]{4}"
    r"|\([1-9][0-9]{1,3}\)[ \xA0]?(?:[0-9]{7,9}|[0-9]{3}(?:[ \xA0][0-9]{3}){2})"
)
_AREA_IN_BRACKETS: Final = latin1_pattern(_AREA_IN_BRACKETS_SHAPE)
_SHORT_GROUPS_SHAPE: Final = (
    r"(?:8[ \xA0\-]?)?(?:\([1-9][0-9]{2}\)[ \xA0\-]?|[1-9][0-9]{1,2}[ \xA0\-])"
    r"[0-9]{3}(?:[ \xA0][0-9]{2}[ \xA0][0-9]{2}|-[0-9]{2}-[0-9]{2})"
    r"|[1-9][1-9][ \xA0]9[0-9]{4}-[0-9]{4}|[1-9][0-9]/[0-9]{3}[ \xA0\-][0-9]{4}"
)
_SHORT_GROUPS: Final = latin1_pattern(_SHORT_GROUPS_SHAPE)
_CUED_GAP: Final = r"(?:[ \xA0.\-/]?|[ \xA0]-[ \xA0])"
_ANY_NUMBER: Final = latin1_pattern(rf"\(?[0-9]\)?(?:{_CUED_GAP}\(?[0-9]\)?){{6,14}}")
_LAST_NUMBER: Final = latin1_pattern(r"(\(?[0-9](?:[ \xA0.()\-/]{0,5}[0-9]){6,}\)?(?:[xX][0-9]{1,6})?)[^0-9]*$")
_DATE: Final = latin1_pattern(
    r"^\(?(?:(?:19|20)[0-9]{2}[ .\-/][01]?[0-9][ .\-/][0-3]?[0-9]"
    r"|[0-3]?[0-9][ .\-/][0-3]?[0-9][ .\-/](?:19|20)[0-9]{2})"
)

_COUNTRY_CODES_2: Final = frozenset({
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51",
    "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90",
    "91", "92", "93", "94", "95", "98",
})  # fmt: skip
"""Two-digit country codes; 1 and 7 are single digits, all others have three. Source: ITU-T E.164."""

_NATIONAL_DIGITS: Final = {
    "1": (10, 10), "7": (10, 10), "27": (5, 10), "31": (9, 9), "32": (8, 9), "33": (9, 9), "34": (9, 9), "39": (6, 12),
    "41": (9, 9), "43": (5, 13), "44": (9, 10), "45": (8, 8), "46": (7, 9), "47": (8, 8), "48": (7, 9), "49": (5, 11),
    "52": (10, 11), "55": (10, 11), "61": (9, 9), "81": (9, 10), "82": (5, 11), "86": (7, 11), "91": (10, 10),
    "247": (5, 5), "290": (4, 5), "352": (4, 11), "358": (5, 10), "500": (5, 5), "672": (5, 6), "676": (5, 7),
    "677": (5, 7), "678": (5, 7), "682": (5, 5), "683": (4, 7), "685": (5, 10), "686": (5, 8), "688": (5, 7),
    "690": (4, 7),
}  # fmt: skip
"""Fewest and most digits behind the country code, where they are few, or fewer or more than elsewhere."""

_NATIONAL_DIGITS_ELSEWHERE: Final = (6, 12)
_DIGITS_MIN: Final = 7
_ESCAPED_LINE_END: Final = re.compile(rb"\\[nrt](?=[+(0-9])")


def phone_spans(subject: bytes, text: str, begin: int, behind: str = "") -> Spans:
    """Start, end and score of each phone number in ``text`` from ``begin``; ``subject`` is its Latin-1 bytes.

    Most confident patterns first; spans may overlap. ``behind`` is what follows the text.
    """
    subject = _without_escaped_line_ends(subject)
    yield from _international(subject, text, begin)
    yield from _north_american(subject, begin)
    yield from _trunk_zero(subject, begin)
    yield from _area_in_brackets(subject, begin)
    yield from _in_short_groups(subject, begin)
    yield from _with_cue(subject, text, begin, behind)


def _international(subject: bytes, text: str, begin: int) -> Iterator[tuple[int, int, float]]:
    for match in _INTERNATIONAL.finditer(subject, begin):
        start = match.start()
        plus = subject[start] == 0x2B
        if start and (subject[start - 1] in WORD_BYTES or (not plus and _continues_number(subject, start))):
            continue
        end = _international_end(subject, start, match.end())
        if end and (plus or end - start > len(digits_of(subject, start, end)) or cue_stands_before(text, start)):
            yield start, end, 0.9 if plus else 0.7


def _international_end(subject: bytes, start: int, end: int) -> int:
    """End of the number: groups are dropped until the country's length matches; 0 if none does."""
    while end > start:
        digits = digits_of(subject, start, end)
        if subject[start] != 0x2B:
            digits = digits[2:]
        if len(digits) < _DIGITS_MIN:
            return 0
        code_length = _country_code_length(digits)
        fewest, most = _NATIONAL_DIGITS.get(digits[:code_length], _NATIONAL_DIGITS_ELSEWHERE)
        national = len(digits) - code_length - ("(0)" in subject[start:end].decode("latin-1"))
        if national < fewest:
            return 0
        if national <= most and (end == len(subject) or subject[end] not in WORD_BYTES):
            return end
        extension = _EXTENSION.match(subject, end) if national <= most else None
        if extension is not None:
            return int(extension.end())
        end = max(subject.rfind(b" ", start, end), subject.rfind(b"\xa0", start, end))
    return 0


def _country_code_length(digits: str) -> int:
    if digits[0] in "17":
        return 1
    return 2 if digits[:2] in _COUNTRY_CODES_2 else 3


def _north_american(subject: bytes, begin: int) -> Iterator[tuple[int, int, float]]:
    for match in _NORTH_AMERICAN.finditer(subject, begin):
        if stands_alone(subject, match.start(), match.end()):
            yield match.start(), match.end(), 0.8


def _trunk_zero(subject: bytes, begin: int) -> Iterator[tuple[int, int, float]]:
    for match in _TRUNK_ZERO.finditer(subject, begin):
        start, end = match.span()
        alone = stands_alone(subject, start, end) and not _follows_number(subject, start)
        digits = len(digits_of(subject, start, end))
        most = 13 if subject[start] == 0x28 else 12  # Austria's, with the area in brackets
        if alone and (9 <= digits <= most or (digits == 8 and end - start >= digits + 3)):
            yield start, end, 0.6


def _area_in_brackets(subject: bytes, begin: int) -> Iterator[tuple[int, int, float]]:
    if subject.find(b"(", begin) < 0:
        return
    for match in _AREA_IN_BRACKETS.finditer(subject, begin):
        if stands_alone(subject, match.start(), match.end()):
            yield match.start(), match.end(), 0.6


def _in_short_groups(subject: bytes, begin: int) -> Iterator[tuple[int, int, float]]:
    for match in _SHORT_GROUPS.finditer(subject, begin):
        start, end = match.span()
        if stands_alone(subject, start, end) and not _follows_number(subject, start):
            yield start, end, 0.6


def _with_cue(subject: bytes, text: str, begin: int, behind: str) -> Iterator[tuple[int, int, float]]:
    for match in _ANY_NUMBER.finditer(subject, begin):
        start, end = match.span()
        if subject[end : end + 1] in (b"x", b"X") and (extension := _EXTENSION.match(subject, end)):
            end = extension.end()
        if not stands_alone(subject, start, end) or _is_date(match[0]):
            continue
        if cue_stands_before(text, start) or cue_stands_behind(text[end : end + BEHIND_CHARS_MAX] + behind):
            yield start, end, 0.7


def _is_date(number: bytes) -> bool:
    return not number.isdigit() and _DATE.match(number) is not None


def before_possible_cue(subject: bytes, text: str, behind: str) -> tuple[int, int] | None:
    """The last number of a cell, if only the words that follow can tell whether it is one for a phone.

    Args: subject, text: of the cell alone; behind: what is known of the text after it.
    """
    match = _LAST_NUMBER.search(subject)
    if match is None or not cue_may_follow(text[match.end(1) :] + behind):
        return None
    return int(match.start(1)), int(match.end(1))


def _continues_number(subject: bytes, start: int) -> bool:
    """Whether a digit and one blank or point precede."""
    return start >= 2 and subject[start - 1] in b" \xa0.-/" and subject[start - 2] in DIGIT_BYTES


def _without_escaped_line_ends(subject: bytes) -> bytes:
    """With line ends instead of ``\\n`` and the like before a number, as they stand in the text of a string."""
    return _ESCAPED_LINE_END.sub(b"\n\n", subject) if b"\\" in subject else subject


def _follows_number(subject: bytes, start: int) -> bool:
    """Whether a digit and one blank precede: then this is the rest of a longer number."""
    return start >= 2 and subject[start - 1] in b" \xa0" and subject[start - 2] in DIGIT_BYTES


# --- what a text that is cut off may end with ----------------------------------------------------------------------


def _international_begins(subject: bytes, text: str, start: int) -> bool:
    if digits_in(subject, start) < _DIGITS_MIN or (start and subject[start - 1] in WORD_BYTES):
        return False
    grouped = not subject[start:].isdigit()  # a plus is not a digit, so it groups too
    return grouped or cue_stands_before(text, start)


def _national_begins(subject: bytes, _text: str, start: int) -> bool:
    alone = begins_alone(subject, start) and not _follows_number(subject, start)
    return alone and digits_in(subject, start) >= _DIGITS_MIN


KINDS: Final[tuple[PiiKind, ...]] = (
    PiiKind(
        "PHONE",
        "phone numbers: international, North American, with a trunk zero, or with a word for one before or behind",
        "7 digits",
        (Recognizer("PHONE", r"[0-9](?:[ \xA0.()\-/]{0,5}[0-9]){6}", phone_spans, GateFamily.NUMBERS),),
        (
            shaped_like("PHONE", _INTERNATIONAL_SHAPE, _international_begins),
            shaped_like("PHONE", _NORTH_AMERICAN_SHAPE, _national_begins),
            shaped_like("PHONE", _TRUNK_ZERO_SHAPE, _national_begins),
            shaped_like("PHONE", _AREA_IN_BRACKETS_SHAPE, _national_begins),
            shaped_like("PHONE", _SHORT_GROUPS_SHAPE, _national_begins),
        ),
        shields=frozenset({"IBAN", "CREDIT_CARD", "US_SSN", "IP_ADDRESS"}),
    ),
)
"""Of a beginning seven digits count: after a context word, that many are found anyway."""
