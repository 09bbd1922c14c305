"""Rollouts in a store, and sums of them as entries would add them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert

from extproc.domain.rollouts import BUCKETS, Arm
from extproc.ledger.rollouts.settings import ComparedArms
from extproc.ledger.rollouts.states import RolloutState, new_rollout
from extproc.ledger.rollouts.tables import EVENTS, SUMS, UNITS_SEEN
from extproc.ledger.store import LedgerStore
from tests.unit.rollout.samples import PLAN

ARMS = ComparedArms("f1", "f2", 90, 10)
NOW_US = 1_800_000_000_000_000
MINUTE_US = 60_000_000


def started(store: LedgerStore, rollout: str = "r1", now_us: int = NOW_US, **changed: Any) -> RolloutState:
    """A rollout that begins."""
    plan = PLAN.model_copy(update=changed)
    with store.writing() as connection:
        return new_rollout(connection, plan, ARMS, rollout, "kim", now_us)


def add_rate(
    connection: Connection, gate: str, arm: Arm, count: int, events: int, step: int = 1, rollout: str = "r1"
) -> None:
    """Answers of one arm, spread over buckets; each event is that of a unit of its own."""
    first_unit = (0 if arm is Arm.STABLE else 32_768) + 8_000 * step
    where = {"rollout": rollout, "gate": gate, "step": step, "arm": arm.value}
    rows = []
    for bucket in range(BUCKETS):
        answers, with_event = ((whole + BUCKETS - 1 - bucket) // BUCKETS for whole in (count, events))
        rows.append({**where, "bucket": bucket, "count": answers, "total": with_event, "squares": with_event})
    connection.execute(insert(SUMS), rows)
    if events:
        connection.execute(insert(EVENTS), [{**where, "unit": first_unit + number} for number in range(events)])


def add_units(connection: Connection, arm: Arm, count: int, step: int = 1, rollout: str = "r1") -> None:
    """Units that were seen first in a step."""
    first_unit = (0 if arm is Arm.STABLE else 32_768) + 8_000 * step
    where = {"rollout": rollout, "step": step, "arm": arm.value}
    connection.execute(insert(UNITS_SEEN), [{**where, "unit": first_unit + number} for number in range(count)])


def add_healthy(connection: Connection, canary: int, refused: int, step: int = 1, rollout: str = "r1") -> None:
    """Answers of both arms by a share of 5 %, of which 2 % of the stable version are refusals."""
    stable = canary * 19
    for gate, of_canary, of_stable in (("error", canary // 500, stable // 500), ("refusal", refused, stable // 50)):
        add_rate(connection, gate, Arm.CANARY, canary, of_canary, step, rollout)
        add_rate(connection, gate, Arm.STABLE, stable, of_stable, step, rollout)
    add_units(connection, Arm.CANARY, 40, step, rollout)
    add_units(connection, Arm.STABLE, 760, step, rollout)
