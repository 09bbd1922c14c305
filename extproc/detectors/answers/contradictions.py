"""Whether a sentence restates a sentence of a document, and says something else: a value, a name, or the opposite.

The two must share most of their words. Nothing is understood, so only what can be compared is: a number of the same
unit, a month, a name that takes the place of another, and a negation of a word that both have. What the document says
in the next sentences is no contradiction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from enum import StrEnum
from typing import Final
from unicodedata import combining, normalize

import re2

from extproc.detectors.answers.compared_words import NUMBER, is_content, names_of, number_keys, stem, words_of
from extproc.detectors.answers.source_sentences import Source
from extproc.domain.quantities import number_of

SHARED_MIN: Final = 3
SHARED_SHARE_MIN: Final = 0.6
_NEGATED_WORDS_MAX: Final = 3
_NEGATED_CHARS_MAX: Final = 60
_NAME_CHARS: Final = 4

_CAPITALIZED: Final = re.compile(r"\b[A-Z]\w+")
_NEGATION: Final = re2.compile(
    r"\b(?:not|never|no|neither|nor|without|cannot|nicht|kein(?:e[mnrs]?)?|nie(?:mals)?|ohne|pas|jamais|sans|nunca"
    r"|jamás|sin|mai|senza|não|niet|geen)\b|[a-z]n['’]t\b"
)
"""In small letters: ``No, ...`` denies what was asked, and titles have words like these too."""
_BEHIND: Final = re.compile(r"[ -]?([%°]|[^\W\d_]+)?(?: ([^\W\d_]+))?")
_SIGNS: Final = "$€£¥"
_YEAR: Final = re.compile(r"[12][0-9]{3}")
_TIMES: Final = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_TIMES_WORD: Final = re.compile("|".join(_TIMES), re.IGNORECASE)
_UNITS: Final = {"percent": "%", "prozent": "%", "dollar": "$", "euro": "€", "pound": "£", "yen": "¥"}
_SHORT_UNITS: Final = frozenset({"%", "°", "km", "kg", "m", "g", "cm", "mm", "h"})
_MONTHS: Final = (
    "january januar janvier enero gennaio janeiro januari",
    "february februar février febrero febbraio fevereiro februari",
    "march märz mars marzo março maart",
    "april avril abril aprile",
    "may mai mayo maggio maio mei",
    "june juni juin junio giugno junho",
    "july juli juillet julio luglio julho",
    "august août agosto augustus",
    "september septembre septiembre settembre setembro",
    "october oktober octobre octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december dezember décembre diciembre dicembre dezembro",
)
_MONTH_OF: Final = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_MONTH: Final = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_DAY: Final = re2.compile(
    rf"(?i)\b(?:([0-9]{{1,2}})(?:st|nd|rd|th|\.|º)? (?:of |de )?(?:{_MONTH})|(?:{_MONTH}) ([0-9]{{1,2}}))\b"
)


class SourceDifference(StrEnum):
    """What a sentence has otherwise than its source."""

    QUANTITY = "quantity"
    MONTH = "month"
    NAME = "name"
    NEGATION = "negation"


def difference(sentence: str, stems: Set[str], names: Sequence[str], source: Source) -> SourceDifference | None:
    """What a sentence says otherwise than its source; None: nothing, or it is about something else.

    Args: stems, names: of its words that count, and its words with a capital.
    """
    shared = stems & source.stems
    if len(shared) < SHARED_MIN or len(shared) < SHARED_SHARE_MIN * len(stems) or "?" in sentence:
        return None
    if sentence.strip() in source.sentence:  # the common case of answers that quote
        return None
    if _has_other_quantity(sentence, source):
        return SourceDifference.QUANTITY
    if names and _has_other_month(names, source):
        return SourceDifference.MONTH
    if _is_other_negation(sentence, shared, source):
        return SourceDifference.NEGATION
    return SourceDifference.NAME if names and _has_other_name(names, sentence, source) else None


def _has_other_quantity(sentence: str, source: Source) -> bool:
    """Whether a number has a unit that the source has too, and a value that it has not, with any unit."""
    numbers = NUMBER.findall(sentence)
    if not numbers or NUMBER.search(source.sentence) is None:
        return False
    values = {key for number in NUMBER.findall(source.around) for key in number_keys(number)}
    if _TIMES_WORD.search(sentence) is None and not any(values.isdisjoint(number_keys(number)) for number in numbers):
        return False
    units = {unit for unit, _ in _quantities(source.sentence)}
    values.update(key for _, keys in _quantities(source.around) for key in keys)
    return any(unit in units and values.isdisjoint(keys) for unit, keys in _quantities(sentence))


def _quantities(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Numbers with their units: a sign, or the word behind; days of months, and of four digits alone, years."""
    for day in _DAY.finditer(text):
        yield "day of a month", number_keys(day[1] or day[2])
    for found in NUMBER.finditer(text):
        number, keys = found[0], number_keys(found[0])
        behind = _BEHIND.match(text, found.end())
        word = "" if behind is None else (behind[1] or "").casefold()
        if behind is not None and word in _TIMES and (value := number_of(number)) is not None:
            word, keys = (behind[2] or "").casefold(), (format(value.scaleb(_TIMES[word]).normalize(), "f"),)
        sign = text[max(found.start() - 2, 0) : found.start()].rstrip(" ")[-1:]
        unit = sign if sign and sign in _SIGNS else _unit_of(word)
        if not unit and _YEAR.fullmatch(number):
            unit = "year"
        if unit:
            yield unit, keys


def _unit_of(word: str) -> str:
    """What is counted, if the word behind a number says so; else empty. Args: word: casefolded."""
    if word in _SHORT_UNITS:
        return word
    if not word or word in _MONTH_OF or not is_content(word):
        return ""
    one = word.removesuffix("s")
    return _UNITS.get(one, stem(one))


def _has_other_month(names: Sequence[str], source: Source) -> bool:
    """Whether both have months, and one of these is not near the source."""
    months = _months_of(names)
    if not months or not _months_of(names_of(source.sentence)):
        return False
    return not months <= _months_of(_CAPITALIZED.findall(source.around))


def _months_of(names: Iterable[str]) -> set[int]:
    return {_MONTH_OF[folded] for name in names if (folded := name.casefold()) in _MONTH_OF}


def _is_other_negation(sentence: str, shared: Set[str], source: Source) -> bool:
    """Whether a word that both have is negated in one of them alone."""
    said, there = _negated(sentence), _negated(source.sentence)
    if not (said or there):
        return False
    return not shared.isdisjoint(there - said) or not shared.isdisjoint(said - _negated(source.around))


def _negated(text: str) -> set[str]:
    """The stems right behind a negation."""
    ends = [match.end() for match in _NEGATION.finditer(text)]
    behind = [text[end : end + _NEGATED_CHARS_MAX] for end in ends]
    return {stem(word) for part in behind for word in words_of(part)[:_NEGATED_WORDS_MAX]}


def _has_other_name(names: Sequence[str], sentence: str, source: Source) -> bool:
    """Whether one of the names is not near the source, which has one that the sentence lacks."""
    others = [name for name in names if name not in source.around]
    if not others:
        return False
    around = words_of(source.around)
    near, said = _beginnings(around), _beginnings(words_of(sentence))
    initials = "".join([word[0] for word in around if word[0].isupper()])
    is_new = any(one not in near for name in others if name not in initials for one in _beginnings(words_of(name)))
    return is_new and any(one not in said for name in names_of(source.sentence) for one in _beginnings(words_of(name)))


def _beginnings(words: Iterable[str]) -> set[str]:
    """Names without accents, by how they begin: *Pokémon* is Pokemon, and a Brit a Briton."""
    return {_plain(word)[:_NAME_CHARS] for word in words}


def _plain(word: str) -> str:
    folded = word.casefold()
    return folded if folded.isascii() else "".join([sign for sign in normalize("NFKD", folded) if not combining(sign)])
