"""Budgets of a dry run: there are no sums, so it is assumed which of them are exhausted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from extproc.config.compiled_budgets import KeyedBudget
from extproc.config.problems import did_you_mean, names, shown
from extproc.domain.budgets import BudgetStanding, SpentOfBudget
from extproc.exchange.answer_lengths import AnswerLengths
from extproc.exchange.budget_memory import BudgetClaim
from extproc.exchange.snapshot import Snapshot


def assumed_exhausted(snapshot: Snapshot, exhausted: Iterable[str]) -> frozenset[str]:
    """The names of budgets. Raises: ValueError for one that is none, or only warns."""
    known = [] if snapshot.budgets is None else [one.name for one in snapshot.budgets.budgets]
    found = frozenset(exhausted)
    for name in sorted(found.difference(known)):
        others = f"Those that act: {names(known)}." if known else "In this configuration none does."
        raise ValueError(f"no budget {shown(name)} acts. {did_you_mean(name, known) or others}")
    return found


class AssumedBudgets:
    """A ``BudgetKeeper`` without sums. Args: exhausted: names of those of which nothing is left."""

    def __init__(self, exhausted: Collection[str]) -> None:
        self._exhausted = exhausted
        self.lengths = AnswerLengths()

    def look(self, keyed: Sequence[KeyedBudget], utc_us: int, now_ns: int) -> list[BudgetClaim]:
        """As assumed."""
        periods = [(one, one.budget.period_at(utc_us)) for one in keyed]
        return [
            BudgetClaim(one, period, self._standing(one.budget.name)) for one, period in periods if period is not None
        ]

    def reserve(self, claims: Sequence[BudgetClaim], now_ns: int) -> BudgetClaim | None:
        """Likewise."""
        exhausted = (one for one in claims if one.must_fit and one.standing is BudgetStanding.EXHAUSTED)
        return next(exhausted, None)

    def settle(self, claims: Sequence[BudgetClaim], used: Sequence[int]) -> tuple[SpentOfBudget, ...]:
        """Nothing is spent."""
        return ()

    def _standing(self, name: str) -> BudgetStanding:
        return BudgetStanding.EXHAUSTED if name in self._exhausted else BudgetStanding.HAS_ROOM
