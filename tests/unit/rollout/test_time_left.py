"""How long the next step takes: by the traffic of the last day, and "not by it" where evidence does not grow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.rollouts import RolloutStep
from extproc.rollout.decide import GateState, decide
from extproc.rollout.explain import noted, verdict_json
from extproc.rollout.journal import PROCESSOR, JournalEntry, JournalKind, appended
from extproc.rollout.look import RolloutLook
from extproc.rollout.time_left import ANSWERS, TIME, Due, DueWhen, LookPoint, TimeLeft, look_points, time_left
from tests.thorough import examples
from tests.unit.rollout.samples import PLAN, look, plan

NOW_US = 1_800_000_000_000_000
HOUR_S, DAY_S = 3_600.0, 86_400.0


def left_of(found: RolloutLook, *points: LookPoint, **changed: Any) -> TimeLeft:
    """Now."""
    terms = plan(**changed)
    return time_left(terms, found, decide(terms, found), points, NOW_US)


def point(answers: int, hours_ago: float, **gates: tuple[float, float]) -> LookPoint:
    """A look of the first step."""
    return LookPoint(NOW_US - int(hours_ago * HOUR_S * 1e6), 1, answers, gates)


def entry(found: RolloutLook, before: JournalEntry | None = None) -> JournalEntry:
    """One of a journal."""
    content = noted(JournalKind.LOOKED, PROCESSOR, look=found.as_json(), verdict=verdict_json(decide(PLAN, found)))
    return appended(before, "r1", NOW_US, content)


@given(st.integers(60, 2_000), st.floats(0.5, 20.0))
@settings(max_examples=examples(20))
def test_it_is_what_the_slowest_gate_takes_at_this_rate(answers: int, hours: float) -> None:
    """As much of the time until now as evidence is missing of what it takes."""
    found = look([answers], step_s=hours * HOUR_S)
    left = left_of(found)
    assert left.answers_per_s == pytest.approx(answers / (hours * HOUR_S))
    of_gates = {gate.name: gate for gate in decide(PLAN, found).gates}
    assert set(left.gates) == {name for name, gate in of_gates.items() if gate.state is GateState.OPEN}
    for name, due in left.gates.items():
        evidence = of_gates[name].evidence
        assert evidence is not None
        assert due.when is (DueWhen.THEN if evidence.log_not_worse > 0 else DueWhen.TOO_EARLY)
        if due.when is DueWhen.THEN:
            whole_s = hours * HOUR_S * of_gates[name].not_worse_at / evidence.log_not_worse
            assert due.seconds == pytest.approx(whole_s - hours * HOUR_S)
    assert left.due == left.gates.get(left.waits_for, left.due)
    assert all(due.seconds <= left.due.seconds or left.due.when is not DueWhen.THEN for due in left.gates.values())


def test_it_is_about_what_it_then_takes() -> None:
    """The same difference, seen on as many more answers as it says, is about decided: no half, no double."""
    left = left_of(look([600], step_s=HOUR_S), alpha=1e-6)
    assert (left.due.when, left.waits_for) == (DueWhen.THEN, "error")
    needed = 600 * (1 + left.due.seconds / HOUR_S)
    for factor, is_decided in ((0.6, False), (1.4, True)):
        verdict = decide(plan(alpha=1e-6), look([round(needed * factor)], step_s=HOUR_S))
        (slowest,) = (gate for gate in verdict.gates if gate.name == left.waits_for)
        assert (slowest.state is GateState.NOT_WORSE) is is_decided


def test_the_rate_is_that_of_the_last_day() -> None:
    """A rush of a week ago is not today's traffic."""
    found = look([3_000], step_s=7 * DAY_S)
    assert left_of(found).answers_per_s == pytest.approx(3_000 / (7 * DAY_S))
    left = left_of(found, point(2_000, 100.0), point(2_880, 20.0), point(2_990, 1.0))
    assert left.answers_per_s == pytest.approx(120 / (20 * HOUR_S))


def test_what_does_not_grow_is_not_decided_by_this_traffic() -> None:
    """A difference beyond the margin, as much evidence as at half of the answers, or no answers at all."""
    assert left_of(look([60], {"truncated": 0.12}, step_s=HOUR_S)).gates["truncated"].when is DueWhen.NEVER
    found = look([600], step_s=HOUR_S)
    for then, when in (
        ((290.0, 50.0), DueWhen.NEVER),
        ((290.0, 0.1), DueWhen.THEN),
        ((500.0, 50.0), DueWhen.THEN),
    ):
        assert left_of(found, point(290, 0.5, truncated=then), alpha=1e-6).gates["truncated"].when is when
    still = left_of(look([600], step_s=HOUR_S, answers=0), alpha=1e-6)
    assert (still.due.when, still.answers_per_s) == (DueWhen.NEVER, 0.0)
    assert still.gates["error"].when is DueWhen.NEVER


def test_the_least_time_and_the_least_answers_count() -> None:
    """What takes longest is named; where nothing is waited for, nothing is."""
    found = look([50_000], step_s=60.0)
    steps = (RolloutStep(percent=5, minutes_min=61, answers_min=0), RolloutStep(percent=100))
    left = left_of(found, steps=steps)
    assert (left.due, left.waits_for) == (Due(DueWhen.THEN, 3_600.0), TIME)
    steps = (RolloutStep(percent=5, minutes_min=0, answers_min=150_000), RolloutStep(percent=100))
    left = left_of(found, steps=steps)
    assert left.waits_for == ANSWERS
    assert left.due.seconds == pytest.approx(120.0)
    left = left_of(found, at_most_hours=2)
    assert (left.due.seconds, left.waits_for, left.until_over_s) == (0.0, "", 3_600.0)


def test_points_are_those_of_a_journal() -> None:
    """Of the entries with numbers; evidence that is not finite is none."""
    first = appended(None, "r1", NOW_US, noted(JournalKind.STARTED, "kim", plan=PLAN.model_dump_json(), arms={}))
    looked = entry(look([1_000]), first)
    (found,) = look_points([first, looked])
    assert (found.at_us, found.step, found.answers) == (NOW_US, 1, 1_000)
    assert found.gates["refusal"][0] == 1_000
    assert set(found.gates) == {"error", "refusal", "truncated", "length", "token_time"}
    with pytest.raises(KeyError):
        look_points([appended(None, "r1", NOW_US, noted(JournalKind.LOOKED, PROCESSOR, look={"step": 1}))])
