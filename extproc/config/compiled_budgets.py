"""Budgets that act, as an exchange asks for them: which ones apply to it, under which keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from extproc.config.budgets import Budget
from extproc.config.document import Document
from extproc.domain.budget_periods import BudgetPeriod
from extproc.domain.budgets import BudgetScope, BudgetUnit
from extproc.domain.record import ExchangeRecord
from extproc.domain.storable_names import storable_name
from extproc.domain.token_rates import NS_PER_S

KNOWN_MAX: Final = 4_096
"""Callers for whom it is known which budgets apply; beyond it, all are looked up again."""
_KEY_SEPARATOR: Final = "\0"


@dataclass(frozen=True, slots=True, eq=False)
class CompiledBudget:
    """One budget.

    Attributes:
        blocks: whether it refuses when nothing is left; otherwise routes ask.
        blocks_unknown: whether it refuses while nobody knows what is spent.
        match: those that have it; empty: all.
    """

    name: str
    per: BudgetScope
    of: BudgetUnit
    amount: int
    blocks: bool
    blocks_unknown: bool
    unknown_after_ns: int
    match: frozenset[str]
    section: Budget = field(repr=False)

    def period_at(self, now_us: int) -> BudgetPeriod | None:
        """The period that a moment is in; None before and after a range of days. Takes microseconds."""
        period = self.section.period_at(now_us)
        return period if period.start_us <= now_us < period.end_us else None


class KeyedBudget(NamedTuple):
    """A budget, and the team, project or budget code that an exchange is of. ``place``: both, as one name."""

    budget: CompiledBudget
    key: str
    place: str


@dataclass(frozen=True, slots=True, eq=False)
class CompiledBudgets:
    """All budgets that act.

    Attributes:
        by_route: those for which each route asks.
    """

    budgets: tuple[CompiledBudget, ...]
    by_route: Mapping[str, frozenset[str]]
    _known: dict[tuple[str, str, str], tuple[KeyedBudget, ...]] = field(default_factory=dict)

    def of(self, record: ExchangeRecord) -> tuple[KeyedBudget, ...]:
        """The budgets that an exchange has, in the order of the configuration."""
        values = (record.team, record.project, record.budget_code)
        known = self._known.get(values)
        if known is None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            keys = dict(zip(("team", "project", "budget_code"), map(storable_name, values), strict=True))
            pairs = [(budget, keys[budget.per]) for budget in self.budgets]
            known = self._known[values] = tuple(
                KeyedBudget(budget, key, place_of(budget, key))
                for budget, key in pairs
                if not budget.match or key in budget.match
            )
        return known


def place_of(budget: CompiledBudget, key: str) -> str:
    """A budget and a key, as one name; another one if a reload lets the budget count something else."""
    return _KEY_SEPARATOR.join((budget.name, budget.per, budget.of, key))


def compile_budgets(document: Document) -> CompiledBudgets | None:
    """The budgets of a validated document that act; None if none does."""
    budgets = tuple(_compiled(one) for one in document.budgets if one.on_exhausted is not None)
    if not budgets:
        return None
    asking = {route.name: {name for one in route.when for name in one.budget_exhausted} for route in document.routes}
    return CompiledBudgets(budgets, {route: frozenset(names) for route, names in asking.items() if names})


def _compiled(budget: Budget) -> CompiledBudget:
    return CompiledBudget(
        name=budget.name,
        per=budget.per,
        of=budget.of,
        amount=budget.amount,
        blocks=budget.on_exhausted == "block",
        blocks_unknown=budget.when_unknown == "block",
        unknown_after_ns=budget.unknown_after_s * NS_PER_S,
        match=frozenset(budget.match),
        section=budget,
    )
