"""The sums of an n-gram model in two passes over the bytes of a text, the same ones that ``ngram_model`` has of numpy.

Compiled with mypyc they are loops over machine integers, several times as fast as numpy's passes over arrays; as
Python they are far slower, so ``ngram_model`` uses them only where they are compiled. No position is kept: a window
that looks like an attack is read again by numpy.

Products are taken modulo 2**64 by the machine, and not at all by Python: the bits that are used are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from extproc.detectors.text.ngram_windows import BLOCK_BYTES, NARROW, WIDE, WindowShape

if TYPE_CHECKING:
    from mypy_extensions import i64

IS_COMPILED: Final = not __file__.endswith(".py")
BYTE_LENGTHS: Final = (5,)
"""The byte n-grams of the models that are read here. [bytes]"""
_WEIGHT_ZERO: Final = 128
_BLANK: Final = 0x20
_LOWEST: Final = -(1 << 40)


class NgramSums(NamedTuple):
    """NgramSums of weights.

    Attributes:
        before: of the features that begin before each block of ``BLOCK_BYTES``.
        wide, narrow: of those in the last window, or in all of a shorter text.
    """

    before: list[int]
    wide: int
    narrow: int


class ScannedWindow(NamedTuple):
    """The window with the highest sum: that, and its number."""

    total: int
    number: int


def sums_of(folded: bytes, is_word: bytes, weights: bytes, bits: int) -> NgramSums:
    """The sums of a text.

    Args:
        folded: as ``ngram_model.fold`` makes it.
        is_word: 1 for each byte that belongs to a word, else 0. [256]
        weights: each moved by 128, so that none is negative. [2 ** bits]
    """
    of_bytes, of_words = _byte_sums(folded, weights, bits), _word_sums(folded, is_word, weights, bits)
    before = [one + other for one, other in zip(of_bytes.before, of_words.before, strict=True)]
    return NgramSums(before, of_bytes.wide + of_words.wide, of_bytes.narrow + of_words.narrow)


def worst_window(found: NgramSums, shape: WindowShape) -> ScannedWindow:
    """The first of the windows with the highest sum; the last one, which ends with the text, only if it has more."""
    before, last = found.before, found.wide if shape is WIDE else found.narrow
    blocks: i64 = shape.size_bytes // BLOCK_BYTES
    step: i64 = shape.step_bytes // BLOCK_BYTES
    count: i64 = len(before)
    at: i64 = 0
    number: i64 = 0
    worst: i64 = 0
    best: i64 = _LOWEST
    while at + blocks < count:
        total: i64 = before[at + blocks] - before[at]
        if total > best:
            best = total
            worst = number
        number += 1
        at += step
    return ScannedWindow(last, number) if last > best else ScannedWindow(best, worst)


class _Prefix:
    """NgramSums of what is added in the order of its places."""

    def __init__(self, size_bytes: int) -> None:
        self._size: i64 = size_bytes
        self._wide_at: i64 = max(0, size_bytes - WIDE.size_bytes)
        self._narrow_at: i64 = max(0, size_bytes - NARROW.size_bytes)
        self._before: list[int] = []
        self._block: i64 = 0
        self._total: i64 = 0
        self._wide: i64 = 0
        self._narrow: i64 = 0

    def add(self, place: i64, weight: i64) -> None:
        while self._block <= place:
            self._before.append(self._total)
            self._block += BLOCK_BYTES
        self._total += weight
        if place >= self._narrow_at:
            self._narrow += weight
        if place >= self._wide_at:
            self._wide += weight

    def sums(self) -> NgramSums:
        while self._block < self._size:
            self._before.append(self._total)
            self._block += BLOCK_BYTES
        return NgramSums(self._before, self._wide, self._narrow)


def _byte_sums(folded: bytes, weights: bytes, bits: int) -> NgramSums:
    length: i64 = len(folded)
    shift: i64 = 64 - bits
    mask: i64 = (1 << bits) - 1
    prefix = _Prefix(len(folded) + 2)
    ngram: i64 = _BLANK
    place: i64 = 0
    while place < 4:
        ngram = ngram | (_byte_at(folded, place, length) << (8 * (place + 1)))
        place += 1
    start: i64 = 0
    while start < length + 2:
        index: i64 = ((ngram * -7046029254386353131) >> shift) & mask
        weight: i64 = weights[index]
        prefix.add(start, weight - _WEIGHT_ZERO)
        start += 1
        ngram = (ngram >> 8) | (_byte_at(folded, start + 3, length) << 32)
    return prefix.sums()


def _byte_at(folded: bytes, place: i64, length: i64) -> i64:
    """A byte of the text; behind it one blank, then zeros."""
    if place < length:
        return folded[place]
    return _BLANK if place == length else 0


def _word_sums(folded: bytes, is_word: bytes, weights: bytes, bits: int) -> NgramSums:
    """A word's features need the two words behind it, so it waits for them."""
    length: i64 = len(folded)
    shift: i64 = 64 - bits
    mask: i64 = (1 << bits) - 1
    prefix = _Prefix(len(folded) + 2)
    first: i64 = 0
    first_start: i64 = -1
    second: i64 = 0
    second_start: i64 = -1
    word: i64 = 0
    word_bytes: i64 = 0
    place: i64 = 0
    while place <= length:
        byte: i64 = _byte_at(folded, place, length)
        if is_word[byte]:
            if word_bytes < 8:
                word = word | (byte << (8 * word_bytes))
            word_bytes += 1
        elif word_bytes:
            if first_start >= 0:
                prefix.add(first_start, _word_weights(first, second, word, weights, shift, mask))
            first, first_start = second, second_start
            second, second_start = word, place + 1 - word_bytes
            word = 0
            word_bytes = 0
        place += 1
    if first_start >= 0:
        prefix.add(first_start, _word_weights(first, second, 0, weights, shift, mask))
    if second_start >= 0:
        prefix.add(second_start, _word_weights(second, 0, 0, weights, shift, mask))
    return prefix.sums()


def _word_weights(first: i64, second: i64, third: i64, weights: bytes, shift: i64, mask: i64) -> i64:
    """Of a word: alone, with the next, with the one behind that, with both. The multipliers are the model's."""
    alone: i64 = (first * -6884282663029611473) >> shift
    pair: i64 = (first * -1800455987208640293 + second * 2129725606500045391) >> shift
    gap: i64 = (first * -8161530843051276573 + third * -7174682294107748637) >> shift
    triple: i64 = (first * 6384245875588680899 + second * -1493879189771267739 + third * -8306560040656073257) >> shift
    total: i64 = weights[alone & mask]
    total += weights[pair & mask]
    total += weights[gap & mask]
    total += weights[triple & mask]
    return total - 4 * _WEIGHT_ZERO
