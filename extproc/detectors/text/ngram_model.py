"""A linear model over hashed n-grams of bytes and words.

A hash selects a weight, and the score of a window is the sum of its weights. Weights are small integers and sums are
exact, so the score is the same on every platform, regardless of summation order, and by both scorers: compiled code has
loops (``ngram_loops``), interpreted code has numpy (``ngram_arrays``), which is not imported otherwise.

Words are represented by their first eight bytes, a crude stem. Runs of blanks count as one blank, digits as one digit,
so that layout and numbers do not matter.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from importlib import resources
from typing import Final, NamedTuple, Self

from extproc.detectors.text import ngram_scan
from extproc.detectors.text.ngram_loops import LoopScorer
from extproc.detectors.text.ngram_positions import WORD_KINDS, Positions
from extproc.detectors.text.ngram_scan import IS_WORD
from extproc.detectors.text.ngram_windows import SLICE_BYTES_MAX, WIDE, Best, NgramShape, Scale, Scorer

REPEATS_LOG_ODDS: Final = -1.0
"""From these log odds on, a window is checked for repetition, whose weights would add up."""

_BLANK: Final = 0x20
_DIGIT: Final = 0x30
_FOLD: Final = bytes(
    _DIGIT if 0x30 <= byte <= 0x39 else _BLANK if byte < 0x21 or byte == 0x7F else byte for byte in range(256)
)
_HEAD: Final = struct.Struct("<8sBBBBff")
_MAGIC: Final = b"NGRAMS\0\1"


class Contribution(NamedTuple):
    """An n-gram of a text (folded, as the model reads it), and what it adds to the log odds."""

    ngram: str
    log_odds: float


class NgramModel:
    """Weights, and how to score with them."""

    def __init__(self, shape: NgramShape, weights: bytes, scale: float, bias: float) -> None:
        """Args: weights: a signed byte each; ``2 ** shape.bits``. scale, bias: as of ``Scale``."""
        self.shape = shape
        self.scale = Scale(scale, bias)
        self.weights = weights
        self._scorer = scorer_of(shape, weights, self.scale)

    @classmethod
    def from_bytes(cls, packed: bytes) -> Self:
        """The inverse of ``to_bytes``. Raises: ValueError for invalid data."""
        if len(packed) < _HEAD.size or packed[:8] != _MAGIC:
            raise ValueError("not a file of n-gram weights")
        _, bits, *lengths, scale, bias = _HEAD.unpack_from(packed)
        if len(packed) != _HEAD.size + (1 << bits):
            raise ValueError("a file of n-gram weights of the wrong length")
        shape = NgramShape(bits, tuple(length for length in lengths if length))
        return cls(shape, packed[_HEAD.size :], scale, bias)

    @classmethod
    def shipped(cls, name: str) -> Self:
        """The packaged model ``weights/NAME.ngrams``."""
        return cls.from_bytes(resources.files("extproc.detectors").joinpath("weights", f"{name}.ngrams").read_bytes())

    def to_bytes(self) -> bytes:
        """A head of 20 bytes (magic and version, bits, three lengths or 0, scale, bias; little endian), the weights."""
        lengths = (*self.shape.byte_lengths, 0, 0, 0)[:3]
        return _HEAD.pack(_MAGIC, self.shape.bits, *lengths, self.scale.factor, self.scale.bias) + self.weights

    def log_odds(self, plain_utf8: bytes) -> float:
        """The highest log odds of any window; like ``best`` without the position."""
        return self.best(plain_utf8).log_odds

    def best(self, plain_utf8: bytes, narrow: bool = False, repeats_from: float = REPEATS_LOG_ODDS) -> Best:
        """The window with the highest log odds; a text shorter than a window is one window.

        Args:
            plain_utf8: the plain form of the text (``normalize.plain``), of any length.
            narrow: also score windows of ``NARROW.size_bytes``, so that a single sentence among many others
            counts.
            repeats_from: log odds from which a window is scored again, with each feature counted once.
        """
        return self.best_of_folded(fold(plain_utf8), narrow, repeats_from)

    def best_of_folded(self, folded: bytes, narrow: bool = False, repeats_from: float = REPEATS_LOG_ODDS) -> Best:
        """The same for a text that is folded already (``fold``)."""
        if len(folded) <= SLICE_BYTES_MAX:
            return self._scorer.best(folded, narrow, repeats_from)
        found = (
            Best(best.log_odds, best.start + begin, best.end + begin)
            for begin, piece in slices(folded)
            for best in (self._scorer.best(piece, narrow, repeats_from),)
        )
        return max(found, key=lambda best: best.log_odds)

    def contributions(self, plain_utf8: bytes, start: int = 0, end: int = SLICE_BYTES_MAX) -> list[Contribution]:
        """What each n-gram of a part adds to its log odds, the highest first; explains a score, not for the path.

        Each is counted once. With the bias they add up to the log odds of a part that is read alone.

        Args: start, end: of the part, as in ``Best``; at most ``SLICE_BYTES_MAX`` apart.
        """
        folded = fold(plain_utf8)[start:end][:SLICE_BYTES_MAX]
        positions = Positions(folded, self.shape)
        factor = self.scale.factor / math.sqrt(positions.length_bytes)
        found = [*_named_ngrams(positions, folded, self.shape).items(), *_named_words(positions, folded).items()]
        parts = [Contribution(text.decode("utf-8", "replace"), self._weight(place) * factor) for place, text in found]
        return sorted(parts, key=lambda part: (-part.log_odds, part.ngram))

    def _weight(self, place: int) -> int:
        return int.from_bytes(self.weights[place : place + 1], signed=True)


def scorer_of(shape: NgramShape, weights: bytes, scale: Scale) -> Scorer:
    """The one that is faster here."""
    if ngram_scan.IS_COMPILED:
        return LoopScorer(shape, weights, scale)
    from extproc.detectors.text.ngram_arrays import ArrayScorer

    return ArrayScorer(shape, weights, scale)


def _named_ngrams(positions: Positions, folded: bytes, shape: NgramShape) -> dict[int, bytes]:
    """The first n-gram at each place of the table."""
    padded = b" " + folded + b" "
    named: dict[int, bytes] = {}
    for kind, length_bytes in enumerate(shape.byte_lengths):
        for start, place in enumerate(positions.byte_features[kind :: positions.kinds]):
            named.setdefault(place, padded[start : start + length_bytes])
    return named


def _named_words(positions: Positions, folded: bytes) -> dict[int, bytes]:
    words = [_word_at(folded, start - 1) for start in positions.word_starts]
    named: dict[int, bytes] = {}
    for number in range(len(words)):
        first, second, third = (*words[number : number + 3], b"", b"")[:3]
        texts = (first, first + b" " + second, first + b" _ " + third, first + b" " + second + b" " + third)
        places = positions.word_features[number * WORD_KINDS : (number + 1) * WORD_KINDS]
        for place, text in zip(places, texts, strict=True):
            named.setdefault(place, text)
    return named


def _word_at(folded: bytes, start: int) -> bytes:
    end = start
    while end < len(folded) and IS_WORD[folded[end]]:
        end += 1
    return folded[start:end]


def fold(plain_utf8: bytes) -> bytes:
    """Control characters become blanks, runs of blanks one blank, digits 0."""
    folded = plain_utf8.translate(_FOLD)
    while b"  " in folded:  # each round halves the longest run, and is cheaper than one split and join
        folded = folded.replace(b"  ", b" ")
    return folded


def slices(folded: bytes) -> Iterator[tuple[int, bytes]]:
    """Offset and text of each slice of a long text; consecutive slices overlap by a window."""
    step_bytes = SLICE_BYTES_MAX - WIDE.size_bytes
    for begin in range(0, max(1, len(folded) - WIDE.size_bytes), step_bytes):
        yield begin, folded[begin : begin + SLICE_BYTES_MAX]
