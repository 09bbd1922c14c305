"""Dates of birth: a date after a word for birth. Other dates are not personal data.

A written date (``June 30, 1923``) consists of several cells, so its parts are found one by one, each from the text
before it.
"""

from __future__ import annotations

from typing import Any, Final

from extproc.detectors.pii.beginnings import begins_alone, ending_like
from extproc.detectors.pii.gates import GateFamily
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.recognizer import Recognizer, Spans
from extproc.detectors.text.latin1 import cue_before, latin1_pattern, stands_alone

_MONTH: Final = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|m\xE4rz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?"
    r"|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)"
)
_BIRTH: Final = (
    r"(?i)(?:^|[^a-z])(?:born|dob|d\.o\.b\.?|(?:date|day|year)[ _\-]?of[ _\-]?birth|birth[ _\-]?da(?:te|y)"
    r"|geb(?:oren|\.)?|geburts(?:datum|tag)|n[\xE9e]{1,2}e?[ ]le|date de naissance|fecha de nacimiento|nacid[oa]"
    r"|data di nascita|nat[oa] il|data de nascimento|geboorte(?:datum)?|urodzon[ya]|f\xF6delsedatum)"
)
_NUMERIC: Final = latin1_pattern(
    r"\b(?:[0-9]{1,2}[./\-][0-9]{1,2}[./\-](?:[0-9]{4}|[0-9]{2})|[0-9]{4}[./\-][0-9]{1,2}[./\-][0-9]{1,2})\b"
)
_NUMBERED: Final = r"[0-9]{1,2}(?:st|nd|rd|th|\.)?"
_WRITTEN: Final = latin1_pattern(
    rf"(?i)\b(?:{_NUMBERED}[ \xA0]{_MONTH}|(?:1[89]|20)[0-9]{{2}}|[0-9]{{1,2}}(?:st|nd|rd|th)?)\b"
)
_ANY_BIRTH: Final = latin1_pattern(_BIRTH)
_CUE_CHARS_MAX: Final = 40
_BIRTH_BEFORE: Final = latin1_pattern(_BIRTH + r"[^0-9]{0,20}$")
_DAY_AND_MONTH_BEFORE: Final = latin1_pattern(
    _BIRTH + rf"[^0-9]{{0,20}}(?:{_NUMBERED}[ \xA0](?:of )?{_MONTH}|{_MONTH}\.?[ \xA0]{_NUMBERED})" + r"\.?,?[ \xA0]?$"
)
_MONTH_BEFORE: Final = latin1_pattern(_BIRTH + rf"[^0-9]{{0,12}}\b{_MONTH}\.?[ \xA0]$")


def _birth_dates(subject: bytes, text: str, begin: int) -> Spans:
    if _ANY_BIRTH.search(subject[max(0, begin - _CUE_CHARS_MAX) :]) is None:
        return
    for match in _NUMERIC.finditer(subject, begin):
        start, end = match.span()
        if (
            stands_alone(subject, start, end)
            and _possible(text[start:end])
            and cue_before(_BIRTH_BEFORE, subject, start)
        ):
            yield start, end, 0.9
    for match in _WRITTEN.finditer(subject, begin):
        start, end = match.span()
        if stands_alone(subject, start, end) and cue_before(_cue_for(subject, start, end), subject, start):
            yield start, end, 0.8


def _cue_for(subject: bytes, start: int, end: int) -> Any:
    """What must precede a part: a word for birth before day and month, the first part before the rest."""
    if end - start > 4:
        return _BIRTH_BEFORE
    year = end - start == 4 and subject[start:end].isdigit()
    return _DAY_AND_MONTH_BEFORE if year else _MONTH_BEFORE


def _possible(date: str) -> bool:
    """Whether one part can be a day, and another a month."""
    parts = [int(part) for part in date.replace("/", "-").replace(".", "-").split("-")]
    numbers = sorted(part for part in (parts[1:] if parts[0] > 99 else parts[:2]))
    return 1 <= numbers[0] <= 12 and 1 <= numbers[1] <= 31


_GATE: Final = (
    r"[0-9]{1,4}[./\-][0-9]{1,2}[./\-][0-9]|[0-9](?:st|nd|rd|th|\.)?[ \xA0][A-Z][a-z\xE4]{2}|\b(?:1[89]|20)[0-9]{2}\b"
    r"|\b[0-9]{1,2}(?:st|nd|rd|th)?\b"
)


# --- what a text that is cut off may end with ----------------------------------------------------------------------


def _date_begins(subject: bytes, _text: str, start: int) -> bool:
    return begins_alone(subject, start) and cue_before(_BIRTH_BEFORE, subject, start)


def _year_begins(subject: bytes, _text: str, start: int) -> bool:
    return begins_alone(subject, start) and cue_before(_DAY_AND_MONTH_BEFORE, subject, start)


KINDS: Final[tuple[PiiKind, ...]] = (
    PiiKind(
        "DATE_OF_BIRTH",
        "dates behind a word for birth; off by default: answers often have those of famous people",
        "day and month, or month and year; of a year alone three digits",
        (Recognizer("DATE_OF_BIRTH", _GATE, _birth_dates, GateFamily.DATES),),
        (
            ending_like(
                "DATE_OF_BIRTH", r"(?:[0-9]{1,2}|[0-9]{4})[./\-][0-9]{1,2}(?:[./\-][0-9]{0,4})?$", _date_begins
            ),
            ending_like("DATE_OF_BIRTH", rf"{_NUMBERED}[ \xA0][A-Z][A-Za-z\xE4]{{1,9}}$", _date_begins),
            ending_like("DATE_OF_BIRTH", r"(?:1[89]|20)[0-9]$", _year_begins),
        ),
        by_default=False,
    ),
)
