"""What one decision is made from: sums by step of both arms. The journal has it, so it is all that there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple, Self

import numpy as np

from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.gate_evidence import FirstEvents, GateSums
from extproc.statistics.references import SignalKind

_UNITS = ("canary_units", "stable_units", "canary_left_out", "stable_left_out")
_SUMS = tuple(one.name for one in fields(ClusterSums) if one.name != "buckets")


class ArmTries(NamedTuple):
    """All exchanges of one arm that were sent on, those of the warm-up too.

    Attributes:
        failed: that failed at the model server.
        failed_units: of how many units, by step; each counts once, in the step of its first failure.
    """

    tries: int = 0
    failed: int = 0
    failed_units: tuple[int, ...] = ()


class RolloutLook(NamedTuple):
    """All that a decision is made from.

    Attributes:
        step: where the rollout stands, from 1 on.
        step_s: since it has stood there; ``total_s``: since it began. [s]
        shares: of the canary, by step up to this one.
        answers: of the canary in this step.
        gates: by name.
        canary_units, stable_units: by step, how many were seen first then.
        canary_left_out, stable_left_out: likewise, of which an exchange was left out first then.
    """

    step: int
    step_s: float
    total_s: float
    shares: tuple[float, ...]
    answers: int
    gates: Mapping[str, GateSums]
    canary_units: tuple[int, ...]
    stable_units: tuple[int, ...]
    canary_left_out: tuple[int, ...]
    stable_left_out: tuple[int, ...]
    canary_tries: ArmTries
    stable_tries: ArmTries

    def as_json(self) -> dict[str, Any]:
        """For the journal: names, numbers and lists."""
        gates = {name: _gate_json(gate) for name, gate in sorted(self.gates.items())}
        return {**self._asdict(), "gates": gates}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """What ``as_json`` gave. Raises: KeyError, TypeError, ValueError."""
        shares = tuple(values["shares"])
        gates = {name: _gate(gate, shares) for name, gate in values["gates"].items()}
        units = {name: tuple(values[name]) for name in _UNITS}
        tries = {name: _tries(*values[name]) for name in ("canary_tries", "stable_tries")}
        return cls(**{**values, "shares": shares, "gates": gates, **units, **tries})


def _tries(tries: int, failed: int, failed_units: list[int]) -> ArmTries:
    return ArmTries(tries, failed, tuple(failed_units))


def _gate_json(gate: GateSums) -> dict[str, Any]:
    events = None if gate.events is None else [one.tolist() for one in gate.events]
    return {
        "kind": gate.kind.value,
        "canary": _sums_json(gate.canary),
        "stable": _sums_json(gate.stable),
        "events": events,
    }


def _sums_json(sums: ClusterSums) -> dict[str, Any]:
    return {name: getattr(sums, name).tolist() for name in _SUMS} | {"buckets": sums.buckets}


def _gate(values: Mapping[str, Any], shares: tuple[float, ...]) -> GateSums:
    events = None if values["events"] is None else FirstEvents(*(np.array(one, float) for one in values["events"]))
    return GateSums(
        SignalKind(values["kind"]), np.array(shares, float), _sums(values["canary"]), _sums(values["stable"]), events
    )


def _sums(values: Mapping[str, Any]) -> ClusterSums:
    return ClusterSums(**{name: np.array(values[name], float) for name in _SUMS}, buckets=values["buckets"])
