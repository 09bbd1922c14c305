"""A gate in the numbers that people and controllers read: points or percent, and parts of what it takes to decide."""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple

from extproc.domain.rollout_gates import GATES
from extproc.rollout.decide import GateVerdict

_PERCENT: Final = 100.0
_HARMFUL: Final = {gate.name: gate.worse for gate in GATES}


class ShownGate(NamedTuple):
    """One gate.

    Attributes:
        unit: of differences and margins: of rates points, otherwise percent.
        harmful: the direction that harms.
        margin: of this step, to go on; ``roll_back_margin``: to go back.
        difference: of the canary; ``low`` and ``high``: its interval. None: not known.
        evidence_worse: its logarithm as a part of what it takes to roll back; 1: enough.
        evidence_not_worse: likewise to go on.
    """

    gate: str
    state: Literal["worse", "not_worse", "open", "not_measured"]
    unit: Literal["points", "percent"]
    harmful: Literal["up", "down", "either"]
    margin: float
    roll_back_margin: float
    difference: float | None
    low: float | None
    high: float | None
    evidence_worse: float
    evidence_not_worse: float


def shown_gate(gate: GateVerdict) -> ShownGate:
    """The numbers of a gate."""
    found = gate.evidence
    spans = (None, None, None) if found is None else (found.estimate, found.low, found.high)
    difference, low, high = (_shown(span, gate.is_rate) for span in spans)
    worse, not_worse = (0.0, 0.0) if found is None else (found.log_worse, found.log_not_worse)
    return ShownGate(
        gate=gate.name,
        state=gate.state.value,
        unit="points" if gate.is_rate else "percent",
        harmful=_HARMFUL[gate.name].value,
        margin=_PERCENT * gate.promote,
        roll_back_margin=_PERCENT * gate.roll_back,
        difference=difference,
        low=low,
        high=high,
        evidence_worse=max(worse, 0.0) / gate.worse_at,
        evidence_not_worse=max(not_worse, 0.0) / gate.not_worse_at,
    )


def _shown(value: float | None, is_rate: bool) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return _PERCENT * (value if is_rate else math.expm1(value))
