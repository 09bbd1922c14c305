"""Budgets as the store has them: what was spent and granted, and changes, which are only added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, func, insert, select, text

from extproc.config.budgets import Budget
from extproc.domain.budget_periods import BudgetPeriod
from extproc.domain.budgets import BUDGET_MAX, BudgetState
from extproc.ledger.allocation.used_time import UsedGpuTime
from extproc.ledger.schema import CHANGES
from extproc.ledger.slots import insert_into, spent_in

_LOCK = 0x6C6C6C62  # arbitrary advisory lock number: no two PostgreSQL sessions grant at once
ChangeKind = Literal["grant", "warned", "exhausted", "recovered"]


class GrantRefused(ValueError):
    """A grant that cannot be. The message says why, and what would fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetChange:
    """One change of a budget: a grant, or what the shipper noted.

    Attributes:
        at_us: when [us since 1970, UTC].
        budget_key: the team, project or budget code that it is for.
        period_start_us, period_end_us: the period that it is for; likewise.
        amount: of a grant how much more there is, below 0: less; of others the limit that was in force.
        share_percent: of that limit, which was spent; 0 for a grant.
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
    share_percent: int = 0
    made_by: str
    note: str = ""


class ExhaustedNotes(NamedTuple):
    """Of one key in a period. Attributes: is_exhausted: by the last note. recovered: how often there was room again."""

    is_exhausted: bool
    recovered: int


NO_NOTES: Final = ExhaustedNotes(False, 0)


def states_of(
    connection: Connection, budget: Budget, period: BudgetPeriod, gpu_time: UsedGpuTime | None = None
) -> list[BudgetState]:
    """What is left of a budget in a period, by key: of all that are named, spent or were granted something.

    Args: gpu_time: of who looks again and again.
    """
    spent = _spent(connection, budget, period, UsedGpuTime() if gpu_time is None else gpu_time)
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
    connection.execute(insert(CHANGES), _values(change))
    return before._replace(granted=before.granted + change.amount)


def note_once(connection: Connection, change: BudgetChange, once: str) -> bool:
    """Add what is noted once, in a transaction that writes. Returns: whether nobody did before.

    Args: once: its name, unique in the store.
    """
    statement = insert_into(connection, CHANGES).values(_values(change) | {"once": once}).on_conflict_do_nothing()
    return connection.execute(statement.returning(CHANGES.c.number)).scalar_one_or_none() is not None


def exhausted_notes(connection: Connection, budget: str, period: BudgetPeriod) -> dict[str, ExhaustedNotes]:
    """Those of a period, by key."""
    key, kind = CHANGES.c.budget_key, CHANGES.c.kind
    noted = kind.in_(("exhausted", "recovered")) & (CHANGES.c.budget == budget) & _starts_in(period)
    found: dict[str, ExhaustedNotes] = {}
    for name, last in connection.execute(select(key, kind).where(noted).order_by(CHANGES.c.number)):
        before = found.get(name, NO_NOTES)
        found[name] = ExhaustedNotes(last == "exhausted", before.recovered + (last == "recovered"))
    return found


def changes_of(connection: Connection, budgets: Sequence[str]) -> list[BudgetChange]:
    """All changes of some budgets, the oldest first."""
    query = select(CHANGES).where(CHANGES.c.budget.in_(budgets)).order_by(CHANGES.c.number)
    names = [one.name for one in fields(BudgetChange)]
    return [BudgetChange(**{name: row[name] for name in names}) for row in connection.execute(query).mappings()]


def _spent(connection: Connection, budget: Budget, period: BudgetPeriod, gpu_time: UsedGpuTime) -> dict[str, int]:
    if budget.of == "gpu_seconds":
        return gpu_time.seconds(connection, budget.per, period)
    return spent_in(connection, budget.per, budget.of, period)


def _values(change: BudgetChange) -> dict[str, Any]:
    values = asdict(change)
    del values["number"]
    return values


def _starts_in(period: BudgetPeriod) -> ColumnElement[bool]:
    return (CHANGES.c.period_start_us >= period.start_us) & (CHANGES.c.period_start_us < period.end_us)


def _granted(connection: Connection, budget: str, period: BudgetPeriod) -> dict[str, int]:
    """What was granted in a period, by key: also if the configuration has changed its end or its zone since."""
    key, total = CHANGES.c.budget_key, cast(func.sum(CHANGES.c.amount), BigInteger)
    grants = (CHANGES.c.kind == "grant") & (CHANGES.c.budget == budget) & _starts_in(period)
    query = select(key, total).where(grants).group_by(key)
    return {name: int(amount) for name, amount in connection.execute(query)}
