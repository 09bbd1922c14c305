"""Reads the sums of a rollout, as a decision is made from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from sqlalchemy import Connection, func, select

from extproc.domain.rollout_gates import ABORT, ERROR, FEEDBACK, RolloutGate
from extproc.domain.rollouts import BUCKETS, WARM_UP_STEP, Arm
from extproc.ledger.rollouts.feedback import thumbs_down
from extproc.ledger.rollouts.states import RolloutState
from extproc.ledger.rollouts.tables import EVENTS, SUMS, UNITS_SEEN
from extproc.rollout.gates import LEFT_OUT_GATE
from extproc.rollout.look import ArmTries, RolloutLook
from extproc.statistics.arrays import Floats
from extproc.statistics.cluster_sums import ClusterSums
from extproc.statistics.gate_evidence import FirstEvents, GateSums
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import SumArrays

_ARMS: Final = frozenset(arm.value for arm in Arm)


def read_look(connection: Connection, state: RolloutState, now_us: int) -> RolloutLook:
    """All sums of a rollout, in one transaction that reads. Args: now_us: since 1970."""
    plan = state.terms
    shares = tuple(step.percent / 100 for step in plan.steps[: state.step])
    sums, events = _sums(connection, state), _events(connection, state)
    if ABORT in sums and any(gate.name == FEEDBACK for gate in plan.compared_gates()):
        sums[FEEDBACK], events[FEEDBACK] = _feedback(connection, state, sums[ABORT])
    units = _units(connection, state)
    errors = sums.get(ERROR)
    return RolloutLook(
        step=state.step,
        step_s=max(now_us - state.step_began_at_us, 0) / 1e6,
        total_s=max(now_us - state.created_at_us, 0) / 1e6,
        shares=shares,
        answers=0 if errors is None else int(errors[Arm.CANARY][0, state.step].sum()),
        gates=dict(_gates(plan.compared_gates(), np.array(shares), sums, events)),
        canary_units=units[Arm.CANARY],
        stable_units=units[Arm.STABLE],
        canary_left_out=_left_out(Arm.CANARY, events, state.step),
        stable_left_out=_left_out(Arm.STABLE, events, state.step),
        canary_tries=_tries(Arm.CANARY, errors, events),
        stable_tries=_tries(Arm.STABLE, errors, events),
    )


_ByArm = dict[Arm, Floats]
"""Sums: count, total and squares by step, the warm-up first, and bucket. Events: by step likewise."""


def _gates(
    gates: Iterable[RolloutGate], shares: Floats, sums: dict[str, _ByArm], events: dict[str, _ByArm]
) -> Iterable[tuple[str, GateSums]]:
    no_sums = {arm: np.zeros((3, len(shares) + 1, BUCKETS)) for arm in Arm}
    for gate in gates:
        if gate.name in sums or gate.name in events:
            by_arm = sums.get(gate.name, no_sums)
            canary, stable = (_clusters(by_arm[arm]) for arm in (Arm.CANARY, Arm.STABLE))
            first = None
            if gate.is_rate:
                nothing = dict.fromkeys(Arm, np.zeros(len(shares) + 1))
                found = events.get(gate.name, nothing)
                first = FirstEvents(found[Arm.CANARY][1:], found[Arm.STABLE][1:])
            kind = SignalKind.RATE if gate.is_rate else SignalKind.LOG
            yield gate.name, GateSums(kind, shares, canary, stable, first)


def _clusters(arm: Floats) -> ClusterSums:
    return ClusterSums.of(SumArrays(*arm[:, WARM_UP_STEP + 1 :]))


def _sums(connection: Connection, state: RolloutState) -> dict[str, _ByArm]:
    columns = (SUMS.c[name] for name in ("gate", "arm", "step", "bucket", "count", "total", "squares"))
    found: dict[str, _ByArm] = {}
    for gate, arm, step, bucket, *sums in connection.execute(select(*columns).where(SUMS.c.rollout == state.id)):
        if gate not in found:
            found[gate] = {one: np.zeros((3, state.step + 1, BUCKETS)) for one in Arm}
        if step <= state.step:
            found[gate][Arm(arm)][:, step, bucket] = sums
    return found


def _events(connection: Connection, state: RolloutState) -> dict[str, _ByArm]:
    """How many units had their first event of a gate, by step."""
    columns = EVENTS.c.gate, EVENTS.c.arm, EVENTS.c.step
    query = select(*columns, func.count()).where(EVENTS.c.rollout == state.id).group_by(*columns)
    found: dict[str, _ByArm] = {}
    for gate, arm, step, count in connection.execute(query):
        by_arm = found.setdefault(gate, {one: np.zeros(state.step + 1) for one in Arm})
        if step <= state.step:
            by_arm[Arm(arm)][step] = count
    return found


def _feedback(connection: Connection, state: RolloutState, answered: _ByArm) -> tuple[_ByArm, _ByArm]:
    """Thumbs down, of all answers: they come late, so they are joined to their exchanges here.

    Of several thumbs of one user the last one counts. Args: answered: sums that count each answer once.
    """
    sums = {arm: np.stack([one[0], np.zeros_like(one[0]), np.zeros_like(one[0])]) for arm, one in answered.items()}
    events = {arm: np.zeros(state.step + 1) for arm in Arm}
    seen: set[int] = set()
    for arm, step, unit in connection.execute(thumbs_down(state.id, state.model, state.created_at_us)):
        if arm in _ARMS and WARM_UP_STEP < step <= state.step:
            sums[Arm(arm)][1:, step, unit % BUCKETS] += 1.0
            if unit not in seen:
                seen.add(unit)
                events[Arm(arm)][step] += 1.0
    for one in sums.values():
        one[1:] = np.minimum(one[1:], one[0])  # what was left out may have a thumb
    return sums, events


def _units(connection: Connection, state: RolloutState) -> dict[Arm, tuple[int, ...]]:
    """How many units were seen first in each step; the share of the warm-up is that of the first."""
    columns = UNITS_SEEN.c.arm, UNITS_SEEN.c.step
    query = select(*columns, func.count()).where(UNITS_SEEN.c.rollout == state.id).group_by(*columns)
    found = {arm: [0] * state.step for arm in Arm}
    for arm, step, count in connection.execute(query):
        if step <= state.step:
            found[Arm(arm)][max(step, 1) - 1] += count
    return {arm: tuple(counts) for arm, counts in found.items()}


def _tries(arm: Arm, errors: _ByArm | None, events: dict[str, _ByArm]) -> ArmTries:
    if errors is None:
        return ArmTries()
    tries, failed, _ = errors[arm].sum(axis=(1, 2)).tolist()
    return ArmTries(int(tries), int(failed), _by_step(events[ERROR][arm]) if ERROR in events else ())


def _left_out(arm: Arm, events: dict[str, _ByArm], steps: int) -> tuple[int, ...]:
    return _by_step(events[LEFT_OUT_GATE][arm]) if LEFT_OUT_GATE in events else (0,) * steps


def _by_step(events: Floats) -> tuple[int, ...]:
    """By step; the share of the warm-up is that of the first."""
    warm_up, first, *others = map(int, events)
    return warm_up + first, *others
