"""The four outcomes, what comes first, and what people are told."""

from __future__ import annotations

import math

import pytest

from extproc.config.rollouts import GateTerms
from extproc.rollout.decide import GateState, RolloutAction, decide, is_mismatched
from extproc.rollout.look import ArmTries
from tests.unit.rollout.samples import HEALTHY, PLAN, gate, look, plan


def test_a_version_that_is_as_good_goes_on() -> None:
    """To the next share; from the last but one it is promoted."""
    first = decide(PLAN, look([5_000]))
    assert first.action is RolloutAction.ADVANCE
    assert first.reasons == ("All of 5 gates are shown to be within their margins.",)
    assert decide(PLAN, look([5_000, 5_000, 60_000])).action is RolloutAction.PROMOTE


def test_few_answers_decide_nothing() -> None:
    """It says which gates are open, with their intervals."""
    verdict = decide(PLAN, look([400]))
    assert verdict.action is RolloutAction.HOLD
    refusal = next(one for one in verdict.reasons if one.startswith("refusal is not decided: "))
    assert refusal.endswith(" points (-3.5 to +3.5), margin 4.")  # four times as wide at 5 %


@pytest.mark.parametrize(
    ("signal", "worse"),
    [
        ("refusal", 0.05),
        ("truncated", 0.10),
        ("token_time", HEALTHY["token_time"] + math.log(1.2)),
        ("length", HEALTHY["length"] + math.log(1.3)),
        ("length", HEALTHY["length"] - math.log(1.3)),
    ],
)
def test_a_version_that_is_worse_goes_back(signal: str, worse: float) -> None:
    """Each gate does that by itself, and length in either direction."""
    verdict = decide(PLAN, look([3_000], {signal: worse}))
    assert verdict.action is RolloutAction.ROLL_BACK
    assert verdict.reasons[0].startswith(f"{signal} is worse: ")
    assert [one.name for one in verdict.gates if one.state is GateState.WORSE] == [signal]


def test_a_version_that_is_better_goes_on() -> None:
    """No gate but length minds that."""
    better = {"refusal": 0.005, "truncated": 0.01, "token_time": HEALTHY["token_time"] - math.log(1.5)}
    assert decide(PLAN, look([5_000], better)).action is RolloutAction.ADVANCE


def test_the_least_time_and_answers_of_a_step() -> None:
    """What is shown sooner waits for them."""
    patient = plan(steps=tuple(step.model_copy(update={"minutes_min": 90}) for step in PLAN.steps))
    verdict = decide(patient, look([5_000]))
    assert verdict.action is RolloutAction.HOLD
    assert verdict.reasons == ("60 of at least 90 minutes at this share are over.",)
    many = plan(steps=tuple(step.model_copy(update={"answers_min": 9_000}) for step in PLAN.steps))
    assert decide(many, look([5_000])).reasons == ("The canary has 5,000 of at least 9,000 answers at this share.",)


def test_too_little_traffic_is_inconclusive_in_the_end() -> None:
    """And it says what is not known."""
    verdict = decide(PLAN, look([400], total_s=PLAN.at_most_hours * 3_600.0))
    assert verdict.action is RolloutAction.INCONCLUSIVE
    assert verdict.reasons[0] == "336 hours are over."
    assert verdict.reasons[1].startswith("error is not decided")


def test_hard_failures_go_back_at_once() -> None:
    """With tens of exchanges, long before any gate."""
    verdict = decide(PLAN, look([30], canary_tries=ArmTries(30, 6, (5,))))
    assert verdict.action is RolloutAction.ROLL_BACK
    assert verdict.reasons == ("6 of 30 exchanges of the canary failed, of 5 units; 1 % may fail.",)


def test_one_user_with_a_broken_request_is_no_hard_failure() -> None:
    """However often it is sent."""
    assert decide(PLAN, look([60], canary_tries=ArmTries(60, 30, (1,)))).action is RolloutAction.HOLD


def test_an_outage_of_both_is_nobodys_fault() -> None:
    """The stable version fails as often."""
    tried = look([60], canary_tries=ArmTries(60, 30, (30,)), stable_tries=ArmTries(1_140, 570, (570,)))
    assert decide(PLAN, tried).action is RolloutAction.HOLD


def test_units_that_are_shared_out_wrongly_hold_everything() -> None:
    """Nothing can be compared, whatever the gates say."""
    verdict = decide(PLAN, look([3_000], {"refusal": 0.2}, canary_units=(900,), stable_units=(5_700,)))
    assert is_mismatched(verdict)
    assert verdict.action is RolloutAction.HOLD
    assert verdict.reasons[0].startswith("900 of 6,600 units had the canary, and 330 should have had it.")


def test_what_is_left_out_must_not_depend_on_the_arm() -> None:
    """A canary whose clients leave before the first word would look better than it is."""
    verdict = decide(PLAN, look([5_000], canary_left_out=(60,), stable_left_out=(90,)))
    assert is_mismatched(verdict)
    assert verdict.action is RolloutAction.HOLD
    assert verdict.reasons[0].startswith(
        "Exchanges of 60 units of the canary and of 90 of the stable version are left out"
    )
    assert decide(PLAN, look([5_000], canary_left_out=(6,), stable_left_out=(90,))).action is RolloutAction.ADVANCE


def test_a_gate_that_is_left_out_decides_nothing() -> None:
    """Others share its part of alpha."""
    without = plan(gates=(GateTerms(gate="refusal", compared=False),))
    assert decide(without, look([5_000], {"refusal": 0.2})).action is RolloutAction.ADVANCE
    assert sum(gate.weight for gate in without.compared_gates()) == pytest.approx(1)


def test_feedback_that_never_comes_holds_nothing_up() -> None:
    """But what comes can roll back."""
    seen = look([5_000])
    silent = gate("feedback", [(5_000, 0.0)], [(95_000, 0.0)], [0.05])
    verdict = decide(PLAN, seen._replace(gates={**seen.gates, "feedback": silent}))
    assert verdict.action is RolloutAction.ADVANCE
    angry = gate("feedback", [(5_000, 0.05)], [(95_000, 0.005)], [0.05])
    verdict = decide(PLAN, seen._replace(gates={**seen.gates, "feedback": angry}))
    assert verdict.action is RolloutAction.ROLL_BACK
    assert verdict.reasons[0].startswith("feedback is worse: +4.5 points")


def test_margins_of_the_plan() -> None:
    """What is worse by less than `roll_back_percent` is not rolled back, and does not go on either."""
    lenient = plan(gates=(GateTerms(gate="length", roll_back_percent=50, promote_percent=10),))
    longer = look([3_000, 3_000, 3_000], {"length": HEALTHY["length"] + math.log(1.3)})
    verdict = decide(lenient, longer)
    assert verdict.action is RolloutAction.HOLD
    assert [reason.partition(" ")[0] for reason in verdict.reasons] == ["length"]


def test_without_any_value_nothing_goes_on() -> None:
    """Though nothing is required."""
    eager = plan(steps=tuple(step.model_copy(update={"answers_min": 0}) for step in PLAN.steps))
    verdict = decide(eager, look([0], gates={}))
    assert verdict.action is RolloutAction.HOLD
    assert verdict.reasons == ("No gate has a value yet.",)
