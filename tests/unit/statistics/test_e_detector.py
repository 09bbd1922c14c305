"""The e-detector: what it promises, by enumeration; what mixes and hours do to it."""

from __future__ import annotations

import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.statistics.e_detector import LOG_M_MAX, EDetector
from extproc.statistics.references import ExpectedValues
from extproc.statistics.sums import BlockSums, SumArrays
from tests.thorough import examples
from tests.unit.statistics.samples import LOG, RATE, any_log_sums, events, expected_of, log_sums

STEPS = 10
ALARM = 4.0
"""Low enough that a part of all sequences reaches it."""


def evidence_of(blocks: list[SumArrays], expected: ExpectedValues, steps: list[int] | None = None) -> list[float]:
    """After each block."""
    detector = EDetector(RATE, expected.level.shape)
    numbers = steps or list(range(len(blocks)))
    return [
        float(detector.observe(block, expected, step).log_evidence) for block, step in zip(blocks, numbers, strict=True)
    ]


@pytest.mark.parametrize("rate", [0.05, 0.3])
@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_the_mean_run_is_as_long_as_promised(rate: float, shared: float) -> None:
    """[SRR23]: at every stopping time the mean evidence is at most the mean number of steps.

    All sequences of ten answers, each a step; stopped at an alarm, or at the end.
    """
    expected = expected_of([rate], [rate * (1 - rate)], shared=shared)
    mean_evidence = mean_steps = alarms = 0.0
    for sequence in product((0, 1), repeat=STEPS):
        probability = rate ** sum(sequence) * (1 - rate) ** (STEPS - sum(sequence))
        evidence = np.exp(evidence_of([events((1, one)) for one in sequence], expected))
        stopped = next((number for number, one in enumerate(evidence) if one >= ALARM), STEPS - 1)
        mean_evidence += probability * evidence[stopped]
        mean_steps += probability * (stopped + 1)
        alarms += probability * (evidence[stopped] >= ALARM)
    assert mean_evidence <= mean_steps
    assert 0 < alarms < 0.5


def test_the_mean_over_strata_is_one_at_most() -> None:
    """All counts of two strata in one block, with rates that differ."""
    rates, counts = (0.1, 0.4), (6, 4)
    expected = expected_of(list(rates), [rate * (1 - rate) for rate in rates])
    mean = 0.0
    for happened in product(*(range(count + 1) for count in counts)):
        probability = math.prod(
            math.comb(count, k) * rate**k * (1 - rate) ** (count - k)
            for count, k, rate in zip(counts, happened, rates, strict=True)
        )
        block = events(*zip(counts, happened, strict=True))
        mean += probability * math.exp(evidence_of([block], expected)[0])
    assert mean == pytest.approx(1)


def strata(shares: list[float], rates: list[float], blocks: int) -> list[SumArrays]:
    """Blocks of 1,000 answers that have exactly these rates."""
    return [
        events(*((1_000 * share, 1_000 * share * rate) for share, rate in zip(shares, rates, strict=True)))
    ] * blocks


RATES = [0.01, 0.08]
BY_STRATUM = expected_of(RATES, [rate * (1 - rate) for rate in RATES])


def test_a_mix_that_shifts_is_no_drift() -> None:
    """Though the rate of all together triples; a reference without strata says so."""
    shifted = strata([0.1, 0.9], RATES, 60)
    assert max(evidence_of(shifted, BY_STRATUM)) <= 0.1
    pooled = expected_of([0.9 * 0.01 + 0.1 * 0.08], [0.017])
    without = [events((1_000, float(block.total.sum()))) for block in shifted]
    assert max(evidence_of(without, pooled)) > 15


def test_strata_add_to_each_other() -> None:
    """A drift everywhere is found with all answers; one of a stratum by its own evidence."""
    detector = EDetector(RATE, (2,))
    everywhere = [
        detector.observe(block, BY_STRATUM, step) for step, block in enumerate(strata([0.5, 0.5], [0.02, 0.16], 2))
    ]
    joint, *apart = everywhere[-1].log_parts
    assert joint > max(apart) > 3
    detector = EDetector(RATE, (2,))
    one = [detector.observe(block, BY_STRATUM, step) for step, block in enumerate(strata([0.1, 0.9], [0.03, 0.08], 20))]
    joint, first, second = one[-1].log_parts
    assert first > 15
    assert second < 1
    assert joint < first


def test_an_hour_that_deviates_is_less_evidence() -> None:
    """However many answers it has; ten hours that do add up."""
    variance = 0.02
    calm = expected_of([0.02], [0.0196], shared=variance)
    known = expected_of([0.02], [0.0196])
    hour = [events((10_000, 300))] * 20
    assert evidence_of(hour, known, [0] * 20)[-1] > 200
    within = evidence_of(hour, calm, [0] * 20)
    assert within[-1] < 1.4**2 / variance
    assert evidence_of(hour, calm)[-1] > 5 * within[-1]


@pytest.mark.parametrize("block", [BlockSums(), log_sums(1e9, 2.0, 0.8), log_sums(1e9, 2.0, 0.0)])
def test_what_does_not_drift_has_no_evidence(block: BlockSums) -> None:
    """Nothing, a billion answers, and a constant."""
    detector = EDetector(LOG, (1,))
    expected = expected_of([2.0], [0.64], shared=0.0)
    assert [float(detector.observe(SumArrays.of([block]), expected, step).log_evidence) for step in range(9)] <= [
        0.1
    ] * 9


def test_evidence_is_bounded_between_steps() -> None:
    """So that it falls soon after the end of a drift."""
    expected = expected_of([0.02], [0.0196])
    drift, calm = [events((10_000, 900))] * 50, [events((10_000, 200))] * 5
    evidence = evidence_of(drift + calm, expected)
    assert evidence[49] > LOG_M_MAX
    assert evidence[-1] < 1


def test_a_wider_spread_is_no_drift_of_the_mean() -> None:
    """The variance of recent answers counts where it is greater than that of the reference."""
    expected = expected_of([0.0], [0.09])
    chance = np.random.default_rng(7)
    values = chance.normal(0.0, 0.6, (400, 25))  # the reference has 0.3
    detector = EDetector(LOG, (1,))
    blocks = [SumArrays.of([BlockSums(25, float(row.sum()), float((row**2).sum()))]) for row in values]
    evidence = [float(detector.observe(block, expected, step).log_evidence) for step, block in enumerate(blocks)]
    assert max(evidence[20:]) < 7


@settings(max_examples=examples(30))
@given(st.lists(any_log_sums, min_size=2, max_size=6), st.integers(0, 5))
def test_a_restored_detector_goes_on_equally(blocks: list[BlockSums], cut: int) -> None:
    """Through JSON, at any place, within an hour too."""
    expected = expected_of([1.0], [0.5], margin=0.1, shared=0.02)
    whole, parted = EDetector(LOG, (1,)), EDetector(LOG, (1,))
    for number, block in enumerate(blocks):
        if number == cut:
            state = json.loads(json.dumps(parted.as_json(1)))
            parted = EDetector(LOG, (1,))
            parted.restore(state)
        found = [
            float(one.observe(SumArrays.of([block]), expected, number // 2).log_evidence) for one in (whole, parted)
        ]
        assert math.isfinite(found[0])
        assert found[0] == found[1]


def test_a_state_of_another_shape_is_refused() -> None:
    """As of an older program."""
    with pytest.raises(ValueError, match="state of drift: expected evidence of shape"):
        EDetector(RATE, (1,)).restore(EDetector(RATE, (2,)).as_json(2))
    with pytest.raises(ValueError, match="state of drift: expected evidence of shape"):
        EDetector(RATE, (1,)).restore(EDetector(LOG, (1,)).as_json(1))
