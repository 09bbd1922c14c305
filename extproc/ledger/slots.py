"""What was used in each quarter of an hour by each payer: the sums of budgets.

A period of a budget, in any time zone, is a whole number of these slots. So its sum needs no entry to be read, and
budgets that are declared later have the sums of before. They change in the transaction of the entries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from sqlalchemy import BigInteger, Connection, Table, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite

from extproc.domain.budget_periods import SLOT_US, BudgetPeriod
from extproc.domain.budgets import BudgetScope
from extproc.ledger.entry import NOT_REACHED
from extproc.ledger.schema import SLOTS

_PLACE = ("slot_us", "team", "project", "budget_code")
SlotUnit = Literal["micro_usd", "tokens"]
"""Units that an entry has at once; GPU time is allocated later."""


def add_to_slots(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Count entries that were stored in this transaction. Args: rows: of ``ledger_entries``."""
    sums: defaultdict[tuple[int, str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        if row["outcome"] not in NOT_REACHED:
            slot = row["started_at_us"] // SLOT_US * SLOT_US
            used = sums[slot, row["team"], row["project"], row["budget_code"]]
            used[0] += row["prompt_tokens"] + row["completion_tokens"]
            used[1] += row["cost_micro_usd"]
    if not sums:
        return
    insert = insert_into(connection, SLOTS)
    more = {name: SLOTS.c[name] + insert.excluded[name] for name in ("tokens", "micro_usd")}
    statement = insert.on_conflict_do_update(index_elements=_PLACE, set_=more)
    # In one order, so that no two processes wait for each other.
    values = [
        dict(zip(_PLACE, place, strict=True)) | {"tokens": tokens, "micro_usd": micro_usd}
        for place, (tokens, micro_usd) in sorted(sums.items())
    ]
    connection.execute(statement, values)


def spent_in(connection: Connection, per: BudgetScope, of: SlotUnit, period: BudgetPeriod) -> dict[str, int]:
    """What each team, project or budget code used in a period."""
    key = SLOTS.c[per]
    total = cast(func.sum(SLOTS.c[of]), BigInteger)
    within = (SLOTS.c.slot_us >= period.start_us) & (SLOTS.c.slot_us < period.end_us)
    return {name: int(used) for name, used in connection.execute(select(key, total).where(within).group_by(key))}


def insert_into(connection: Connection, table: Table) -> Any:
    """An insert that knows conflicts: each database has its own."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
