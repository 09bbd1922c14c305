"""Detects content of a response that its context lacks.

Two cheap signals, and no more than signals: *items* (numbers, numeric dates, names, web addresses, citations) that do
not occur in the context, and the share of new *words*. Words are compared by their prefix, so that inflection is not
new; there is no understanding, so a correct paraphrase looks new, and a wrong statement in the context's words does
not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from extproc.detectors.text.languages import FREQUENT_WORDS
from extproc.domain.quantities import number_of

STEM_CHARS = 6
COUNTED_CHARS_MIN = 3
_SMOOTHING = 3  # so that one new word out of two is not half of a response

# Scripts without spaces: each character is a word.
_WORDLESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_SPACED = "0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0dff\u0f00-\u0fff\u10a0-\u177f\u1800-\u1fff"
# no backtracking, or none with an alternative: linear for any input
_WORD = re.compile(f"[{_SPACED}]+|[{_WORDLESS}]")
_ASCII_WORD = re.compile("[0-9A-Za-z]+")
_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_ADDRESS = re.compile(r"https?://[^\s<>\"'`()\[\]{}]+")
_NUMBERED = re.compile(r"\[([0-9]{1,3})\]")
_SURNAME = r"[A-Z][\w'-]{1,40}+"
_CITED = re.compile(rf"\(({_SURNAME})(?: et al\.?| and {_SURNAME}| & {_SURNAME})?,? ([12][0-9]{{3}})[a-z]?\)")
_NAME = re.compile(r"(?<![\w'-])(?:[A-Z][\w'-]++(?: [A-Z][\w'-]++)++|[A-Z]{2,}+[0-9]*+\b)")
_LIST_NUMBER = re.compile(r"\A\s*[0-9]{1,3}[.)]\s")
_FREQUENT_TOO = """
these those been could should there their them then than when where while more most also into about after before some
such only very because between does other over has had but for all any out who how our his its she her
"""
FREQUENT = FREQUENT_WORDS.union(_FREQUENT_TOO.split())


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a response: word prefixes, numbers, addresses; ``documents`` is their count."""

    stems: frozenset[str]
    numbers: frozenset[str]
    addresses: frozenset[str]
    documents: int


def context_of(texts: Iterable[str], documents: int) -> Context:
    """Build a context from texts.

    Args:
        documents: how many of them can be cited by number.
    """
    stems: set[str] = set()
    numbers: set[str] = set()
    addresses: set[str] = set()
    for text in texts:
        stems.update([word[:STEM_CHARS] for word in set(_words(text.casefold()))])
        for number in set(_NUMBER.findall(text)):
            numbers.update(_number_keys(number))
        if "://" in text:
            addresses.update(map(_plain_address, _ADDRESS.findall(text)))
    return Context(frozenset(stems), frozenset(numbers), frozenset(addresses), documents)


@dataclass(slots=True)
class Tally:
    """How much of a response the context lacks. Grows by sentences, and keeps only counts."""

    items: int = 0
    unsupported: int = 0
    words: int = 0
    novel: int = 0

    def add(self, sentence: str, context: Context) -> None:
        """Count one sentence."""
        for supported in _items(sentence, context):
            self.items += 1
            self.unsupported += not supported
        for word in _words(sentence.casefold()):
            if (len(word) >= COUNTED_CHARS_MIN or not word[0].isascii()) and word not in FREQUENT:
                self.words += 1
                self.novel += word[:STEM_CHARS] not in context.stems

    @property
    def unsupported_share(self) -> float:
        """Share of items that do not occur in the context."""
        return self.unsupported / self.items if self.items else 0.0

    @property
    def novel_share(self) -> float:
        """Share of counted words that are new, reduced for short responses."""
        return self.novel / (self.words + _SMOOTHING)


def _items(sentence: str, context: Context) -> list[bool]:
    """Whether each item of a sentence is supported. Text matched as one item is not matched again."""
    found: list[bool] = []
    rest = _LIST_NUMBER.sub(" ", sentence)
    if "://" in rest:
        found += [_plain_address(address) in context.addresses for address in _ADDRESS.findall(rest)]
        rest = _ADDRESS.sub(" ", rest)
    if "[" in rest:
        found += [
            0 < int(number) <= context.documents or number in context.numbers for number in _NUMBERED.findall(rest)
        ]
        rest = _NUMBERED.sub(" ", rest)
    if "(" in rest:
        found += [_stem(name) in context.stems and year in context.numbers for name, year in _CITED.findall(rest)]
        rest = _CITED.sub(" ", rest)
    found += [
        not context.numbers.isdisjoint(_number_keys(number)) for number in _NUMBER.findall(rest) if len(number) > 1
    ]
    for name in _NAME.findall(rest):
        found.append(all(_stem(word) in context.stems for word in _words(name)))
    return found


def _words(text: str) -> list[str]:
    words: list[str] = (_ASCII_WORD if text.isascii() else _WORD).findall(text)
    return words


def _stem(word: str) -> str:
    return word.casefold()[:STEM_CHARS]


def _number_keys(number: str) -> tuple[str, ...]:
    """A number by its value, and by its digits, since its separators are ambiguous."""
    if number.isdecimal():
        return (number.lstrip("0") or "0",)
    value = number_of(number)
    digits = number.replace(",", "").replace(".", "").lstrip("0") or "0"
    return (digits,) if value is None else (digits, format(value.normalize(), "f"))


def _plain_address(address: str) -> str:
    return address.casefold().rstrip(".,;:!?*_/")
