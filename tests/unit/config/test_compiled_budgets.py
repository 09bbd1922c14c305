"""Which budgets act on an exchange, and under which keys."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.config import compiled_budgets
from extproc.domain.record import ExchangeRecord
from tests.unit.exchange.budgets import DAILY, ROUTES, SOFT, compiled, found_in, keyed

DAY_US = 86_400_000_000
START_US = 1_893_456_000_000_000  # of 2030


def test_a_budget_that_only_warns_is_none() -> None:
    """Its exchanges pay nothing."""
    warning = {
        key: value for key, value in DAILY.items() if key not in ("on_exhausted", "when_unknown", "unknown_after_s")
    }
    assert found_in(warning) is None
    assert found_in() is None
    assert [one.name for one in compiled(warning | {"name": "warning"}, DAILY).budgets] == ["daily"]


def test_what_each_does() -> None:
    """Whether it refuses, and whether it does so without sums; the routes that ask for it."""
    budgets = compiled(DAILY, SOFT, routes=ROUTES)
    assert [(one.blocks, one.blocks_unknown) for one in budgets.budgets] == [(True, True), (False, False)]
    assert budgets.by_route == {"saving": {"soft"}}


def test_who_has_which() -> None:
    """By team, project and budget code, as the ledger writes their names; in the order of the configuration."""
    of_search = {**DAILY, "name": "search", "match": ["search"]}
    budgets = compiled({**DAILY, "name": "codes", "per": "budget_code"}, of_search, {**DAILY, "per": "project"})
    record = ExchangeRecord("a", "", 0, team="search", project="in\0dex", budget_code="b7")
    found = [(one.budget.name, one.key) for one in budgets.of(record)]
    assert found == [("codes", "b7"), ("search", "search"), ("daily", "in\ufffddex")]
    record.team = "hr"
    assert [one.key for one in budgets.of(record)] == ["b7", "in\ufffddex"]
    assert keyed(compiled(of_search), "hr") == ()


def test_what_counts_otherwise_counts_elsewhere() -> None:
    """After a reload, so that exchanges of before do not count in another unit."""
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"of": "micro_usd"},
        {"per": "project"},
        {"name": "other"},
        {"amount": 7},
    )
    places = [keyed(compiled({**DAILY, **change}), "unknown")[0].place for change in ({}, *changes)]
    assert len(set(places)) == 4
    assert places[0] == places[-1]


def test_callers_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a number of them."""
    monkeypatch.setattr(compiled_budgets, "KNOWN_MAX", 2)
    budgets = compiled(DAILY)
    assert keyed(budgets, "a") is keyed(budgets, "a")
    for team in "bcdefg":
        keyed(budgets, team)
        assert len(budgets._known) <= 2


def test_a_range_of_days_has_one_period() -> None:
    """And none before and after."""
    (budget,) = compiled({**DAILY, "period": None, "first_day": "2030-01-01", "last_day": "2030-01-02"}).budgets
    moments = (START_US - 1, START_US, START_US + 2 * DAY_US - 1, START_US + 2 * DAY_US)
    both = (START_US, START_US + 2 * DAY_US)
    assert [budget.period_at(now_us) for now_us in moments] == [None, both, both, None]
