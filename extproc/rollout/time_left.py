"""How long a rollout will take to its next step, by the traffic of the last day. For people: nothing is decided by it.

The evidence that a gate is within its margin grows about linearly with answers. So the traffic that it takes in all is
that of now, times the threshold, divided by the evidence of now.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from extproc.config.rollouts import RolloutSection
from extproc.domain.rollout_gates import Worse
from extproc.rollout.decide import GateState, GateVerdict, RolloutVerdict
from extproc.rollout.journal import JournalEntry
from extproc.rollout.look import RolloutLook

TIME: Final = "time"
ANSWERS: Final = "answers"
_DAY_US: Final = 86_400_000_000
_GROWN: Final = 2.0
"""Evidence that is no more than at so many times fewer answers does not grow."""


class LookPoint(NamedTuple):
    """What a look of the journal knew.

    Attributes:
        at_us: since 1970 [us].
        answers: of the canary in this step.
        gates: of each gate the answers of the canary in all, and the log evidence that it is not worse.
    """

    at_us: int
    step: int
    answers: int
    gates: Mapping[str, tuple[float, float]]


class DueWhen(StrEnum):
    """What is known of a time."""

    THEN = "then"
    TOO_EARLY = "too_early"  # there are too few answers to tell
    NEVER = "never"  # by this traffic: there are no answers, or evidence does not grow


class Due(NamedTuple):
    """When something is enough. Attributes: seconds: from now; 0 unless ``when`` is ``THEN``."""

    when: DueWhen
    seconds: float = 0.0


class TimeLeft(NamedTuple):
    """An estimate.

    Attributes:
        due: the next step.
        waits_for: a gate, ``TIME`` or ``ANSWERS``, the one that takes longest; empty: nothing.
        answers_per_s: of the canary.
        gates: each required gate that is not decided.
        until_over_s: until the rollout is inconclusive.
    """

    due: Due
    waits_for: str
    answers_per_s: float
    gates: Mapping[str, Due]
    until_over_s: float


def look_points(entries: Iterable[JournalEntry]) -> list[LookPoint]:
    """Of the entries that have numbers. Raises: KeyError, TypeError, ValueError: an entry is damaged."""
    values = ((entry.at_us, entry.values) for entry in entries)
    return [_point(at_us, one["look"], one["verdict"]["gates"]) for at_us, one in values if one.get("look")]


def _point(at_us: int, look: Mapping[str, Any], gates: Sequence[Mapping[str, Any]]) -> LookPoint:
    known = ((gate["name"], gate["evidence"]) for gate in gates if gate["evidence"] is not None)
    found = {name: (one["canary_count"], one["log_not_worse"]) for name, one in known}
    finite = {name: both for name, both in found.items() if both[1] is not None}
    return LookPoint(at_us, look["step"], look["answers"], finite)


_NOW: Final = Due(DueWhen.THEN)
_ORDER: Final = (DueWhen.THEN, DueWhen.TOO_EARLY, DueWhen.NEVER)


def time_left(
    plan: RolloutSection, look: RolloutLook, verdict: RolloutVerdict, points: Sequence[LookPoint], now_us: int
) -> TimeLeft:
    """The estimate, of a rollout that runs. Args: points: of its journal, in order."""
    of_step = [one for one in points if one.step == look.step]
    rate = _answers_per_s(look, of_step, now_us)
    required = {one.name: one.worse for one in plan.compared_gates() if one.required}
    waiting = [gate for gate in verdict.gates if gate.name in required and gate.state is GateState.OPEN]
    gates = {gate.name: _gate_due(gate, required[gate.name], look, of_step, rate) for gate in waiting}
    step = plan.steps[look.step - 1]
    missing = max(step.answers_min - look.answers, 0)
    all_due = {
        TIME: Due(DueWhen.THEN, max(step.minutes_min * 60 - look.step_s, 0.0)),
        ANSWERS: _answers_due(missing, rate),
        **gates,
    }
    slowest = max(all_due, key=lambda name: (_ORDER.index(all_due[name].when), all_due[name].seconds))
    due = all_due[slowest]
    until_over_s = max(plan.at_most_hours * 3_600 - look.total_s, 0.0)
    return TimeLeft(due, "" if due == _NOW else slowest, rate, gates, until_over_s)


def _answers_per_s(look: RolloutLook, points: Sequence[LookPoint], now_us: int) -> float:
    """Of the canary, over this step or the last day of it."""
    began_us = now_us - int(look.step_s * 1e6)
    last_day = [one for one in points if one.at_us >= max(now_us - _DAY_US, began_us)]
    since_us, before = began_us, 0
    if began_us < now_us - _DAY_US and last_day:
        since_us, before = last_day[0].at_us, last_day[0].answers
    return max(look.answers - before, 0) / max((now_us - since_us) / 1e6, 1.0)


def _answers_due(missing: int, rate: float) -> Due:
    if not missing:
        return _NOW
    return Due(DueWhen.THEN, missing / rate) if rate else Due(DueWhen.NEVER)


def _gate_due(gate: GateVerdict, worse: Worse, look: RolloutLook, points: Sequence[LookPoint], rate: float) -> Due:
    found = gate.evidence
    if found is None or not rate:
        return Due(DueWhen.NEVER)
    if found.log_not_worse <= 0:
        return Due(DueWhen.NEVER if _is_beyond(gate, worse) else DueWhen.TOO_EARLY)
    if _stands_still(gate, points):
        return Due(DueWhen.NEVER)
    judged = max((float(one.canary.count.sum()) for one in look.gates.values()), default=0.0)
    return Due(DueWhen.THEN, judged * (gate.not_worse_at / found.log_not_worse - 1.0) / rate)


def _is_beyond(gate: GateVerdict, worse: Worse) -> bool:
    """Whether the difference, as it is seen, is more than the margin: then there will be no evidence of less."""
    assert gate.evidence is not None
    margin, seen = gate.promote if gate.is_rate else math.log1p(gate.promote), gate.evidence.estimate
    return {Worse.UP: seen, Worse.DOWN: -seen, Worse.EITHER: abs(seen)}[worse] >= margin


def _stands_still(gate: GateVerdict, points: Sequence[LookPoint]) -> bool:
    assert gate.evidence is not None
    count, evidence = gate.evidence.canary_count, gate.evidence.log_not_worse
    before = [one.gates[gate.name] for one in points if gate.name in one.gates]
    return any(then * _GROWN <= count and known >= evidence for then, known in before)
