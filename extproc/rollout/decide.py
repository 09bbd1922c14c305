"""What follows from a look at a rollout: it goes on, waits, goes back, or ends without an answer.

The order is fixed: hard failures and a canary that does not answer, units that are not shared out as they should be,
gates that are worse, then whether all is shown that it takes to go on. Everything is a function of the plan and the
look.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from extproc.config.rollouts import RolloutSection
from extproc.domain.rollout_gates import NO_ANSWER, NO_ANSWER_S, RolloutGate, widening
from extproc.rollout.look import ArmTries, RolloutLook
from extproc.statistics.gate_evidence import (
    EvidencePlan,
    GateMargins,
    GateSums,
    gate_evidence,
    log_promote_threshold,
    log_roll_back_threshold,
)
from extproc.statistics.hard_failure import HardFailures, log_hard_failure
from extproc.statistics.ratio_mismatch import log_mismatch

LOG_MISMATCH_AT: Final = -math.log(0.001)
"""Units are said to be shared out wrongly, though they are not, with a chance of one in a thousand."""
_PERCENT: Final = 100.0


class RolloutAction(StrEnum):
    """What is to be done."""

    ADVANCE = "advance"  # to the next step
    PROMOTE = "promote"  # all to the canary
    HOLD = "hold"  # the share stays as it is
    ROLL_BACK = "roll_back"  # all to the stable version
    INCONCLUSIVE = "inconclusive"  # the time is over


class GateState(StrEnum):
    """What is known of a gate."""

    WORSE = "worse"
    NOT_WORSE = "not_worse"  # by less than its margin
    OPEN = "open"
    NOT_MEASURED = "not_measured"  # neither arm has a value


class GateFound(NamedTuple):
    """``GateEvidence`` of one rollout, as numbers."""

    log_worse: float
    log_not_worse: float
    estimate: float
    low: float
    high: float
    canary_count: float
    stable_count: float
    canary_units: float
    stable_units: float


class GateVerdict(NamedTuple):
    """One gate. Attributes: promote: the margin of this step; worse_at, not_worse_at: log evidence that it takes."""

    name: str
    is_rate: bool
    state: GateState
    promote: float
    roll_back: float
    worse_at: float
    not_worse_at: float
    evidence: GateFound | None


class RolloutVerdict(NamedTuple):
    """A decision.

    Attributes:
        reasons: sentences for people, the one that decided first.
        mismatch, failure: log evidence that units are shared out wrongly, and of hard failures.
        left_out: likewise that what is left out depends on the arm.
    """

    action: RolloutAction
    reasons: tuple[str, ...]
    gates: tuple[GateVerdict, ...]
    mismatch: float
    left_out: float
    failure: float


def decide(plan: RolloutSection, look: RolloutLook) -> RolloutVerdict:
    """The decision. Args: plan: of a rollout that was checked."""
    gates = tuple(_judged(plan, gate, look) for gate in plan.compared_gates())
    mismatch = _mismatch(look.canary_units, look.stable_units, look)
    left_out = _mismatch(look.canary_left_out, look.stable_left_out, look)
    declared = plan.hard_failures.error_percent / _PERCENT
    failures = _failures(look.canary_tries, look), _failures(look.stable_tries, look)
    failure = float(log_hard_failure(*failures, np.array(look.shares), declared))
    verdict = RolloutVerdict(RolloutAction.HOLD, (), gates, mismatch, left_out, failure)
    action, reasons = _acted(plan, look, verdict)
    return verdict._replace(action=action, reasons=tuple(reasons))


def is_mismatched(verdict: RolloutVerdict) -> bool:
    """Whether arms do not have the units that they should have, so that nothing can be compared."""
    return max(verdict.mismatch, verdict.left_out) >= LOG_MISMATCH_AT


def _mismatch(canary: tuple[int, ...], stable: tuple[int, ...], look: RolloutLook) -> float:
    return float(log_mismatch(np.array(canary, float), np.array(stable, float), np.array(look.shares)))


def _acted(plan: RolloutSection, look: RolloutLook, verdict: RolloutVerdict) -> tuple[RolloutAction, list[str]]:
    if verdict.failure >= -math.log(plan.hard_failures.alpha):
        return RolloutAction.ROLL_BACK, [_failure_reason(plan, look.canary_tries)]
    worse = {gate.name: _worse_reason(gate, look) for gate in verdict.gates if gate.state is GateState.WORSE}
    if NO_ANSWER in worse:  # which also is why units are missing
        return RolloutAction.ROLL_BACK, [worse[NO_ANSWER]]
    if is_mismatched(verdict):
        is_of_units = verdict.mismatch >= LOG_MISMATCH_AT
        return RolloutAction.HOLD, [_mismatch_reason(look) if is_of_units else _left_out_reason(look)]
    if worse:
        return RolloutAction.ROLL_BACK, list(worse.values())
    missing = [*_too_soon(plan, look), *_missing(plan, verdict.gates)]
    if not missing:
        is_last = look.step + 1 >= len(plan.steps)
        return RolloutAction.PROMOTE if is_last else RolloutAction.ADVANCE, [_shown_reason(verdict.gates)]
    if look.total_s >= plan.at_most_hours * 3_600:
        return RolloutAction.INCONCLUSIVE, [f"{plan.at_most_hours} hours are over.", *missing]
    return RolloutAction.HOLD, missing


def _failures(tries: ArmTries, look: RolloutLook) -> HardFailures:
    """A unit that has failed counts once; what of it went well afterwards counts against the evidence."""
    failed_units = np.array(tries.failed_units or (0,) * look.step, float)
    attempts = tries.tries - tries.failed + failed_units.sum()
    return HardFailures(np.array(attempts), failed_units)


def _judged(plan: RolloutSection, gate: RolloutGate, look: RolloutLook) -> GateVerdict:
    promote = gate.promote * widening(look.shares[-1])
    worse_at, not_worse_at = log_roll_back_threshold(plan.alpha, gate.weight), log_promote_threshold(plan.alpha)
    sums = look.gates.get(gate.name)
    if sums is None or not _has_any(sums):
        state, found = GateState.NOT_MEASURED, None
        return GateVerdict(gate.name, gate.is_rate, state, promote, gate.roll_back, worse_at, not_worse_at, found)
    roll_back = -math.inf if gate.name == NO_ANSWER else gate.roll_back
    margins = GateMargins.stated(sums.kind, roll_back, promote)
    found = GateFound(*map(float, gate_evidence(sums, gate.worse, margins, EvidencePlan(alpha=plan.alpha))))
    state = GateState.OPEN
    if found.log_worse >= worse_at:
        state = GateState.WORSE
    elif found.log_not_worse >= not_worse_at:
        state = GateState.NOT_WORSE
    return GateVerdict(gate.name, gate.is_rate, state, promote, gate.roll_back, worse_at, not_worse_at, found)


def _has_any(sums: GateSums) -> bool:
    """Any answer of either arm, or any event: what has not ended is no answer yet."""
    found = (*(sums.events or ()), sums.canary.count, sums.stable.count)
    return any(bool(one.any()) for one in found)


# --- reasons, for people -------------------------------------------------------------------------------------------


def _mismatch_reason(look: RolloutLook) -> str:
    seen = sum(look.canary_units) + sum(look.stable_units)
    wanted = sum(
        share * (canary + stable)
        for share, canary, stable in zip(look.shares, look.canary_units, look.stable_units, strict=True)
    )
    return (
        f"{sum(look.canary_units):,} of {seen:,} units had the canary, and {wanted:,.0f} should have had it. Something "
        "loses exchanges of one version, so nothing can be compared: look for errors before the model, and for retries."
    )


def _left_out_reason(look: RolloutLook) -> str:
    canary, stable = sum(look.canary_left_out), sum(look.stable_left_out)
    return (
        f"Exchanges of {canary:,} units of the canary and of {stable:,} of the stable version are left out, which is "
        "not as units are shared, so the others cannot be compared. `rollout_left_out` of the ledger says why they are."
    )


def _failure_reason(plan: RolloutSection, tries: ArmTries) -> str:
    return (
        f"{tries.failed:,} of {tries.tries:,} exchanges of the canary failed, of {sum(tries.failed_units):,} units; "
        f"{plan.hard_failures.error_percent:g} % may fail."
    )


def _worse_reason(gate: GateVerdict, look: RolloutLook) -> str:
    events = look.gates[gate.name].events
    if gate.name != NO_ANSWER or events is None:
        return f"{gate.name} is worse: {in_words(gate)}."
    canary, stable = (int(one.sum()) for one in events)
    return (
        f"{gate.name} is worse: streams of {canary:,} units of the canary and of {stable:,} of the stable version had "
        f"no text for {NO_ANSWER_S} seconds."
    )


def _shown_reason(gates: tuple[GateVerdict, ...]) -> str:
    shown = sum(gate.state is GateState.NOT_WORSE for gate in gates)
    return f"All of {shown} gates are shown to be within their margins."


def _too_soon(plan: RolloutSection, look: RolloutLook) -> list[str]:
    step, minutes, found = plan.steps[look.step - 1], look.step_s / 60, []
    if minutes < step.minutes_min:
        found.append(f"{minutes:.0f} of at least {step.minutes_min} minutes at this share are over.")
    if look.answers < step.answers_min:
        found.append(f"The canary has {look.answers:,} of at least {step.answers_min:,} answers at this share.")
    return found


def _missing(plan: RolloutSection, gates: Sequence[GateVerdict]) -> Iterator[str]:
    """Required gates that are not decided. What neither arm has a value of is not compared."""
    required = {one.name for one in plan.compared_gates() if one.required}
    if all(gate.state is GateState.NOT_MEASURED for gate in gates):
        yield "No gate has a value yet."
    for gate in gates:
        if gate.state is GateState.OPEN and gate.name in required:
            yield f"{gate.name} is not decided: {in_words(gate)}."


def in_words(gate: GateVerdict) -> str:
    """The estimate of a gate with its interval, and the margin."""
    found = gate.evidence
    if found is None:
        return "no values"
    spans = [_amount(value, gate.is_rate) for value in (found.estimate, found.low, found.high)]
    unit = "points" if gate.is_rate else "%"
    return f"{spans[0]} {unit} ({spans[1]} to {spans[2]}), margin {gate.promote * _PERCENT:.3g}"


def _amount(value: float, is_rate: bool) -> str:
    if not math.isfinite(value):
        return "-" if value < 0 else "any"
    percent = _PERCENT * (value if is_rate else math.expm1(value))
    return f"{percent:+.0f}" if abs(percent) >= 10 else f"{percent:+.2g}"
