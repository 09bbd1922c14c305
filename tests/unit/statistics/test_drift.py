"""The drift of a signal: references, strata by name, the alarm's hysteresis, and the state."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.statistics.drift import LOG_THRESHOLD_MIN, STRATA_MAX, Drift, ReferenceKind, SignalDrift, log_threshold
from extproc.statistics.references import (
    HOURS_A_WEEK,
    Reference,
    ReferenceState,
    SignalKind,
    pinned_reference,
    same_hours_reference,
)
from extproc.statistics.sums import BlockSums
from tests.thorough import examples
from tests.unit.statistics.samples import LOG, RATE, any_log_sums, log_sums, rate_sums

WEEK = {"chat, staff": BlockSums.of_events(300_000, 3_000), "chat, guests": BlockSums.of_events(100_000, 8_000)}
PINNED = pinned_reference(RATE, WEEK)


def rates(staff: float, guests: float, staff_share: float = 0.75) -> dict[str, BlockSums]:
    """A block of 400 answers that has exactly these rates."""
    first, second = 400 * staff_share, 400 * (1 - staff_share)
    return {
        "chat, staff": BlockSums.of_events(first, first * staff),
        "chat, guests": BlockSums.of_events(second, second * guests),
    }


def watched(
    blocks: Iterable[Mapping[str, BlockSums]],
    reference: Reference = PINNED,
    kind: SignalKind = RATE,
    threshold: float = 10.0,
) -> list[Drift]:
    """What is known after each block."""
    drift = SignalDrift(kind, threshold)
    return [drift.observe(block, reference, step) for step, block in enumerate(blocks)]


CALM, DOUBLED = rates(0.01, 0.08), rates(0.02, 0.16)


def test_a_drift_everywhere_raises_the_alarm() -> None:
    """With its effect, since it began."""
    found = watched([CALM] * 40 + [DOUBLED] * 10)
    assert [one.alarm for one in found[:40]] == [False] * 40
    last = found[-1]
    assert last.alarm
    assert last.stratum is None
    assert last.answers == 4_000
    assert last.effect is not None
    assert last.effect.ratio == pytest.approx(2, rel=0.01)
    assert 1.2 < last.effect.low < 2 < last.effect.high < 3
    assert last.reference is ReferenceState.READY


def test_a_drift_of_one_stratum_is_named() -> None:
    """And its effect is that of there."""
    found = watched([CALM] * 10 + [rates(0.01, 0.16, 0.95)] * 60)
    assert found[-1].alarm
    assert found[-1].stratum == "chat, guests"
    assert found[-1].effect is not None
    assert found[-1].effect.ratio == pytest.approx(2, rel=0.05)


def test_a_mix_that_shifts_raises_none() -> None:
    """Another team began to send: the rate of all together goes from 2.75 to 7.3 %."""
    found = watched([CALM] * 10 + [rates(0.01, 0.08, 0.1)] * 100)
    assert not any(one.alarm for one in found)
    pooled = pinned_reference(RATE, {"all": BlockSums.of_events(400_000, 11_000)})
    together = [{"all": block["chat, staff"] + block["chat, guests"]} for block in [rates(0.01, 0.08, 0.1)] * 100]
    assert watched(together, pooled)[-1].alarm


@pytest.mark.parametrize(
    ("window", "state"),
    [({}, ReferenceState.EMPTY), ({"chat, staff": BlockSums.of_events(20_000, 200)}, ReferenceState.FEW_EVENTS)],
)
def test_a_reference_without_data_raises_none(window: dict[str, BlockSums], state: ReferenceState) -> None:
    """It says so, whatever comes."""
    last = watched([rates(0.9, 0.9)] * 50, pinned_reference(RATE, window))[-1]
    assert (last.reference, last.alarm, last.effect) == (state, False, None)
    assert last.log_evidence == pytest.approx(0, abs=1e-12)
    assert last.left_out == ("chat, guests", "chat, staff")


def test_a_constant_raises_none_and_its_change_does() -> None:
    """As of a route that gives a number of one digit."""
    reference = pinned_reference(LOG, {"a": log_sums(5_000, 1.0, 0.0)})
    blocks = [{"a": log_sums(100, 1.0, 0.0)}] * 200 + [{"a": log_sums(100, 1.3, 0.0)}] * 3
    found = watched(blocks, reference, LOG)
    assert [one.alarm for one in found] == [False] * 200 + [True] * 3


def test_a_counter_that_begins_again_raises_none() -> None:
    """The increase is counted, and no block is negative."""
    total, counters = BlockSums(), []
    for block in range(60):
        total = BlockSums() if block in (20, 40) else total
        total += BlockSums.of_events(300, 3)
        counters.append(total)
    increases = [after.since(before) for before, after in zip([BlockSums(), *counters], counters, strict=False)]
    assert {one.count for one in increases} == {300}
    assert not any(one.alarm for one in watched([{"chat, staff": one} for one in increases]))


def test_the_alarm_does_not_come_and_go() -> None:
    """It is raised once, at the threshold, and cleared once, soon after the drift has ended."""
    found = watched([DOUBLED] * 20 + [CALM] * 100)
    raised = [number for number, one in enumerate(found) if one.alarm]
    assert raised == list(range(raised[0], raised[-1] + 1))
    assert found[raised[0]].log_evidence >= 10 > found[raised[0] - 1].log_evidence
    assert 20 < raised[-1] < 40
    assert found[-1].log_evidence <= 0


@pytest.mark.parametrize(("later", "cleared"), [(DOUBLED, False), (rates(0.0155, 0.124), False), (CALM, True)])
def test_a_drift_that_goes_on_stays_raised(later: dict[str, BlockSums], cleared: bool) -> None:
    """Also where it becomes smaller, but not by half."""
    found = watched([DOUBLED] * 20 + [later] * 60)
    assert any(not one.alarm for one in found[20:]) == cleared


def test_an_effect_that_falls_is_not_enough() -> None:
    """A few calm blocks: the evidence has hardly fallen."""
    found = watched([DOUBLED] * 20 + [CALM] * 3)
    assert [one.alarm for one in found[-4:]] == [True] * 4


def test_the_same_hours_of_last_week() -> None:
    """A rhythm is none; twice last week's rate is."""
    rhythm = [0.02 * (1.5 if hour % 24 < 8 else 1.0) for hour in range(HOURS_A_WEEK)]
    week = {"a": [BlockSums.of_events(4_000, 4_000 * rate) for rate in rhythm]}
    drift = SignalDrift(RATE, log_threshold(ReferenceKind.SAME_HOURS, RATE, 30))
    for hour in range(HOURS_A_WEEK):
        reference = same_hours_reference(RATE, week, hour)
        calm = drift.observe({"a": BlockSums.of_events(4_000, 4_000 * rhythm[hour])}, reference, hour)
        assert not calm.alarm
    for hour in range(3):
        reference = same_hours_reference(RATE, week, hour)
        last = drift.observe({"a": BlockSums.of_events(4_000, 8_000 * rhythm[hour])}, reference, HOURS_A_WEEK + hour)
    assert last.alarm


def test_more_strata_than_there_are_places() -> None:
    """Are named as left out; the others are compared."""
    names = [f"route {number}" for number in range(STRATA_MAX + 2)]
    reference = pinned_reference(RATE, dict.fromkeys(names, BlockSums.of_events(10_000, 200)))
    found = watched([dict.fromkeys(names, BlockSums.of_events(100, 10))] * 5, reference)
    assert found[-1].left_out == tuple(names[-2:])
    assert found[-1].alarm


@pytest.mark.parametrize("kind", SignalKind)
@pytest.mark.parametrize("reference", ReferenceKind)
def test_more_series_need_more_evidence(kind: SignalKind, reference: ReferenceKind) -> None:
    """By their logarithm; one is the least there is."""
    ten, hundred = (log_threshold(reference, kind, series) for series in (10, 100))
    assert hundred - ten == pytest.approx(math.log(10))
    assert ten > log_threshold(reference, kind, 0) == log_threshold(reference, kind, 1) > 0


@settings(max_examples=examples(30), deadline=None)
@given(
    st.sampled_from(list(SignalKind)),
    st.lists(st.tuples(st.sampled_from("abc"), rate_sums, any_log_sums), min_size=1, max_size=8),
    st.integers(0, 8),
    st.integers(1, 3),
)
def test_a_restored_state_goes_on_equally(
    kind: SignalKind, drawn: list[tuple[str, BlockSums, BlockSums]], cut: int, hour: int
) -> None:
    """Through JSON, after any block; and whatever comes, all is finite."""
    window = {"a": BlockSums.of_events(10**6, 10**4), "b": BlockSums.of_events(10**4, 600)}
    reference = pinned_reference(kind, window, tolerance=1.05)
    whole, parted = (SignalDrift(kind, 8.0) for _ in range(2))
    for number, (name, of_rate, of_log) in enumerate(drawn):
        if number == cut:
            parted = SignalDrift.restored(kind, 8.0, json.loads(json.dumps(parted.as_json())))
        block = {name: of_rate if kind is RATE else of_log}
        first, second = (one.observe(block, reference, number // hour) for one in (whole, parted))
        assert first == second
        assert math.isfinite(first.log_evidence)
        assert first.effect is None or all(map(math.isfinite, first.effect))
    json.dumps(whole.as_json(), allow_nan=False)


def test_a_stratum_first_seen_within_a_step_starts_there_also_after_a_restart() -> None:
    """The interval depends on where the evidence began, and nothing is kept of a stratum before it has a place."""
    whole = SignalDrift(RATE, 8.0)
    for step in (0, 0, 1):
        whole.observe({"chat, staff": CALM["chat, staff"]}, PINNED, step)
    parted = SignalDrift.restored(RATE, 8.0, json.loads(json.dumps(whole.as_json())))
    block = {"chat, staff": BlockSums.of_events(4_000, 20), "chat, guests": DOUBLED["chat, guests"]}
    first, second = (one.observe(block, PINNED, 1) for one in (whole, parted))
    assert first == second
    assert first.stratum == "chat, guests"


def test_recent_levels_are_those_of_the_last_answers() -> None:
    """What was seen, and what was expected of each stratum; none without answers."""
    found = watched([{}, *[CALM] * 10, *[DOUBLED] * 30])
    assert found[0].recent is None
    calm, doubled = found[10].recent, found[-1].recent
    assert calm is not None
    assert doubled is not None
    assert 0.01 < calm.expected < 0.08
    assert calm.seen == pytest.approx(calm.expected, rel=0.01)
    assert doubled.expected == pytest.approx(calm.expected, rel=0.01)
    assert doubled.seen == pytest.approx(2 * doubled.expected, rel=0.05)
    lengths = pinned_reference(LOG, {"a": log_sums(10_000, 3.0, 0.5)})
    (length,) = watched([{"a": log_sums(100, 2.0, 0.5)}], lengths, LOG)
    assert length.recent is not None
    assert length.recent.seen == pytest.approx(math.exp(2))
    assert length.recent.expected == pytest.approx(math.exp(3))


def test_more_false_alarms_are_a_lower_threshold() -> None:
    """Ten times as many, ten times less evidence."""
    one, ten = (log_threshold(ReferenceKind.PINNED, RATE, 30, false_alarms_a_month=each) for each in (1.0, 10.0))
    assert one - ten == pytest.approx(math.log(10))


def test_the_least_threshold() -> None:
    """One signal, and a hundred false alarms a month: no evidence is still no alarm."""
    for reference, kind in itertools.product(ReferenceKind, SignalKind):
        assert log_threshold(reference, kind, 1, false_alarms_a_month=100.0) >= LOG_THRESHOLD_MIN


def test_the_share_at_which_an_alarm_is_cleared() -> None:
    """A lower one keeps it longer."""
    blocks = [*[CALM] * 10, *[DOUBLED] * 10, *[CALM] * 100]

    def alarms(share: float) -> int:
        drift = SignalDrift(RATE, 10.0, share)
        return sum(drift.observe(block, PINNED, step).alarm for step, block in enumerate(blocks))

    assert 5 < alarms(0.9) < alarms(0.5) < alarms(0.2) < 110
