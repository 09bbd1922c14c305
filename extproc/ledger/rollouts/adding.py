"""Adds up what exchanges say of the arms of a rollout, in the transaction of their entries: each is in the sums once.

A unit counts once for each gate that is a rate: at the first of its events that is stored. Its arm is a coin of the
share in force then, whatever comes later (``statistics/label_test.py``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table

from extproc.domain.rollout_gates import GATES
from extproc.domain.rollouts import BUCKETS, UNITS, Arm
from extproc.ledger.rollouts.tables import EVENTS, LEFT_OUT, SUMS, UNITS_SEEN
from extproc.ledger.slots import insert_into
from extproc.rollout.gates import LEFT_OUT_GATE, SAYS_NOTHING, left_out_as, observed_in

_ARMS: Final = frozenset(arm.value for arm in Arm)
_RATES: Final = frozenset(gate.name for gate in GATES if gate.is_rate)
_SIZE: Final = ("count", "total", "squares")


class ArmSumPlace(NamedTuple):
    """The row of a sum."""

    rollout: str
    step: int
    arm: str
    gate: str
    bucket: int


class UnitPlace(NamedTuple):
    """The row of a unit; of units that were seen without ``gate``."""

    rollout: str
    gate: str
    unit: int


class LeftOutPlace(NamedTuple):
    """The row of exchanges that do not count."""

    rollout: str
    step: int
    arm: str
    reason: str


class RolloutSums(NamedTuple):
    """What entries add, by row.

    Attributes:
        sums: count, total and squares.
        events, units: step and arm of what came first.
        left_out: exchanges.
    """

    sums: Mapping[ArmSumPlace, Sequence[float]]
    events: Mapping[UnitPlace, tuple[int, str]]
    units: Mapping[UnitPlace, tuple[int, str]]
    left_out: Mapping[LeftOutPlace, int]


def rollout_sums_of(rows: Iterable[Mapping[str, Any]]) -> RolloutSums:
    """The sums of entries. What another release has written, and is no part in a rollout, does not count.

    Args: rows: of ``ledger_entries``, in the order in which they came.
    """
    sums: defaultdict[ArmSumPlace, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    events: dict[UnitPlace, tuple[int, str]] = {}
    units: dict[UnitPlace, tuple[int, str]] = {}
    left_out: Counter[LeftOutPlace] = Counter()
    for row in rows:
        rollout, step, arm, unit = row["rollout"], row["rollout_step"], row["arm"], row["unit"]
        if not rollout or step < 0 or arm not in _ARMS or not 0 <= unit < UNITS:
            continue
        units.setdefault(UnitPlace(rollout, "", unit), (step, arm))
        reason = left_out_as(row)
        if reason:
            left_out[LeftOutPlace(rollout, step, arm, reason)] += 1
            if reason in SAYS_NOTHING:
                events.setdefault(UnitPlace(rollout, LEFT_OUT_GATE, unit), (step, arm))
        for gate, observed in observed_in(row):
            one = sums[ArmSumPlace(rollout, step, arm, gate, unit % BUCKETS)]
            for at, more in enumerate(observed):
                one[at] += more
            if gate in _RATES and observed[1]:
                events.setdefault(UnitPlace(rollout, gate, unit), (step, arm))
    return RolloutSums(sums, events, units, left_out)


def add_to_rollouts(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Count entries that were stored in this transaction. Args: rows: of ``ledger_entries``."""
    add_sums(connection, rollout_sums_of(rows))


def add_sums(connection: Connection, found: RolloutSums) -> None:
    """Add sums, in a transaction that writes. Of each unit, what came first stays."""
    # In one order of tables and rows, so that no two processes wait for each other.
    sums = [place._asdict() | dict(zip(_SIZE, one, strict=True)) for place, one in sorted(found.sums.items())]
    _add(connection, SUMS, sums, _SIZE)
    _keep_first(connection, EVENTS, [_first(place, *one) for place, one in sorted(found.events.items())])
    seen = [_first(place, *one) for place, one in sorted(found.units.items())]
    _keep_first(connection, UNITS_SEEN, [{name: one[name] for name in one if name != "gate"} for one in seen])
    left_out = [place._asdict() | {"count": count} for place, count in sorted(found.left_out.items())]
    _add(connection, LEFT_OUT, left_out, ("count",))


def _first(place: UnitPlace, step: int, arm: str) -> dict[str, Any]:
    return place._asdict() | {"step": step, "arm": arm}


def _add(connection: Connection, table: Table, rows: list[dict[str, Any]], names: Iterable[str]) -> None:
    if rows:
        insert = insert_into(connection, table)
        more = {name: table.c[name] + insert.excluded[name] for name in names}
        connection.execute(
            insert.on_conflict_do_update(index_elements=table.primary_key.columns.keys(), set_=more), rows
        )


def _keep_first(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert_into(connection, table).on_conflict_do_nothing(), rows)
