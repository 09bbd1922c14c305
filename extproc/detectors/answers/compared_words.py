"""The words and numbers by which an answer is compared with the texts that it should rest on.

Words are compared by their prefix, so that inflection is not new. Numbers are compared by their value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from extproc.detectors.text.languages import FREQUENT_WORDS
from extproc.domain.quantities import number_of

STEM_CHARS: Final = 6
COUNTED_CHARS_MIN: Final = 3

# Scripts without spaces: each character is a word.
_WORDLESS: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_SPACED: Final = "0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0dff\u0f00-\u0fff\u10a0-\u177f\u1800-\u1fff"
_WORD: Final = re.compile(f"[{_SPACED}]+|[{_WORDLESS}]")
_ASCII_WORD: Final = re.compile("[0-9A-Za-z]+")
NUMBER: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_NAME: Final = re.compile(r"(?<![\w'’-])[A-Z][\w'’-]+")
_FREQUENT_TOO: Final = """
these those been could should there their them then than when where while more most also into about after before some
such only very because between does other over has had but for all any out who how our his its she her
"""
FREQUENT: Final = FREQUENT_WORDS.union(_FREQUENT_TOO.split())


def words_of(text: str) -> list[str]:
    """The words of a text, in its case."""
    words: list[str] = (_ASCII_WORD if text.isascii() else _WORD).findall(text)
    return words


def is_content(word: str) -> bool:
    """Whether a word counts: it is not short, and not frequent. Args: word: casefolded."""
    return (len(word) >= COUNTED_CHARS_MIN or not word[0].isascii()) and word not in FREQUENT


def stem(word: str) -> str:
    """What is compared of a word."""
    return word.casefold()[:STEM_CHARS]


def content_stems(words: Iterable[str]) -> set[str]:
    """The stems of the words that count. Args: words: casefolded."""
    return {
        word[:STEM_CHARS]
        for word in words
        if word not in FREQUENT and (len(word) >= COUNTED_CHARS_MIN or not word[0].isascii())
    }


def names_of(sentence: str) -> list[str]:
    """Words with a capital, but the first one, which has a capital in any case."""
    first = sentence.find(" ", len(sentence) - len(sentence.lstrip()))
    return _NAME.findall(sentence, first) if first > 0 else []


def number_keys(number: str) -> tuple[str, ...]:
    """A number by its value, and by its digits, since its separators are ambiguous."""
    if number.isdecimal():
        return (number.lstrip("0") or "0",)
    value = number_of(number)
    digits = number.replace(",", "").replace(".", "").lstrip("0") or "0"
    return (digits,) if value is None else (digits, format(value.normalize(), "f"))
