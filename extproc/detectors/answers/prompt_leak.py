"""Detects leaked system prompts: runs of words that a response shares with a prompt.

Words are compared without case, punctuation and white space, so that another layout does not hide a copy. An index
holds the prompt's pairs, triples and runs of ``words_min`` words; a matcher goes through a response word by word and
tracks how many of its last words occur in the prompt in this order. It never searches backwards: the cost per word is a
few lookups, regardless of the length of prompt and response.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

WORD_CHARS_MAX: Final = 64
GAP_CHARS_MAX: Final = 64
"""Maximum non-word text between two words of a run. [characters]"""

# Scripts without spaces: each character is a word.
_WORDLESS: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
# Invisible characters, which may occur inside a word without changing it.
_UNSEEN: Final = "\u00ad\u200b-\u200f\u2060-\u2064\ufeff"
# A single repeated class with nothing around it: linear for any input. Both find the same words in ASCII.
_WORD: Final = re.compile(f"[{_WORDLESS}]|(?:(?![{_WORDLESS}_])[\\w{_UNSEEN}]){{1,{WORD_CHARS_MAX}}}")
_ASCII_WORD: Final = re.compile(f"[0-9A-Za-z]{{1,{WORD_CHARS_MAX}}}")
_IS_WORDLESS: Final = re.compile(f"[{_WORDLESS}]")
_NOT_SEEN: Final = re.compile(f"[{_UNSEEN}]+")
_PAIR_BITS: Final = 32


def words_of(text: str, start: int = 0) -> Iterator[re.Match[str]]:
    """Positions of the words of a text, from ``start``; a word above ``WORD_CHARS_MAX`` counts as several."""
    return (_ASCII_WORD if text.isascii() else _WORD).finditer(text, start)


def compared(word: str) -> str:
    """A word in comparable form; empty if nothing of it is visible."""
    return word.lower() if word.isascii() else _NOT_SEEN.sub("", word).casefold()


def may_go_on(text: str, start: int, end: int) -> bool:
    """Whether a word at the end of a text may continue in following text."""
    return end == len(text) and end - start < WORD_CHARS_MAX and _IS_WORDLESS.match(text, start) is None


class PromptIndex:
    """An index of some prompts. Immutable once built; a prompt of n words needs memory for 3n numbers.

    Args:
        prompts: their texts; those with fewer than ``words_min`` words are ignored.
        words_min: number of consecutive words that is a leak.
    """

    __slots__ = ("numbers", "pairs", "runs", "triples", "words_min")

    def __init__(self, prompts: Iterable[str], words_min: int) -> None:
        self.words_min = words_min
        self.numbers: dict[str, int] = {}
        self.pairs: set[int] = set()
        self.triples: set[tuple[int, int]] = set()
        self.runs: set[int] = set()
        for prompt in prompts:
            self._add([word for match in words_of(prompt) if (word := compared(match.group()))])

    def __bool__(self) -> bool:
        """Whether there is anything that could leak."""
        return bool(self.runs)

    def _add(self, words: list[str]) -> None:
        if len(words) < self.words_min:
            return
        numbers = [self.numbers.setdefault(word, len(self.numbers) + 1) for word in words]
        pairs = [first << _PAIR_BITS | second for first, second in pairwise(numbers)]
        self.pairs.update(pairs)
        self.triples.update(zip(pairs, numbers[2:], strict=False))
        count = len(numbers) - self.words_min + 1
        self.runs.update(hash(tuple(numbers[start : start + self.words_min])) for start in range(count))


class RunMatcher:
    """Goes through one text word by word. ``run`` is how many of the last words may occur in the prompt in this order.
    [words]

        A run is counted by its triples: it is never shorter than the real match, and one that is longer by chance is
        rejected when it is looked up as a whole.
    """

    __slots__ = ("_index", "_last", "_pair", "_recent", "run")

    def __init__(self, index: PromptIndex) -> None:
        self._index = index
        self._recent: list[int] = []
        self._last = 0
        self._pair = -1
        self.run = 0

    def word(self, text: str) -> bool:
        """Process the next word; returns whether it completes a run of ``words_min`` words of the prompt."""
        index = self._index
        number = index.numbers.get(text, 0)
        if not number:
            self.gap()
            return False
        pair = self._last << _PAIR_BITS | number
        if self.run >= 2 and (self._pair, number) in index.triples:
            self.run += 1
        else:
            self.run = 2 if pair in index.pairs else 1
        self._last, self._pair = number, pair
        recent = self._recent
        recent.append(number)
        if len(recent) > index.words_min:
            del recent[0]
        return self.run >= index.words_min and hash(tuple(recent)) in index.runs

    def gap(self) -> None:
        """The gap between two words is too large for one run."""
        self.run, self._last, self._pair = 0, 0, -1
        self._recent.clear()

    def copy(self) -> RunMatcher:
        """A matcher in the same state."""
        other = RunMatcher(self._index)
        other._recent, other._last, other._pair, other.run = self._recent.copy(), self._last, self._pair, self.run
        return other
