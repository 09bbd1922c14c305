"""The sums of an n-gram model in two passes over the bytes of a text: the fast pass of ``ngram_loops``.

Compiled with mypyc they are loops over machine integers, several times as fast as numpy's passes over arrays; as
Python they are far slower. No position is kept, so a text with a suspicious window is read again (``ngram_loops``).

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
WEIGHT_ZERO: Final = 128
"""What each weight is moved by, so that none is negative."""
WORD_LENGTH_BYTES: Final = 8
"""What a word is known by: a crude stem."""
IS_WORD: Final = bytes(int(byte >= 0x80 or byte == 0x27 or chr(byte).isalnum()) for byte in range(256))
BYTE_MIX: Final = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93)
"""Odd multipliers of n-grams, one per length."""
WORD_MIX: Final = (
    (0xA0761D6478BD642F, 0, 0),
    (0xE7037ED1A0B428DB, 0x1D8E4E27C47D124F, 0),
    (0x8EBC6AF09C88C6E3, 0, 0x9C6E6877736C46E3),
    (0x589965CC75374CC3, 0xEB44ACCAB455D165, 0x8CB92BA72F3D8DD7),
)
"""The same for words: a row per kind of feature, a column for each of three consecutive words."""
_BLANK: Final = 0x20
_AHEAD: Final = 4
"""Bytes of an n-gram behind its first one."""
_WORD_BITS_MAX: Final = 8 * WORD_LENGTH_BYTES
_LOWEST: Final = -(1 << 40)


class NgramSums(NamedTuple):
    """Sums of weights.

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


def sums_of(folded: bytes, weights: bytes, bits: int) -> NgramSums:
    """The sums of a text.

    Args:
        folded: as ``ngram_model.fold`` makes it.
        weights: each moved by ``WEIGHT_ZERO``. [2 ** bits]
    """
    of_bytes, of_words = _byte_sums(folded, weights, bits), _word_sums(folded, weights, bits)
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
    """Sums of what is added in the order of its places."""

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


class Mix:
    """The multipliers of the model, as machine integers: those of byte n-grams and of words, by kind and place."""

    def __init__(self) -> None:
        self.first: i64 = signed(BYTE_MIX[0])
        self.alone: i64 = signed(WORD_MIX[0][0])
        self.pair: i64 = signed(WORD_MIX[1][0])
        self.pair_second: i64 = signed(WORD_MIX[1][1])
        self.gap: i64 = signed(WORD_MIX[2][0])
        self.gap_third: i64 = signed(WORD_MIX[2][2])
        self.triple: i64 = signed(WORD_MIX[3][0])
        self.triple_second: i64 = signed(WORD_MIX[3][1])
        self.triple_third: i64 = signed(WORD_MIX[3][2])


def signed(unsigned: int) -> int:
    """The signed integer of 64 bits that has the same bits."""
    return unsigned - (1 << 64) if unsigned >> 63 else unsigned


MIX: Final = Mix()


def _byte_sums(folded: bytes, weights: bytes, bits: int) -> NgramSums:
    """Written out, since each line runs for each byte."""
    length: i64 = len(folded)
    size: i64 = length + 2
    shift: i64 = 64 - bits
    mask: i64 = (1 << bits) - 1
    mix: i64 = MIX.first
    wide_at: i64 = max(0, size - WIDE.size_bytes)
    narrow_at: i64 = max(0, size - NARROW.size_bytes)
    before_wide: i64 = 0
    before_narrow: i64 = 0
    before: list[int] = []
    block: i64 = 0
    total: i64 = 0
    ngram: i64 = _BLANK
    place: i64 = 0
    while place < _AHEAD:
        ngram = ngram | (_byte_at(folded, place, length) << (8 * (place + 1)))
        place += 1
    start: i64 = 0
    while start < size:
        if start == block:
            before.append(total)
            block += BLOCK_BYTES
        if start == wide_at:
            before_wide = total
        if start == narrow_at:
            before_narrow = total
        weight: i64 = weights[((ngram * mix) >> shift) & mask]
        total += weight - WEIGHT_ZERO
        start += 1
        following: i64 = 0
        if place < length:
            following = folded[place]
        elif place == length:
            following = _BLANK
        place += 1
        ngram = (ngram >> 8) | (following << (8 * _AHEAD))
    return NgramSums(before, total - before_wide, total - before_narrow)


def _byte_at(folded: bytes, place: i64, length: i64) -> i64:
    """A byte of the text; behind it one blank, then zeros."""
    if place < length:
        return folded[place]
    return _BLANK if place == length else 0


def _word_sums(folded: bytes, weights: bytes, bits: int) -> NgramSums:
    """A word's features need the two words behind it, so it waits for them."""
    is_word = IS_WORD
    length: i64 = len(folded)
    shift: i64 = 64 - bits
    mask: i64 = (1 << bits) - 1
    prefix = _Prefix(len(folded) + 2)
    first: i64 = 0
    first_start: i64 = -1
    second: i64 = 0
    second_start: i64 = -1
    word: i64 = 0
    word_bits: i64 = 0
    start: i64 = -1
    place: i64 = 0
    while place <= length:
        byte: i64 = _BLANK
        if place < length:
            byte = folded[place]
        inside: i64 = is_word[byte]
        place += 1
        if inside:
            if start < 0:
                start = place
            if word_bits < _WORD_BITS_MAX:
                word = word | (byte << word_bits)
                word_bits += 8
        elif start >= 0:
            if first_start >= 0:
                prefix.add(first_start, _word_weights(first, second, word, weights, shift, mask))
            first, first_start = second, second_start
            second, second_start = word, start
            word = 0
            word_bits = 0
            start = -1
    if first_start >= 0:
        prefix.add(first_start, _word_weights(first, second, 0, weights, shift, mask))
    if second_start >= 0:
        prefix.add(second_start, _word_weights(second, 0, 0, weights, shift, mask))
    return prefix.sums()


def _word_weights(first: i64, second: i64, third: i64, weights: bytes, shift: i64, mask: i64) -> i64:
    """Of a word: alone, with the next, with the one behind that, with both."""
    mix = MIX
    alone: i64 = (first * mix.alone) >> shift
    pair: i64 = (first * mix.pair + second * mix.pair_second) >> shift
    gap: i64 = (first * mix.gap + third * mix.gap_third) >> shift
    triple: i64 = (first * mix.triple + second * mix.triple_second + third * mix.triple_third) >> shift
    total: i64 = weights[alone & mask]
    total += weights[pair & mask]
    total += weights[gap & mask]
    total += weights[triple & mask]
    return total - 4 * WEIGHT_ZERO
