"""Hard failures of a rollout on one machine, from entries that the store has not got and from streams that wait."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from extproc.domain.rollout_gates import ERROR, NO_ANSWER
from extproc.domain.rollouts import BUCKETS, Arm
from extproc.ledger.rollouts.adding import UnitPlace, rollout_sums_of
from extproc.ledger.rollouts.states import RolloutState
from extproc.rollout.look import ArmTries, RolloutLook
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.gate_evidence import FirstEvents, GateSums
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import SumArrays

_HARD: Final = frozenset({ERROR, NO_ANSWER})


class LocalTally:
    """What one machine has seen. At most one number for each unit, step and arm of a rollout is kept."""

    def __init__(self) -> None:
        self._tries: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._events: dict[UnitPlace, tuple[int, str]] = {}

    def add_entries(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Args: rows: of ``ledger_entries``."""
        found = rollout_sums_of(rows)
        for place, (count, failed, _) in found.sums.items():
            if place.gate == ERROR:
                tries = self._tries[place.rollout, place.arm]
                tries[0] += int(count)
                tries[1] += int(failed)
        self.add_events(found.events)

    def add_events(self, events: Mapping[UnitPlace, tuple[int, str]]) -> None:
        """The first event of a unit counts."""
        for place, first in events.items():
            if place.gate in _HARD:
                self._events.setdefault(place, first)

    def look_of(self, state: RolloutState, now_us: int) -> RolloutLook:
        """As the decision is made from; there are failures in it, and nothing else."""
        shares = tuple(step.percent / 100 for step in state.terms.steps[: state.step])
        none = (0,) * state.step
        waiting = (np.array(self._units(state, NO_ANSWER, arm), float) for arm in (Arm.CANARY, Arm.STABLE))
        answers = ClusterSums.of(SumArrays(*np.zeros((3, state.step, BUCKETS))))
        gate = GateSums(SignalKind.RATE, np.array(shares), answers, answers, FirstEvents(*waiting))
        return RolloutLook(
            step=state.step,
            step_s=max(now_us - state.step_began_at_us, 0) / 1e6,
            total_s=max(now_us - state.created_at_us, 0) / 1e6,
            shares=shares,
            answers=0,
            gates={NO_ANSWER: gate},
            canary_units=none,
            stable_units=none,
            canary_left_out=none,
            stable_left_out=none,
            canary_tries=self._tries_of(state, Arm.CANARY),
            stable_tries=self._tries_of(state, Arm.STABLE),
        )

    def _tries_of(self, state: RolloutState, arm: Arm) -> ArmTries:
        tries, failed = self._tries[state.id, arm.value]
        return ArmTries(tries, failed, self._units(state, ERROR, arm))

    def _units(self, state: RolloutState, gate: str, arm: Arm) -> tuple[int, ...]:
        """How many units had an event, by step; the share of the warm-up is that of the first."""
        found = [0] * state.step
        for place, (step, of_arm) in self._events.items():
            if (place.rollout, place.gate, of_arm) == (state.id, gate, arm.value) and step <= state.step:
                found[max(step, 1) - 1] += 1
        return tuple(found)
