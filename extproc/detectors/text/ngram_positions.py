"""The features of an n-gram model at each position of a text, by compiled loops.

``ngram_scan`` needs no more than their sums. Listed, they can be counted once in a window, and be named.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from extproc.detectors.text.ngram_scan import (
    BYTE_MIX,
    IS_WORD,
    MIX,
    WEIGHT_ZERO,
    WORD_LENGTH_BYTES,
    NgramSums,
    signed,
)
from extproc.detectors.text.ngram_windows import BLOCK_BYTES, NARROW, WIDE, WINDOWS_ALONE_MAX, NgramShape

if TYPE_CHECKING:
    from mypy_extensions import i64

WORD_KINDS: Final = 4
"""A word alone, with the next, with the one behind that, with both."""
_BLANK: Final = b" "
_HEAD_BITS: Final = 8 * WORD_LENGTH_BYTES
_UNSIGNED: Final = (1 << (_HEAD_BITS - 8)) - 1
"""The bits of a head that was shifted by a byte: machine integers are signed."""


class Positions:
    """The features of a slice, in the order of their places.

    Attributes:
        length_bytes: of the folded text, including two blanks.
        kinds: of byte n-grams.
        word_starts: where words start.
    """

    def __init__(self, folded: bytes, shape: NgramShape) -> None:
        self.length_bytes = len(folded) + 2
        self.kinds = len(shape.byte_lengths)
        self.word_starts: list[int] = []
        self._shape = shape
        self._padded = _BLANK + folded + _BLANK + bytes(WORD_LENGTH_BYTES)
        self._words: list[int] = []
        _read_words(folded, self.word_starts, self._words)
        self._asked = 0
        self._byte_features: list[int] = []
        self._word_features: list[int] = []
        self._bytes_before: list[int] = []
        self._words_before: list[int] = []

    @property
    def byte_features(self) -> list[int]:
        """Place in the table of weights, of each n-gram. [length_bytes * kinds]"""
        if not self._byte_features:
            self._byte_features = _byte_features(self._padded, self._shape, 0, self.length_bytes)
        return self._byte_features

    @property
    def word_features(self) -> list[int]:
        """Place in the table of weights. [words * WORD_KINDS]"""
        if not self._word_features:
            self._word_features = _word_features(self._words, self._shape.bits, 0, len(self.word_starts))
        return self._word_features

    def sums(self, weights: bytes) -> NgramSums:
        """As ``ngram_scan.sums_of``."""
        wide_at, narrow_at = max(0, self.length_bytes - WIDE.size_bytes), max(0, self.length_bytes - NARROW.size_bytes)
        of_bytes, of_words = self.byte_features, self.word_features
        before: list[int] = []
        total, before_wide, before_narrow, word = 0, 0, 0, 0
        for place in range(self.length_bytes):
            if place % BLOCK_BYTES == 0:
                before.append(total)
            if place == wide_at:
                before_wide = total
            if place == narrow_at:
                before_narrow = total
            total += _sum_of(weights, of_bytes, place * self.kinds, (place + 1) * self.kinds)
            if word < len(self.word_starts) and self.word_starts[word] == place:
                total += _sum_of(weights, of_words, word * WORD_KINDS, (word + 1) * WORD_KINDS)
                word += 1
        return NgramSums(before, total - before_wide, total - before_narrow)

    def total_once(self, weights: bytes, start: int, end: int) -> int:
        """The sum of a window with each feature counted once. Args: weights: as of ``ngram_scan.sums_of``."""
        self._asked += 1
        first, last = bisect_left(self.word_starts, start), bisect_left(self.word_starts, end)
        if self._asked > WINDOWS_ALONE_MAX:
            return self._total_by_distance(weights, start, end, first, last)
        of_bytes = _byte_features(self._padded, self._shape, start, end)
        of_words = _word_features(self._words, self._shape.bits, first, last)
        return _sum_of_each(weights, of_bytes) + _sum_of_each(weights, of_words)

    def _total_by_distance(self, weights: bytes, start: int, end: int, first: int, last: int) -> int:
        """Args: first, last: of the words."""
        of_bytes, of_words = self.byte_features, self.word_features
        if not self._bytes_before:
            self._bytes_before, self._words_before = _before(of_bytes), _before(of_words)
        total = _sum_of_new(weights, of_bytes, self._bytes_before, start * self.kinds, end * self.kinds)
        return total + _sum_of_new(weights, of_words, self._words_before, first * WORD_KINDS, last * WORD_KINDS)


def _byte_features(padded: bytes, shape: NgramShape, start: i64, end: i64) -> list[int]:
    """Those that begin at the positions of a window. Args: padded: behind the text a blank, then zeros."""
    shift: i64 = 64 - shape.bits
    mask: i64 = (1 << shape.bits) - 1
    kinds = [
        (signed((1 << 8 * length) - 1), signed(mix)) for length, mix in zip(shape.byte_lengths, BYTE_MIX, strict=False)
    ]
    ngram_mask, ngram_mix = kinds[0]
    first_mask: i64 = ngram_mask
    first_mix: i64 = ngram_mix
    is_simple = len(kinds) == 1
    head: i64 = 0
    place: i64 = 0
    while place < WORD_LENGTH_BYTES:
        head = head | (_byte_at(padded, start + place) << (8 * place))
        place += 1
    features: list[int] = []
    while start < end:
        features.append((((head & first_mask) * first_mix) >> shift) & mask)
        if not is_simple:
            features += _other_features(head, kinds, shift, mask)
        following: i64 = _byte_at(padded, start + WORD_LENGTH_BYTES)
        head = ((head >> 8) & _UNSIGNED) | (following << (_HEAD_BITS - 8))
        start += 1
    return features


def _byte_at(padded: bytes, place: i64) -> i64:
    return padded[place] if place < len(padded) else 0


def _other_features(head: i64, kinds: list[tuple[int, int]], shift: i64, mask: i64) -> list[int]:
    features: list[int] = []
    for ngram_mask, ngram_mix in kinds[1:]:
        other_mask: i64 = ngram_mask
        other_mix: i64 = ngram_mix
        features.append((((head & other_mask) * other_mix) >> shift) & mask)
    return features


def _read_words(folded: bytes, starts: list[int], words: list[int]) -> None:
    """Fill both lists; behind the words there are two empty ones, so that the last word has followers too."""
    is_word = IS_WORD
    length: i64 = len(folded)
    place: i64 = 0
    while place < length:
        if not is_word[folded[place]]:
            place += 1
            continue
        starts.append(place + 1)
        word: i64 = 0
        shift: i64 = 0
        while place < length:
            byte: i64 = folded[place]
            if not is_word[byte]:
                break
            if shift < _HEAD_BITS:
                word = word | (byte << shift)
                shift += 8
            place += 1
        words.append(word)
    words += (0, 0)


def _word_features(words: list[int], bits: i64, number: i64, end: i64) -> list[int]:
    """Of the words from a number on."""
    mix = MIX
    shift: i64 = 64 - bits
    mask: i64 = (1 << bits) - 1
    features: list[int] = []
    while number < end:
        first: i64 = words[number]
        second: i64 = words[number + 1]
        third: i64 = words[number + 2]
        features.append(((first * mix.alone) >> shift) & mask)
        features.append(((first * mix.pair + second * mix.pair_second) >> shift) & mask)
        features.append(((first * mix.gap + third * mix.gap_third) >> shift) & mask)
        triple: i64 = first * mix.triple + second * mix.triple_second + third * mix.triple_third
        features.append((triple >> shift) & mask)
        number += 1
    return features


def _before(features: list[int]) -> list[int]:
    """For each place, the previous one with the same feature; -1 if there is none."""
    last: dict[int, int] = {}
    before: list[int] = []
    for place, feature in enumerate(features):
        before.append(last.get(feature, -1))
        last[feature] = place
    return before


def _sum_of(weights: bytes, features: list[int], start: i64, end: i64) -> i64:
    total: i64 = 0
    while start < end:
        total += weights[features[start]] - WEIGHT_ZERO
        start += 1
    return total


def _sum_of_each(weights: bytes, features: list[int]) -> i64:
    """Of the features, each once."""
    total: i64 = 0
    for feature in set(features):
        total += weights[feature] - WEIGHT_ZERO
    return total


def _sum_of_new(weights: bytes, features: list[int], before: list[int], start: i64, end: i64) -> i64:
    """Of the features that have not occurred between the window's beginning and themselves."""
    total: i64 = 0
    place: i64 = start
    while place < end:
        if before[place] < start:
            total += weights[features[place]] - WEIGHT_ZERO
        place += 1
    return total
