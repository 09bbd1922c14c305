"""Effects hold the truth at every look, and say what is seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.statistics.effects import Deviation
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import BlockSums
from tests.thorough import examples
from tests.unit.statistics.samples import LOG, RATE, any_log_sums, log_sums, rate_sums


def difference(block: BlockSums, level: float, error: float = 0.0) -> Deviation:
    """Of one block."""
    made = Deviation()
    made.add(block, level, error)
    return made


def test_the_ratio_of_rates_and_of_geometric_means() -> None:
    """With intervals around it."""
    rate = difference(BlockSums.of_events(50_000, 2_000), 0.02).effect(RATE, 1)
    assert rate is not None
    assert rate.ratio == pytest.approx(2)
    assert 1.8 < rate.low < 2 < rate.high < 2.2
    length = difference(log_sums(5_000, 3 + math.log(0.8), 0.8), 3.0).effect(LOG, 1)
    assert length is not None
    assert length.ratio == pytest.approx(0.8)
    assert 0.75 < length.low < 0.8 < length.high < 0.85


def test_answers_of_strata_are_compared_with_their_own_levels() -> None:
    """A mix that shifts has no effect."""
    both = difference(BlockSums.of_events(1_000, 10), 0.01)
    both.add(BlockSums.of_events(9_000, 720), 0.08, 0.0)
    effect = both.effect(RATE, 1)
    assert effect is not None
    assert effect.ratio == pytest.approx(1)


def test_without_answers_there_is_none() -> None:
    """Not 0."""
    assert Deviation().effect(RATE, 1) is None
    assert Deviation().log_ratio(LOG) == 0


def test_what_is_less_known_is_wider() -> None:
    """By the error of the reference, and by the number of starts there were."""
    block = BlockSums.of_events(5_000, 150)
    known, estimated = (difference(block, 0.02, error).effect(RATE, 1) for error in (0.0, 0.05))
    late = difference(block, 0.02).effect(RATE, 10_000)
    assert known is not None
    assert estimated is not None
    assert late is not None
    for wider in (estimated, late):
        assert wider.low < known.low
        assert wider.high > known.high


@pytest.mark.parametrize("kind", SignalKind)
def test_intervals_hold_at_every_look(kind: SignalKind) -> None:
    """At least 95 of 100 runs of 2,000 answers, looked at after each ten, with an estimated reference."""
    chance, missed, runs = np.random.default_rng(3), 0, 100
    for _ in range(runs):
        error = 0.03
        level = 0.1 * math.exp(chance.normal(0, error)) if kind is RATE else 1.0 + chance.normal(0, error)
        made, left = Deviation(), False
        for _ in range(200):
            if kind is RATE:
                block = BlockSums.of_events(10, int(chance.binomial(10, 0.2)))
            else:
                values = chance.normal(1.3, 0.7, 10)
                block = BlockSums(10, float(values.sum()), float((values**2).sum()))
            made.add(block, level, error)
            effect = made.effect(kind, 1)
            assert effect is not None
            true = 2.0 if kind is RATE else math.exp(0.3)
            left |= made.count >= 50 and not effect.low <= true <= effect.high
        missed += left
    assert missed <= 5


@settings(max_examples=examples(50))
@given(st.lists(rate_sums, min_size=1), st.lists(any_log_sums, min_size=1), st.integers(1, 10**9))
def test_effects_are_finite(rates: list[BlockSums], logs: list[BlockSums], start: int) -> None:
    """And in order, whatever is compared."""
    for kind, blocks, level in ((RATE, rates, 1e-9), (LOG, logs, -300.0)):
        made = Deviation()
        for block in blocks:
            made.add(block, level, 3.0)
        effect = made.effect(kind, start)
        if effect is not None:
            assert all(map(math.isfinite, effect))
            assert effect.low <= effect.ratio <= effect.high
