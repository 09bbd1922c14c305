"""Gates in the numbers that people and controllers read."""

from __future__ import annotations

import math

from extproc.rollout.decide import decide
from extproc.rollout.shown_gates import ShownGate, shown_gate
from tests.unit.rollout.samples import PLAN, look


def shown(**canary: float) -> dict[str, ShownGate]:
    """By name, of a look at a canary that differs."""
    verdict = decide(PLAN, look([2_000], canary))
    return {gate.name: shown_gate(gate) for gate in verdict.gates}


def test_rates_are_in_points_and_values_in_percent() -> None:
    """Refusals 2 to 12 % are 10 points; a fifth more tokens is 20 %, not a log ratio."""
    found = shown(refusal=0.12, length=math.log(240))
    refusal, length = found["refusal"], found["length"]
    assert (refusal.unit, refusal.harmful, refusal.state) == ("points", "up", "worse")
    assert refusal.difference is not None
    assert abs(refusal.difference - 10) < 0.1
    assert (length.unit, length.harmful) == ("percent", "either")
    assert length.difference is not None
    assert abs(length.difference - 20) < 0.1
    assert length.low is not None
    assert length.high is not None
    assert length.low < length.difference < length.high


def test_evidence_is_a_part_of_what_it_takes() -> None:
    """1 and more: it is decided."""
    found = shown(refusal=0.12)
    assert found["refusal"].evidence_worse >= 1 > found["refusal"].evidence_not_worse
    assert found["error"].evidence_worse < 1


def test_what_is_not_measured_has_no_numbers() -> None:
    """And no evidence."""
    feedback = shown()["feedback"]
    assert (feedback.state, feedback.difference, feedback.low, feedback.high) == ("not_measured", None, None, None)
    assert (feedback.evidence_worse, feedback.evidence_not_worse) == (0, 0)
