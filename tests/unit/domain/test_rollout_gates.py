"""The gates of a rollout: margins that can be shown, and words for each."""

from __future__ import annotations

import pytest

from extproc.config.rollouts import GateTerms, RolloutSection
from extproc.domain.rollout_gates import GATE_NAMES, GATES, RolloutGate, widening


def test_margins_are_ordered() -> None:
    """What is rolled back beyond its margin is smaller than what may go on, so that no difference is both."""
    for gate in GATES:
        assert 0 <= gate.roll_back < gate.promote < 1
    assert len(set(GATE_NAMES)) == len(GATES)


@pytest.mark.parametrize("gate", GATES, ids=GATE_NAMES)
def test_each_has_words(gate: RolloutGate) -> None:
    """Of what it is, and of what it means for users."""
    assert gate.meaning
    assert gate.harm
    assert not gate.meaning.endswith(".")


def test_small_shares_have_wider_margins() -> None:
    """And never narrower ones than a larger share."""
    widths = [widening(percent / 100) for percent in range(1, 101)]
    assert widths == sorted(widths, reverse=True)
    assert (widening(0.05), widening(0.25), widening(0.5), widening(1.0)) == (4, 2, 1, 1)


def test_weights_of_a_plan_add_up_to_one() -> None:
    """Whatever is left out; margins of the plan replace those of the gate, as shares."""
    plan = RolloutSection(
        name="a",
        model="m",
        stable="v1",
        canary="v2",
        gates=(
            GateTerms(gate="length", compared=False),
            GateTerms(gate="refusal", promote_percent=2, roll_back_percent=0.5),
        ),
    )
    gates = {gate.name: gate for gate in plan.compared_gates()}
    assert "length" not in gates
    assert (gates["refusal"].promote, gates["refusal"].roll_back) == (0.02, 0.005)
    assert sum(gate.weight for gate in gates.values()) == pytest.approx(1)
