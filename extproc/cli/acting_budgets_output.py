"""What ``explain`` prints of budgets that act: which a request has, and what they would do with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from extproc.cli.budget_shapes import ActingBudgetJson
from extproc.domain.budgets import BudgetStanding
from extproc.dryrun.outcome import DryRun

_US_PER_S = 1_000_000


def acting_budgets_data(run: DryRun) -> list[ActingBudgetJson]:
    """The budgets of who asks, exhausted or not as assumed."""
    acts = dict(run.record.budget_acts)
    return [
        {
            "budget": one.keyed.budget.name,
            "per": one.keyed.budget.per,
            "key": one.keyed.key,
            "of": one.keyed.budget.of,
            "amount": one.keyed.budget.amount,
            "on_exhausted": "block" if one.keyed.budget.blocks else "downgrade",
            "until": datetime.fromtimestamp(one.period.end_us // _US_PER_S, UTC).isoformat(),
            "assumed_exhausted": one.standing is BudgetStanding.EXHAUSTED,
            "act": acts.get(one.keyed.budget.name),
        }
        for one in run.budgets
    ]


def acting_budgets_rows(data: list[ActingBudgetJson]) -> Iterator[tuple[str, str]]:
    """One for each budget."""
    for one in data:
        key = f"{one['per'].replace('_', ' ')} {one['key']}"
        words = f"{one['budget']}: {one['amount']} {one['of']} for {key} until {one['until']}"
        assumed = "assumed exhausted" if one["assumed_exhausted"] else "assumed not exhausted"
        act = f", so {one['act']}" if one["act"] else ""
        yield "budget", f"{words}; {assumed}{act}"
