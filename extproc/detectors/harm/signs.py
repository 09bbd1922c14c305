"""Groups of words that mean the same to a judge, and what the groups in a text add to the log odds of a model.

N-grams know only the words they were trained on. A group is learned as a whole: what labelled texts say about one of
its words, in one language, holds for all of them. So does what two groups are worth together, such as an insult next
to "you", or a topic next to "protect".

One pattern finds all words, and a table tells the groups of each. A set of patterns, one a group, would have to keep
track of which have matched: with thousands of words in groups that overlap, its states multiply.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from itertools import accumulate
from typing import Final, NamedTuple, Self

import re2

from extproc.detectors.harm.notation import expanded
from extproc.detectors.text.automata import utf8_options
from extproc.detectors.text.normalize import plain

SEVERAL_MAX: Final = 3
"""More groups of clear words than this count no more."""
_PATTERN_BYTES_MAX: Final = 64 << 20
_SHORT: Final = ((0x400, 0x52F, 3), (0x600, 0x6FF, 2), (0x900, 0x97F, 3))
"""First and last code point of Cyrillic, Arabic and Devanagari, and up to how many characters a word is short there."""
_NEVER: Final = rb"[^\x00-\x{10FFFF}]"
_PUNCTUATION: Final = b'!#$%&()*+,-./:;<=>?[\\]^_`{|}~\n\r\t"'
_TO_BLANK: Final = bytes(0x20 if byte in _PUNCTUATION else byte for byte in range(256))


class SignGroup(NamedTuple):
    """Words of one kind.

    Attributes:
        name: unique in a model.
        words: in Latin letters, whole words or phrases, in the notation of ``notation.expanded``.
        elsewhere: literals in other scripts, found anywhere.
        mark: a character that is a sign where it occurs twice.
    """

    name: str
    words: str = ""
    elsewhere: str = ""
    mark: str = ""


class GroupReader:
    """Which groups a text has, as the bits of a number: bit i for the group at place i."""

    def __init__(self, groups: Sequence[SignGroup]) -> None:
        bits: dict[bytes, int] = defaultdict(int)
        for place, group in enumerate(groups):
            for written in [*expanded(plain(group.words)), *filter(None, group.elsewhere.split("|"))]:
                bits[plain(written).removesuffix(" *").strip().encode()] |= 1 << place
        self._marks = [(group.mark.encode(), 1 << place) for place, group in enumerate(groups) if group.mark]
        self._pattern = _pattern_of(bits)
        self._bits = dict(_with_words_inside(bits))

    def any(self, plain_utf8: bytes) -> bool:
        """Whether a text has a word of any group; stops at the first."""
        return self._pattern.search(plain_utf8.translate(_TO_BLANK)) is not None

    def read(self, plain_utf8: bytes) -> int:
        """The groups of a text in plain form. Linear in the text."""
        found = 0
        for word in set(self._pattern.findall(plain_utf8.translate(_TO_BLANK))):
            found |= self._bits[word.strip()]
        for mark, bit in self._marks:
            if plain_utf8.count(mark) > 1:
                found |= bit
        return found

    def words_of(self, plain_utf8: bytes, groups: int) -> list[str]:
        """The words of a text that belong to some groups, once each; explains a score, not for the path."""
        words = self._pattern.findall(plain_utf8.translate(_TO_BLANK))
        return list(dict.fromkeys(word.strip().decode() for word in words if self._bits[word.strip()] & groups))


def _pattern_of(words: Mapping[bytes, int]) -> re2._Regexp[bytes]:
    """One alternative for each word, the longest that begins at a place first; stems end anywhere."""
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    latin = [word for word in longest_first if word.isascii()]
    parts = [re2.escape(word[:-1]) if word.endswith(b"*") else re2.escape(word) + rb"\b" for word in latin]
    elsewhere = b"|".join(_elsewhere(word) for word in longest_first if not word.isascii())
    either = [rb"\b(?:" + b"|".join(parts) + rb")"] * bool(parts) + [elsewhere] * bool(elsewhere)
    return re2.compile(b"|".join(either) or _NEVER, utf8_options(_PATTERN_BYTES_MAX))


def _elsewhere(word: bytes) -> bytes:
    """Anywhere; but a short word of a script with blanks stands between two, since its letters are in many others.

    Not at an edge of the text either: what is found in a part must be found in the whole.
    """
    text = word.decode()
    short = any(first <= ord(text[0]) <= last and len(text) <= length for first, last, length in _SHORT)
    literal: bytes = re2.escape(word)
    return rb"\x20" + literal + rb"\x20" if short else literal


def _with_words_inside(words: Mapping[bytes, int]) -> Iterator[tuple[bytes, int]]:
    """Each word as it is matched, with the groups of the words that stand in it: matches do not overlap."""
    exact = {word: bit for word, bit in words.items() if not word.endswith(b"*")}
    stems = {word[:-1]: bit for word, bit in words.items() if word.endswith(b"*")}
    for word in {**exact, **stems}:
        found = exact.get(word, 0)
        pieces = word.split(b" ")
        for first in range(len(pieces)):
            for end in range(first + 1, len(pieces) + 1):
                piece = b" ".join(pieces[first:end])
                found |= exact.get(piece, 0) if (first, end) != (0, len(pieces)) else 0
                for length in range(2, len(piece) + 1):
                    found |= stems.get(piece[:length], 0)
        yield word, found


class SignTable(NamedTuple):
    """Which features a model has of the groups that a text has.

    Attributes:
        names: of all groups; the place of a group is its bit.
        words: how many of the first groups are words that may make a finding.
        clear: how many of these count as evidence in themselves; several of them together are a feature.
        pooled: whether pairs are of any of these words with each other group, instead of each with each.
    """

    names: tuple[str, ...]
    words: int
    clear: int
    pooled: bool

    def features(self, found: int) -> list[str]:
        """Names of the features: each group, pairs of a word's group and another, and whether several words' are."""
        places = [place for place in range(found.bit_length()) if found >> place & 1]
        names = [self.names[place] for place in places]
        words = [name for name, place in zip(names, places, strict=True) if place < self.words]
        others = [name for name, place in zip(names, places, strict=True) if place >= self.words]
        if not words:
            return names
        lefts = ["any"] if self.pooled else words
        pairs = [f"{left} + {right}" for left in lefts for right in others]
        clear = sum([place < self.clear for place in places])
        several = [f"of {count} kinds" for count in range(1, SEVERAL_MAX + 1) if clear >= count]
        return [*names, *pairs, *several]


class SignModel:
    """What the features of a table add to log odds."""

    def __init__(self, table: SignTable, weights: Mapping[str, float]) -> None:
        self._table = table
        self._weights = weights
        groups = range(len(table.names))
        self._single = [weights.get(name, 0.0) for name in table.names]
        lefts = ["any"] if table.pooled else list(table.names[: table.words])
        self._pairs = [[weights.get(f"{left} + {table.names[right]}", 0.0) for right in groups] for left in lefts]
        self._several = [0.0, *accumulate(weights.get(f"of {count} kinds", 0.0) for count in range(1, SEVERAL_MAX + 1))]
        self._clear_bits = (1 << table.clear) - 1
        self._word_bits = (1 << table.words) - 1

    @classmethod
    def shipped(cls, name: str, table: SignTable) -> Self:
        """The packaged weights ``weights/NAME.signs.json``."""
        packed = resources.files("extproc.detectors").joinpath("weights", f"{name}.signs.json").read_bytes()
        return cls(table, json.loads(packed))

    def names(self) -> list[str]:
        """The features that have a weight."""
        return list(self._weights)

    def log_odds(self, found: int) -> float:
        """The sum over all features of what a reader found."""
        single, pairs = self._single, self._pairs
        places = [place for place in range(found.bit_length()) if found >> place & 1]
        total = sum([single[place] for place in places], 0.0)  # compiled, a sum without its 0.0 is one of integers
        if not found & self._word_bits:
            return total
        words = self._table.words
        others = [place for place in places if place >= words]
        for row in pairs if self._table.pooled else [pairs[place] for place in places if place < words]:
            total += sum([row[place] for place in others], 0.0)
        return total + self._several[min((found & self._clear_bits).bit_count(), SEVERAL_MAX)]

    def parts(self, found: int) -> Iterator[tuple[str, float]]:
        """Each feature and what it adds, the largest first."""
        parts = ((feature, self._weights.get(feature, 0.0)) for feature in self._table.features(found))
        yield from sorted(parts, key=lambda part: (-part[1], part[0]))
