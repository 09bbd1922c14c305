"""Budgets as the store has them: what was spent and granted, and changes, which are only added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import BigInteger, Connection, cast, func, insert, select, text

from extproc.config.budgets import Budget
from extproc.domain.budget_periods import BudgetPeriod
from extproc.domain.budgets import BUDGET_MAX, BudgetState
from extproc.ledger.schema import CHANGES
from extproc.ledger.slots import spent_in

_LOCK = 0x6C6C6C62  # arbitrary advisory lock number: no two PostgreSQL sessions grant at once
ChangeKind = Literal["grant"]


class GrantRefused(ValueError):
    """A grant that cannot be. The message says why, and what would fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetChange:
    """One change of a budget.

    Attributes:
        at_us: when [us since 1970, UTC].
        budget_key: the team, project or budget code that it is for.
        period_start_us, period_end_us: the period that it is for; likewise.
        amount: how much more there is; below 0: less.
        made_by: who made it.
    """

    number: int = 0
    at_us: int
    budget: str
    budget_key: str
    period_start_us: int
    period_end_us: int
    kind: ChangeKind
    amount: int
    made_by: str
    note: str


def states_of(connection: Connection, budget: Budget, period: BudgetPeriod) -> list[BudgetState]:
    """What is left of a budget in a period, by key: of all that are named, spent or were granted something."""
    spent = spent_in(connection, budget.per, budget.of, period)
    granted = _granted(connection, budget.name, period)
    keys = budget.match or sorted({*spent, *granted})
    return [BudgetState(key, budget.amount, granted.get(key, 0), spent.get(key, 0)) for key in keys]


def state_of(connection: Connection, budget: Budget, period: BudgetPeriod, key: str) -> BudgetState:
    """What is left of a budget in a period for one key, which may be new."""
    found = (state for state in states_of(connection, budget, period) if state.key == key)
    return next(found, BudgetState(key, budget.amount, 0, 0))


def grant(connection: Connection, budget: Budget, change: BudgetChange) -> BudgetState:
    """Add a grant, in a transaction that writes. Returns: what is left then.

    Raises: GrantRefused, if it takes more than is left, or gives more than any budget may have.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    period = BudgetPeriod(change.period_start_us, change.period_end_us)
    before = state_of(connection, budget, period, change.budget_key)
    if change.amount < 0 and -change.amount > before.left:
        raise GrantRefused(f"{change.amount} is more than what is left ({max(0, before.left)})")
    if before.limit + change.amount > BUDGET_MAX:
        raise GrantRefused(f"with {change.amount} more, it would be above the maximum of {BUDGET_MAX}")
    values = asdict(change)
    del values["number"]
    connection.execute(insert(CHANGES), values)
    return before._replace(granted=before.granted + change.amount)


def changes_of(connection: Connection, budgets: Sequence[str]) -> list[BudgetChange]:
    """All changes of some budgets, the oldest first."""
    query = select(CHANGES).where(CHANGES.c.budget.in_(budgets)).order_by(CHANGES.c.number)
    return [BudgetChange(**row) for row in connection.execute(query).mappings()]


def _granted(connection: Connection, budget: str, period: BudgetPeriod) -> dict[str, int]:
    """What was granted in a period, by key: also if the configuration has changed its end or its zone since."""
    key, total = CHANGES.c.budget_key, cast(func.sum(CHANGES.c.amount), BigInteger)
    starts_in = (CHANGES.c.period_start_us >= period.start_us) & (CHANGES.c.period_start_us < period.end_us)
    query = select(key, total).where(starts_in, CHANGES.c.budget == budget).group_by(key)
    return {name: int(amount) for name, amount in connection.execute(query)}
