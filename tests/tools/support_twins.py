"""Sentences of documents, and their twins that say something else, made by composition.

What people labeled says little of the single kinds of contradiction. So a sentence of a document that has a number with
a unit, a day, a month, a name or a verb that can be negated becomes two answers: one repeats it, which is honest, and
one has another value. Both have the same length and words: what tells them apart is the value alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from extproc.detectors.text.sentences import sentences_of

_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_COUNTED = re.compile(r"\b([2-9][0-9]{1,2}) ([a-z]{4,})")
_MONTH = re.compile(rf"\b([0-9]{{1,2}}) ({'|'.join(_MONTHS)})\b")
_NAME = re.compile(r"(?<=[a-z] )[A-Z][a-z]{4,}(?= [a-z])")
_VERB = re.compile(r"\b(is|was|are|were|can|will|has been)\b (?!not\b|no\b|never\b)(?=[a-z]{4,})")
_NAMES = ("Hollister", "Brannigan", "Quimby", "Tarkowski", "Ellsworth")
_LEADS = ("According to the document, ", "It says that ", "As far as I can see, ", "In short, ", "")
_CHARS_MIN, _CHARS_MAX = 40, 300


class Twin(NamedTuple):
    """An answer. ``label`` 1: it says something else than its context."""

    kind: str
    context: str
    text: str
    label: int


def twins_of(contexts: Sequence[str], per_kind_max: int) -> list[Twin]:
    """Pairs of an honest and a changed answer, of each kind. Deterministic. Args: per_kind_max: pairs."""
    found: dict[str, list[Twin]] = {kind: [] for kind in _CHANGES}
    for context in dict.fromkeys(contexts):
        for sentence in sentences_of(context):
            plain = sentence.strip()
            if not _CHARS_MIN <= len(plain) <= _CHARS_MAX or "?" in plain:
                continue
            for kind, change in _CHANGES.items():
                other = change(plain)
                if other is not None and len(found[kind]) < 2 * per_kind_max:
                    found[kind] += [
                        Twin(kind, context, _led(plain), 0),
                        Twin(kind, context, _led(other), 1),
                    ]
    return [twin for twins in found.values() for twin in twins]


def _led(sentence: str) -> str:
    """The sentence as part of an answer."""
    return f"{_LEADS[zlib.crc32(sentence.encode()) % len(_LEADS)]}{sentence}"


def _other_number(sentence: str) -> str | None:
    return _changed(_COUNTED, sentence, lambda match: f"{int(match[1]) + 7} {match[2]}")


def _other_day(sentence: str) -> str | None:
    return _changed(_MONTH, sentence, lambda match: f"{int(match[1]) % 28 + 1} {match[2]}")


def _other_month(sentence: str) -> str | None:
    def later(match: re.Match[str]) -> str:
        return f"{match[1]} {_MONTHS[(_MONTHS.index(match[2]) + 5) % len(_MONTHS)]}"

    return _changed(_MONTH, sentence, later)


def _other_name(sentence: str) -> str | None:
    return _changed(_NAME, sentence, lambda match: _NAMES[len(match[0]) % len(_NAMES)])


def _negated(sentence: str) -> str | None:
    return _changed(_VERB, sentence, lambda match: f"{match[1]} not ")


def _changed(pattern: re.Pattern[str], sentence: str, change: Callable[[re.Match[str]], str]) -> str | None:
    """The sentence with its first match changed; None without one."""
    match = pattern.search(sentence)
    return None if match is None else f"{sentence[: match.start()]}{change(match)}{sentence[match.end() :]}"


_CHANGES: dict[str, Callable[[str], str | None]] = {
    "number": _other_number,
    "day": _other_day,
    "month": _other_month,
    "name": _other_name,
    "negation": _negated,
}


def kinds() -> Iterator[str]:
    """The kinds of changes."""
    yield from _CHANGES
