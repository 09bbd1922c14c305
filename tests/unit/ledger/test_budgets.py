"""Sums and changes of budgets, on SQLite and PostgreSQL."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import delete, func, inspect, select, text

from extproc.config.budgets import Budget
from extproc.database.engine import StoreFailed
from extproc.domain.budget_periods import BudgetPeriod, CalendarSpan
from extproc.domain.budgets import BudgetScope, BudgetState
from extproc.ledger.budgets import BudgetChange, GrantRefused, changes_of, grant, state_of, states_of
from extproc.ledger.entry import NOT_REACHED, EntryOutcome, LedgerEntry
from extproc.ledger.migrations import VERSION_TABLE
from extproc.ledger.places import SpoolPlace
from extproc.ledger.schema import ENTRIES, SLOTS, SPOOLS, VIEWS
from extproc.ledger.slots import SlotUnit, spent_in
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.samples import DAY_US, NOON_US, entry

BUDGET = Budget(name="monthly", per="team", of="tokens", amount=1_000, period="month")
PERIOD = BUDGET.period_at(NOON_US)


def grant_of(amount: int, **changed: Any) -> BudgetChange:
    """A grant to the team search."""
    made = BudgetChange(
        at_us=NOON_US,
        budget="monthly",
        budget_key="search",
        period_start_us=PERIOD.start_us,
        period_end_us=PERIOD.end_us,
        kind="grant",
        amount=amount,
        made_by="ann",
        note="launch",
    )
    return replace(made, **changed)


def granted(store: LedgerStore, amount: int, **changed: Any) -> BudgetState:
    """What is left after a grant."""
    with store.writing() as connection:
        return grant(connection, BUDGET, grant_of(amount, **changed))


# --- sums ----------------------------------------------------------------------------------------------------------


def various(count: int, seed: int) -> list[LedgerEntry]:
    """Entries of many kinds over three months."""
    chosen = random.Random(seed)
    return [
        entry(
            exchange=f"v-{seed}-{number}",
            started_at_us=NOON_US + chosen.randrange(-45 * DAY_US, 45 * DAY_US),
            team=chosen.choice(("search", "hr", "")),
            project=chosen.choice(("index", "")),
            budget_code=chosen.choice(("b1", "b2")),
            prompt_tokens=chosen.choice((0, 7, 2**40)),
            cost_micro_usd=chosen.choice((0, 3, 2**53 + 1)),
            outcome=chosen.choice(list(EntryOutcome)),
        )
        for number in range(count)
    ]


def added_up(entries: list[LedgerEntry], per: BudgetScope, of: SlotUnit, period: BudgetPeriod) -> dict[str, int]:
    """The sums, from the entries themselves."""
    sums: dict[str, int] = {}
    for one in entries:
        if one.outcome not in NOT_REACHED and period.start_us <= one.started_at_us < period.end_us:
            used = one.cost_micro_usd if of == "micro_usd" else one.prompt_tokens + one.completion_tokens
            sums[getattr(one, per)] = sums.get(getattr(one, per), 0) + used
    return sums


@pytest.mark.parametrize("zone", ["UTC", "Europe/Zurich", "Asia/Kathmandu"])
def test_sums_are_those_of_the_entries(store: LedgerStore, zone: str) -> None:
    """Each entry counts once, in its period, however often it comes and in which batch."""
    entries = various(700, 1)
    store.add(entries[:300])
    store.add_of_spool(entries[200:], SpoolPlace("p1", 1, 1, 500))
    store.add(entries)
    moments = [NOON_US + days * DAY_US for days in (-40, -5, 0, 5, 40)]
    with store.reading() as connection:
        for span in get_args(CalendarSpan):
            for now_us in moments:
                period = Budget(**{**BUDGET.model_dump(), "period": span, "timezone": zone}).period_at(now_us)
                for per in get_args(BudgetScope):
                    for of in get_args(SlotUnit):
                        assert spent_in(connection, per, of, period) == added_up(entries, per, of, period)


def test_entries_that_are_not_stored_count_nothing(store: LedgerStore) -> None:
    """A batch that fails leaves neither."""
    with pytest.raises((StoreFailed, OverflowError)):
        store.add([entry(), entry(exchange="b", prompt_tokens=1 << 70)])
    with store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(SLOTS)).scalar_one() == 0


def test_a_ledger_of_before_has_its_sums(url: str, store: LedgerStore) -> None:
    """The migration counts what is there."""
    entries = various(200, 2)
    store.add(entries)
    with store.writing() as connection:
        for view in VIEWS:
            connection.execute(text(f"DROP VIEW {view}"))
        for table in set(inspect(connection).get_table_names()) - {ENTRIES.name, SPOOLS.name, VERSION_TABLE}:
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("DROP INDEX ledger_entries_response_id"))
        for column in ("signals", "response_id", "trace_id", "rollout", "rollout_step", "arm", "unit", "server"):
            connection.execute(text(f"ALTER TABLE ledger_entries DROP COLUMN {column}"))
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))
    again = LedgerStore(url, Path("/"))
    with again.reading() as connection:
        assert spent_in(connection, "team", "tokens", PERIOD) == added_up(entries, "team", "tokens", PERIOD)
    of_before = replace(entries[0], signals={}, response_id="", trace_id="", server="")
    assert again.get(entries[0].exchange) == replace(of_before, rollout="", rollout_step=0, arm="", unit=0)
    again.close()


def test_sums_need_no_entries(store: LedgerStore) -> None:
    """Old entries may be deleted."""
    store.add([entry()])
    with store.writing() as connection:
        connection.execute(delete(ENTRIES))
        assert spent_in(connection, "team", "tokens", PERIOD) == {"search": 107}


# --- grants --------------------------------------------------------------------------------------------------------


def test_who_has_a_budget(store: LedgerStore) -> None:
    """Those of `match`; without it all that spent or were granted something."""
    store.add([entry(), entry(exchange="b", team="hr")])
    assert granted(store, 5, budget_key="sales") == BudgetState("sales", 1_000, 5, 0)
    matched = Budget(**{**BUDGET.model_dump(), "match": ("legal", "hr")})
    with store.reading() as connection:
        states = states_of(connection, BUDGET, PERIOD)
        assert [(one.key, one.granted, one.spent) for one in states] == [
            ("hr", 0, 107),
            ("sales", 5, 0),
            ("search", 0, 107),
        ]
        assert [(one.key, one.spent) for one in states_of(connection, matched, PERIOD)] == [("legal", 0), ("hr", 107)]
        assert state_of(connection, BUDGET, PERIOD, "nobody") == BudgetState("nobody", 1_000, 0, 0)


def test_grants_add_up_and_are_kept(store: LedgerStore) -> None:
    """Only those of the period count; the history has all, in order."""
    store.add([entry()])
    assert granted(store, 500).limit == 1_500
    assert granted(store, -1_393) == BudgetState("search", 1_000, -893, 107)
    earlier = BUDGET.period_at(PERIOD.start_us - 1)
    granted(store, 7, period_start_us=earlier.start_us, period_end_us=earlier.end_us)
    with store.reading() as connection:
        assert state_of(connection, BUDGET, PERIOD, "search") == BudgetState("search", 1_000, -893, 107)
        history = changes_of(connection, ["monthly"])
        assert changes_of(connection, ["other"]) == []
    assert [(one.number, one.amount) for one in history] == [(1, 500), (2, -1_393), (3, 7)]
    assert replace(history[0], number=0) == grant_of(500)


def test_grants_that_cannot_be(store: LedgerStore) -> None:
    """None takes what is spent, or gives more than any budget may have; and nothing of it is stored."""
    store.add([entry()])
    with pytest.raises(GrantRefused, match=r"^-894 is more than what is left \(893\)$"):
        granted(store, -894)
    granted(store, -893)
    with pytest.raises(GrantRefused, match=r"^-1 is more than what is left \(0\)$"):
        granted(store, -1)
    with pytest.raises(GrantRefused, match="above the maximum of 1000000000000000"):
        granted(store, 10**15)
    with store.reading() as connection:
        assert len(changes_of(connection, ["monthly"])) == 1
