"""Errors of budgets: what is told, for how long, and nothing of anybody else."""

from __future__ import annotations

import pytest

from extproc.domain.budgets import BudgetStanding
from extproc.exchange.budget_errors import exhausted_error, reserved_error, unknown_error
from extproc.exchange.budget_memory import BudgetClaim
from tests.unit.exchange.budgets import DAILY, compiled, keyed

DAY_US = 86_400_000_000


def claim() -> BudgetClaim:
    """Of the team whose secret is its name."""
    budgets = compiled(DAILY)
    (one,) = keyed(budgets, "secret-team")
    return BudgetClaim(one, one.budget.section.period_at(0), BudgetStanding.EXHAUSTED)


@pytest.mark.parametrize(
    ("now_us", "retry_s"), [(0, 86_400), (1, 86_400), (DAY_US - 1, 1), (DAY_US, 1), (DAY_US + 9, 1)]
)
def test_an_exhausted_budget_tells_the_end_of_its_period(now_us: int, retry_s: int) -> None:
    """In whole seconds, rounded up; at least one, where the period has just ended."""
    assert exhausted_error(claim(), now_us).retry_after_s == retry_s


def test_errors_name_the_budget_and_nobody() -> None:
    """A client knows its team; who else reads the error does not."""
    errors = [exhausted_error(claim(), 0), reserved_error(claim()), unknown_error(claim())]
    assert [(one.status, one.code) for one in errors] == [
        (429, "budget_exhausted"),
        (429, "budget_reserved"),
        (503, "budget_unknown"),
    ]
    assert all("`daily`" in one.message and "secret-team" not in one.message for one in errors)
    assert [dict(one.headers).get("x-should-retry") for one in errors] == ["false", None, None]
