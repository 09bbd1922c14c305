"""A linear model over hashed n-grams of bytes and words: one vectorized pass, tens of microseconds; compiled, a loop.

Every position of the text has a hash per byte n-gram that begins there; every word has hashes of itself and of
combinations with its neighbors. A hash selects a weight, and the score of a window is the sum of its weights. All of
that is a few operations on whole arrays. Weights are small integers and sums are exact, so the score is the same on
every platform, regardless of summation order.

Words are represented by their first eight bytes, a crude stem. Runs of blanks count as one blank, digits as one digit,
so that layout and numbers do not matter.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from extproc.detectors.text import ngram_scan
from extproc.detectors.text.ngram_windows import BLOCK_BYTES, NARROW, WIDE, Best, WindowShape, best_at
from extproc.detectors.text.said_once import sums_of_equal_windows, sums_of_windows

SLICE_BYTES_MAX: Final = 16_384
"""Longer texts are read in slices of this size, overlapping by a window: memory stays bounded."""

REPEATS_LOG_ODDS: Final = -1.0
"""From these log odds on, a window is checked for repetition, whose weights would add up."""

_SCANNED_BYTES_MAX: Final = 8_192
"""Longer texts are read by numpy in a compiled build too: its calls cost little there."""

Indices = npt.NDArray[np.int64]
_Hashes = npt.NDArray[np.uint64]
_Sums = npt.NDArray[np.int32]

_WINDOWS_ALONE_MAX: Final = 8
"""This many are checked individually, enough for benign text; beyond that, the whole slice is checked at once."""

_WORD_LENGTH_BYTES: Final = 8
_PADDING: Final = b" " + b"\0" * _WORD_LENGTH_BYTES
_BLANK: Final = 0x20
_DIGIT: Final = 0x30
_FOLD: Final = bytes(
    _DIGIT if 0x30 <= byte <= 0x39 else _BLANK if byte < 0x21 or byte == 0x7F else byte for byte in range(256)
)
_IS_WORD: Final = bytes(int(byte >= 0x80 or byte == 0x27 or chr(byte).isalnum()) for byte in range(256))
_MASKS: Final[_Hashes] = np.array([(1 << 8 * length) - 1 for length in range(_WORD_LENGTH_BYTES + 1)], np.uint64)
_MASK_OF_LENGTH: Final[_Hashes] = _MASKS.take(np.minimum(np.arange(SLICE_BYTES_MAX + 3), _WORD_LENGTH_BYTES))
_BYTE_MIX: Final[_Hashes] = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93], np.uint64)
"""Odd multipliers of n-grams, one per length."""
_WORD_MIX: Final[_Hashes] = np.array(
    [
        [0xA0761D6478BD642F, 0, 0],
        [0xE7037ED1A0B428DB, 0x1D8E4E27C47D124F, 0],
        [0x8EBC6AF09C88C6E3, 0, 0x9C6E6877736C46E3],
        [0x589965CC75374CC3, 0xEB44ACCAB455D165, 0x8CB92BA72F3D8DD7],
    ],
    np.uint64,
)
"""The same for words: a row per kind of feature, a column for each of three consecutive words."""

_BLOCK_STARTS: Final[Indices] = np.array([0, *range(0, SLICE_BYTES_MAX + 4 * BLOCK_BYTES, BLOCK_BYTES)], np.int64)
"""The first one twice: ``reduceat`` turns that into the arbitrary number that sums start from."""

_add_up: Any = np.add.reduce
"""What ``sum`` calls internally, without its overhead."""

_HEAD: Final = struct.Struct("<8sBBBBff")
_MAGIC: Final = b"NGRAMS\0\1"


class NgramShape(NamedTuple):
    """The features of a model.

    Attributes:
        bits: binary logarithm of the number of weights.
        byte_lengths: lengths of byte n-grams [bytes], each up to 8, at most three of them.
    """

    bits: int = 17
    byte_lengths: tuple[int, ...] = (5,)


class Features(NamedTuple):
    """Indices of a text's features in the weight table.

    Attributes:
        length_bytes: of the folded text, including two blanks.
        byte_ngrams: shape (number of lengths, ``length_bytes``); a column belongs to the starting position.
        word_starts: start of each word, shape (words,).
        word_ngrams: word, pair, pair with a gap of one word, triple: shape (words, 4).
    """

    length_bytes: int
    byte_ngrams: Indices
    word_starts: Indices
    word_ngrams: Indices


class FeatureReader:
    """Maps texts to features; shared by trainer and model, so that they cannot differ."""

    def __init__(self, shape: NgramShape) -> None:
        self._kinds = len(shape.byte_lengths)
        each = (self._kinds, 1) if self._kinds > 1 else ()  # scalars are fastest with whole arrays
        self._masks = _MASKS[list(shape.byte_lengths)].reshape(each)
        self._mix = _BYTE_MIX[: self._kinds].reshape(each)
        self._shift = np.array(64 - shape.bits, np.uint64)

    def read(self, folded: bytes) -> Features:
        """The features of one slice of a text, as made by ``fold``."""
        length_bytes = len(folded) + 2
        padded = b" " + folded + _PADDING
        heads: _Hashes = np.ndarray((length_bytes,), "<u8", padded, 0, (1,))
        byte_ngrams = heads & self._masks
        byte_ngrams *= self._mix
        byte_ngrams >>= self._shift
        kinds = np.frombuffer(padded.translate(_IS_WORD), np.bool_, length_bytes)
        edges = (kinds[1:] ^ kinds[:-1]).nonzero()[0]
        edges += 1
        word_starts = edges[0::2]
        count = len(word_starts)
        words = np.zeros(count + 2, np.uint64)  # two more, so that the last word has followers too
        np.bitwise_and(heads[word_starts], _MASK_OF_LENGTH[edges[1::2] - word_starts], out=words[:count])
        word_ngrams = _WORD_MIX @ np.ndarray((3, count), np.uint64, words, 0, (8, 8))
        word_ngrams >>= self._shift
        byte_places = byte_ngrams.view(np.int64).reshape(self._kinds, length_bytes)
        return Features(length_bytes, byte_places, word_starts, word_ngrams.view(np.int64).T)


class Contribution(NamedTuple):
    """An n-gram of a text (folded, as the model reads it), and what it adds to the log odds."""

    ngram: str
    log_odds: float


class _WindowSums(NamedTuple):
    """Prefix sums for windows.

    Attributes:
        before: sums of scores before each block, with an arbitrary offset.
        last: sum of the last window by its size [bytes]; of the whole slice if that is shorter.
    """

    before: _Sums
    last: dict[int, int]


def _window_sums(scores: _Sums) -> _WindowSums:
    """From the score of each position of a slice that is longer than a narrow window."""
    length_bytes = len(scores)
    blocks = (length_bytes - 1) // BLOCK_BYTES
    starts = _BLOCK_STARTS[: blocks + 4].copy()
    starts[-2] = max(0, length_bytes - WIDE.size_bytes)
    starts[-1] = length_bytes - NARROW.size_bytes
    pieces = np.add.reduceat(scores, starts)
    wide, narrow = pieces[-2:].tolist()
    before = np.add.accumulate(pieces[: blocks + 1])
    return _WindowSums(before, {WIDE.size_bytes: wide + narrow, NARROW.size_bytes: narrow})


class NgramModel:
    """Weights, and how to score with them."""

    def __init__(self, shape: NgramShape, weights: npt.NDArray[np.int8], scale: float, bias: float) -> None:
        """``scale`` converts a sum of integer weights to log odds (for one feature per byte), ``bias`` is added."""
        self.shape = shape
        self.scale = scale
        self.bias = bias
        self._weights = weights
        is_scanned = shape.byte_lengths == ngram_scan.BYTE_LENGTHS
        self._moved_weights = (weights.view(np.uint8) ^ 128).tobytes() if is_scanned else b""
        self._reader = FeatureReader(shape)

    @classmethod
    def from_bytes(cls, packed: bytes) -> Self:
        """The inverse of ``to_bytes``. Raises: ValueError for invalid data."""
        if len(packed) < _HEAD.size or packed[:8] != _MAGIC:
            raise ValueError("not a file of n-gram weights")
        _, bits, *lengths, scale, bias = _HEAD.unpack_from(packed)
        if len(packed) != _HEAD.size + (1 << bits):
            raise ValueError("a file of n-gram weights of the wrong length")
        weights = np.frombuffer(packed, np.int8, offset=_HEAD.size)
        return cls(NgramShape(bits, tuple(length for length in lengths if length)), weights, scale, bias)

    @classmethod
    def shipped(cls, name: str) -> Self:
        """The packaged model ``weights/NAME.ngrams``."""
        return cls.from_bytes(resources.files("extproc.detectors").joinpath("weights", f"{name}.ngrams").read_bytes())

    def to_bytes(self) -> bytes:
        """A head of 20 bytes (magic and version, bits, three lengths or 0, scale, bias; little endian), the weights."""
        lengths = (*self.shape.byte_lengths, 0, 0, 0)[:3]
        head = _HEAD.pack(_MAGIC, self.shape.bits, *lengths, self.scale, self.bias)
        return head + self._weights.tobytes()

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
            return self._best_in_slice(folded, narrow, repeats_from)
        found = (
            Best(best.log_odds, best.start + begin, best.end + begin)
            for begin, piece in slices(folded)
            for best in (self._best_in_slice(piece, narrow, repeats_from),)
        )
        return max(found, key=lambda best: best.log_odds)

    def contributions(self, plain_utf8: bytes, start: int = 0, end: int = SLICE_BYTES_MAX) -> list[Contribution]:
        """What each n-gram of a part adds to its log odds, the highest first; explains a score, not for the path.

        Each is counted once. With the bias they add up to the log odds of a part that is read alone.

        Args: start, end: of the part, as in ``Best``; at most ``SLICE_BYTES_MAX`` apart.
        """
        folded = fold(plain_utf8)[start:end][:SLICE_BYTES_MAX]
        features = self._reader.read(folded)
        scale = self.scale / math.sqrt(features.length_bytes)
        written: dict[int, bytes] = {}
        for places, length in zip(features.byte_ngrams.tolist(), self.shape.byte_lengths, strict=True):
            for number, index in enumerate(places):
                written.setdefault(index, (b" " + folded + b" ")[number : number + length])
        words = [_word_at(folded, place - 1) for place in features.word_starts.tolist()]
        of_words: dict[int, bytes] = {}
        for number, places in enumerate(features.word_ngrams.tolist()):
            first, second, third = (*words[number : number + 3], b"", b"")[:3]
            texts = (first, first + b" " + second, first + b" _ " + third, first + b" " + second + b" " + third)
            for index, text in zip(places, texts, strict=True):
                of_words.setdefault(index, text)
        found = [(text, int(self._weights[index])) for index, text in written.items()]
        found += [(text, int(self._weights[index])) for index, text in of_words.items()]
        parts = [Contribution(text.decode("utf-8", "replace"), weight * scale) for text, weight in found]
        return sorted(parts, key=lambda part: (-part.log_odds, part.ngram))

    def _best_in_slice(self, folded: bytes, narrow: bool, repeats_from: float) -> Best:
        if ngram_scan.IS_COMPILED and self._moved_weights and len(folded) <= _SCANNED_BYTES_MAX:
            best = self.scanned_best(folded, narrow, repeats_from)
            if best is not None:
                return best
        features = self._reader.read(folded)
        scores = self._sum_kinds(features.byte_ngrams)
        np.add.at(scores, features.word_starts, self._sum_kinds(features.word_ngrams.T))
        length_bytes = features.length_bytes
        whole = None
        if length_bytes <= WIDE.size_bytes:
            whole = Best(self._odds(int(scores.sum()), length_bytes), 0, len(folded))
            if whole.log_odds > repeats_from:
                whole = whole._replace(log_odds=min(whole.log_odds, self._said_once(features, 0, length_bytes)))
            if not narrow or length_bytes <= NARROW.size_bytes:
                return whole
        sums = _window_sums(scores)
        best = whole or self._best_window(features, sums, WIDE, repeats_from)
        return _worse(best, self._best_window(features, sums, NARROW, repeats_from)) if narrow else best

    def scanned_best(self, folded: bytes, narrow: bool, repeats_from: float) -> Best | None:
        """The same as of numpy's arrays, by ``ngram_scan``; None if a window has to be read without repetitions."""
        found = ngram_scan.sums_of(folded, _IS_WORD, self._moved_weights, self.shape.bits)
        length_bytes = len(folded) + 2
        if length_bytes <= WIDE.size_bytes:
            best = Best(self._odds(found.wide, length_bytes), 0, len(folded))
        else:
            best = self._scanned_window(found, WIDE, length_bytes)
        if best.log_odds > repeats_from:
            return None
        if not narrow or length_bytes <= NARROW.size_bytes:
            return best
        other = self._scanned_window(found, NARROW, length_bytes)
        return None if other.log_odds > repeats_from else _worse(best, other)

    def _scanned_window(self, found: ngram_scan.NgramSums, shape: WindowShape, length_bytes: int) -> Best:
        worst = ngram_scan.worst_window(found, shape)
        return best_at(worst.number, self._odds(worst.total, shape.size_bytes), shape, length_bytes)

    def _sum_kinds(self, places: Indices) -> _Sums:
        """The summed weights of each feature column."""
        weights = self._weights.take(places)
        sums: _Sums = weights[0].astype(np.int32) if len(weights) == 1 else _add_up(weights, 0, np.int32)
        return sums

    def _best_window(self, features: Features, sums: _WindowSums, shape: WindowShape, repeats_from: float) -> Best:
        """The worst window: suspicious windows are scored again without their repetitions."""
        window_bytes = shape.size_bytes
        blocks, step = window_bytes // BLOCK_BYTES, shape.step_bytes // BLOCK_BYTES
        windows: Any = sums.before[blocks::step] - sums.before[:-blocks:step]
        worst = int(windows.argmax())
        total, last = int(windows[worst]), sums.last[window_bytes]
        if last > total:
            worst, total = len(windows), last
        log_odds = self._odds(total, window_bytes)
        if log_odds > repeats_from:
            windows = np.append(windows, last)
            starts = window_starts(features.length_bytes, shape.step_bytes, window_bytes)
            log_odds, worst = self._worst_said_once(features, starts, windows, window_bytes, repeats_from)
        return best_at(worst, log_odds, shape, features.length_bytes)

    def _worst_said_once(
        self,
        features: Features,
        starts: Indices,
        windows: _Sums,
        window_bytes: int,
        repeats_from: float,
    ) -> tuple[float, int]:
        """Log odds of the worst window, each feature counted once, and its number; in descending order of suspicion."""
        best, worst = -math.inf, 0
        totals: list[int] = []
        for tried, number in enumerate(map(int, np.argsort(windows, kind="stable")[::-1])):
            log_odds = self._odds(int(windows[number]), window_bytes)
            if log_odds <= best:
                break
            if log_odds > repeats_from:
                start = int(starts[number])
                if tried == _WINDOWS_ALONE_MAX:
                    totals = self._totals_said_once(features, starts, window_bytes)
                once = (
                    self._odds(totals[number], window_bytes)
                    if totals
                    else self._said_once(features, start, start + window_bytes)
                )
                log_odds = min(log_odds, once)
            if log_odds > best:
                best, worst = log_odds, number
        return best, worst

    def _totals_said_once(self, features: Features, starts: Indices, window_bytes: int) -> list[int]:
        """The sum of each window with each feature counted once."""
        words = features.word_starts
        first, last = words.searchsorted(starts), words.searchsorted(starts + window_bytes)
        totals = sums_of_equal_windows(features.byte_ngrams, self._weights, starts, window_bytes)
        totals += sums_of_windows(features.word_ngrams, self._weights, first, last)
        return list(map(int, totals))

    def _said_once(self, features: Features, start: int, end: int) -> float:
        """The log odds of a window with each feature counted once, regardless of repetitions."""
        first, last = np.searchsorted(features.word_starts, (start, end))
        once = np.unique(features.byte_ngrams[:, start:end])
        words_once = np.unique(features.word_ngrams[first:last])
        total = self._weights.take(once).sum(dtype=np.int32) + self._weights.take(words_once).sum(dtype=np.int32)
        return self._odds(int(total), end - start)

    def _odds(self, total: int, length_bytes: int) -> float:
        return total * self.scale / math.sqrt(length_bytes) + self.bias


def _worse(wide: Best, narrow: Best) -> Best:
    """The narrow window only if it is worse by more than the doubt in it."""
    doubted = narrow.log_odds - NARROW.doubt
    return narrow._replace(log_odds=doubted) if doubted > wide.log_odds else wide


def _word_at(folded: bytes, start: int) -> bytes:
    end = start
    while end < len(folded) and _IS_WORD[folded[end]]:
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


def window_starts(length_bytes: int, step_bytes: int = WIDE.step_bytes, window_bytes: int = WIDE.size_bytes) -> Indices:
    """Starts of the windows of a slice: one per step, plus one that ends with the slice."""
    last = length_bytes - window_bytes
    starts: Any = np.arange(0, last + step_bytes, step_bytes)
    starts[-1] = last
    return starts  # type: ignore[no-any-return]
