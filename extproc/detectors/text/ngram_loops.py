"""An n-gram model by compiled loops, without numpy.

``ngram_scan`` adds up what most texts need. Only if a window is suspicious, or a model has n-grams that the scan does
not know, positions are read (``ngram_positions``). As Python, all of this is far slower than numpy's arrays
(``ngram_arrays``).
"""

from __future__ import annotations

from typing import Final

from extproc.detectors.text.ngram_positions import Positions
from extproc.detectors.text.ngram_scan import BYTE_LENGTHS, WEIGHT_ZERO, NgramSums, sums_of, worst_window
from extproc.detectors.text.ngram_windows import (
    BLOCK_BYTES,
    NARROW,
    WIDE,
    Best,
    NgramShape,
    Scale,
    WindowShape,
    best_at,
    start_of,
    worse,
    worst_said_once,
)

_MOVED: Final = bytes(byte ^ WEIGHT_ZERO for byte in range(256))


class LoopScorer:
    """Scores slices of texts. Args: weights: one byte each, signed; ``2 ** shape.bits``."""

    def __init__(self, shape: NgramShape, weights: bytes, scale: Scale) -> None:
        self._shape = shape
        self._scale = scale
        self._weights = weights.translate(_MOVED)

    def best(self, folded: bytes, narrow: bool, repeats_from: float) -> Best:
        """The worst window; of a text that is shorter than one, all of it."""
        positions = None if self._shape.byte_lengths == BYTE_LENGTHS else Positions(folded, self._shape)
        weights = self._weights
        sums = sums_of(folded, weights, self._shape.bits) if positions is None else positions.sums(weights)
        reading = _Reading(folded, sums, positions)
        length_bytes = len(folded) + 2
        if length_bytes <= WIDE.size_bytes:
            best = Best(self._whole_odds(reading, length_bytes, repeats_from), 0, len(folded))
            if not narrow or length_bytes <= NARROW.size_bytes:
                return best
        else:
            best = self._best_window(reading, WIDE, length_bytes, repeats_from)
        return worse(best, self._best_window(reading, NARROW, length_bytes, repeats_from)) if narrow else best

    def _whole_odds(self, reading: _Reading, length_bytes: int, repeats_from: float) -> float:
        log_odds = self._scale.odds(reading.sums.wide, length_bytes)
        if log_odds > repeats_from:
            once = reading.positions_of(self._shape).total_once(self._weights, 0, length_bytes)
            log_odds = min(log_odds, self._scale.odds(once, length_bytes))
        return log_odds

    def _best_window(self, reading: _Reading, shape: WindowShape, length_bytes: int, repeats_from: float) -> Best:
        worst = worst_window(reading.sums, shape)
        log_odds, number = self._scale.odds(worst.total, shape.size_bytes), worst.number
        if log_odds > repeats_from:
            positions, weights = reading.positions_of(self._shape), self._weights

            def total_once(number: int) -> int:
                start = start_of(number, shape, length_bytes)
                return positions.total_once(weights, start, start + shape.size_bytes)

            totals = _totals(reading.sums, shape)
            log_odds, number = worst_said_once(totals, shape.size_bytes, self._scale, repeats_from, total_once)
        return best_at(number, log_odds, shape, length_bytes)


class _Reading:
    """A slice, its sums, and its positions once they are needed."""

    def __init__(self, folded: bytes, sums: NgramSums, positions: Positions | None) -> None:
        self.sums = sums
        self._folded = folded
        self._positions = positions

    def positions_of(self, shape: NgramShape) -> Positions:
        if self._positions is None:
            self._positions = Positions(self._folded, shape)
        return self._positions


def _totals(sums: NgramSums, shape: WindowShape) -> list[int]:
    """Of each window, the last one of which ends with the slice."""
    before, blocks, step = sums.before, shape.size_bytes // BLOCK_BYTES, shape.step_bytes // BLOCK_BYTES
    totals = [before[at + blocks] - before[at] for at in range(0, len(before) - blocks, step)]
    return [*totals, sums.wide if shape is WIDE else sums.narrow]
