"""An n-gram model by numpy: one vectorized pass, tens of microseconds. Where code is not compiled, and to train.

Every position of the text has a hash per byte n-gram that begins there; every word has hashes of itself and of
combinations with its neighbors. All of that is a few operations on whole arrays.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from extproc.detectors.text.ngram_scan import BYTE_MIX, IS_WORD, WORD_LENGTH_BYTES, WORD_MIX
from extproc.detectors.text.ngram_windows import (
    BLOCK_BYTES,
    NARROW,
    SLICE_BYTES_MAX,
    WIDE,
    WINDOWS_ALONE_MAX,
    Best,
    NgramShape,
    Scale,
    WindowShape,
    best_at,
    worse,
    worst_said_once,
)
from extproc.detectors.text.said_once import sums_of_equal_windows, sums_of_windows

Indices = npt.NDArray[np.int64]
_Hashes = npt.NDArray[np.uint64]
_Sums = npt.NDArray[np.int32]

_PADDING: Final = b" " + b"\0" * WORD_LENGTH_BYTES
_MASKS: Final[_Hashes] = np.array([(1 << 8 * length) - 1 for length in range(WORD_LENGTH_BYTES + 1)], np.uint64)
_MASK_OF_LENGTH: Final[_Hashes] = _MASKS.take(np.minimum(np.arange(SLICE_BYTES_MAX + 3), WORD_LENGTH_BYTES))
_BYTE_MIX: Final[_Hashes] = np.array(BYTE_MIX, np.uint64)
_WORD_MIX: Final[_Hashes] = np.array(WORD_MIX, np.uint64)

_BLOCK_STARTS: Final[Indices] = np.array([0, *range(0, SLICE_BYTES_MAX + 4 * BLOCK_BYTES, BLOCK_BYTES)], np.int64)
"""The first one twice: ``reduceat`` turns that into the arbitrary number that sums start from."""

_add_up: Any = np.add.reduce
"""What ``sum`` calls internally, without its overhead."""


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
        kinds = np.frombuffer(padded.translate(IS_WORD), np.bool_, length_bytes)
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


class ArrayScorer:
    """Scores slices of texts. Args: weights: one byte each, signed; ``2 ** shape.bits``."""

    def __init__(self, shape: NgramShape, weights: bytes, scale: Scale) -> None:
        self._scale = scale
        self._weights = np.frombuffer(weights, np.int8)
        self._reader = FeatureReader(shape)

    def best(self, folded: bytes, narrow: bool, repeats_from: float) -> Best:
        """The worst window; of a text that is shorter than one, all of it."""
        features = self._reader.read(folded)
        scores = self._sum_kinds(features.byte_ngrams)
        np.add.at(scores, features.word_starts, self._sum_kinds(features.word_ngrams.T))
        length_bytes = features.length_bytes
        whole = None
        if length_bytes <= WIDE.size_bytes:
            whole = Best(self._scale.odds(int(scores.sum()), length_bytes), 0, len(folded))
            if whole.log_odds > repeats_from:
                once = self._scale.odds(self._said_once(features, 0, length_bytes), length_bytes)
                whole = whole._replace(log_odds=min(whole.log_odds, once))
            if not narrow or length_bytes <= NARROW.size_bytes:
                return whole
        sums = _window_sums(scores)
        best = whole or self._best_window(features, sums, WIDE, repeats_from)
        return worse(best, self._best_window(features, sums, NARROW, repeats_from)) if narrow else best

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
        log_odds = self._scale.odds(total, window_bytes)
        if log_odds > repeats_from:
            totals = [*windows.tolist(), last]
            starts = window_starts(features.length_bytes, shape.step_bytes, window_bytes)
            once = _Once(self, features, starts, window_bytes)
            log_odds, worst = worst_said_once(totals, window_bytes, self._scale, repeats_from, once.total)
        return best_at(worst, log_odds, shape, features.length_bytes)

    def totals_said_once(self, features: Features, starts: Indices, window_bytes: int) -> list[int]:
        """The sum of each window with each feature counted once."""
        words = features.word_starts
        first, last = words.searchsorted(starts), words.searchsorted(starts + window_bytes)
        totals = sums_of_equal_windows(features.byte_ngrams, self._weights, starts, window_bytes)
        totals += sums_of_windows(features.word_ngrams, self._weights, first, last)
        return list(map(int, totals))

    def _said_once(self, features: Features, start: int, end: int) -> int:
        """The sum of a window with each feature counted once, regardless of repetitions."""
        first, last = np.searchsorted(features.word_starts, (start, end))
        once = np.unique(features.byte_ngrams[:, start:end])
        words_once = np.unique(features.word_ngrams[first:last])
        return int(self._weights.take(once).sum(dtype=np.int32) + self._weights.take(words_once).sum(dtype=np.int32))

    def total_said_once(self, features: Features, start: int, window_bytes: int) -> int:
        """The same of one window."""
        return self._said_once(features, start, start + window_bytes)


class _Once:
    """The totals of windows without repetitions: one by one, and once there are many, of all together."""

    def __init__(self, scorer: ArrayScorer, features: Features, starts: Indices, window_bytes: int) -> None:
        self._scorer = scorer
        self._features = features
        self._starts = starts
        self._window_bytes = window_bytes
        self._asked = 0
        self._totals: list[int] = []

    def total(self, number: int) -> int:
        """Of one window."""
        self._asked += 1
        if self._asked > WINDOWS_ALONE_MAX and not self._totals:
            self._totals = self._scorer.totals_said_once(self._features, self._starts, self._window_bytes)
        if self._totals:
            return self._totals[number]
        return self._scorer.total_said_once(self._features, int(self._starts[number]), self._window_bytes)


def window_starts(length_bytes: int, step_bytes: int = WIDE.step_bytes, window_bytes: int = WIDE.size_bytes) -> Indices:
    """Starts of the windows of a slice: one per step, plus one that ends with the slice."""
    last = length_bytes - window_bytes
    starts: Any = np.arange(0, last + step_bytes, step_bytes)
    starts[-1] = last
    return starts  # type: ignore[no-any-return]
