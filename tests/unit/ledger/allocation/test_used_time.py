"""What was used in the period of a budget: what reports say of it, also where days were kept and slices are revised."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from extproc.allocation.slices import HOUR_US
from extproc.config.budgets import Budget
from extproc.domain.budget_periods import BudgetPeriod
from extproc.domain.budgets import BudgetScope
from extproc.ledger.allocation import used_time
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.settled import DAY_US, LASTS_S_MAX, days_between, settled_us, settles_from_us
from extproc.ledger.allocation.share_tables import GPU_DAYS, GPU_SHARES
from extproc.ledger.allocation.used_time import UsedGpuTime, allocated_until_us, late_us
from extproc.ledger.store import LedgerStore
from tests.thorough import examples
from tests.unit.ledger.allocation.samples import MIDNIGHT_US, ONE, OTHER, ran, terms
from tests.unit.reports.gpu_samples import SECTION, allocate, busy_for, days_of_traffic, gpu_report_of

DAYS = 5
WEIGHTED = "weighted_ps_v1"
PER = get_args(BudgetScope)
NUMBERS = itertools.count(1)


def used(store: LedgerStore, per: BudgetScope, period: BudgetPeriod, kept: UsedGpuTime | None = None) -> dict[str, int]:
    """By key. [s]"""
    with store.reading() as connection:
        return (kept or UsedGpuTime()).seconds(connection, per, period)


def days(first: int, count: int) -> BudgetPeriod:
    """Of UTC."""
    begin_us = MIDNIGHT_US + first * DAY_US
    return BudgetPeriod(begin_us, begin_us + count * DAY_US)


def reported(store: LedgerStore, per: BudgetScope, first: int, count: int) -> dict[str, int]:
    """What ``extproc report`` has of some days, in whole seconds."""
    made = gpu_report_of(store, count, per, first=first, section=SECTION.model_copy(update={"idle": "own_row"}))
    assert made.gpu is not None
    columns = [one for one in made.gpu.columns if one.method == WEIGHTED]
    groups = {key: figures.used_us for one in columns for (key,), figures in one.groups.items()}
    return {key: used_us // 1_000_000 for key, used_us in groups.items() if used_us}


def by_hand(store: LedgerStore, per: BudgetScope, period: BudgetPeriod) -> dict[str, int]:
    """Row by row. [s]"""
    rows = [row for row in store.rows(select(GPU_SHARES)) if row["method"] == WEIGHTED]
    last: dict[tuple[int, str], int] = {}
    for row in rows:
        place = row["begin_us"], row["server"]
        last[place] = max(last.get(place, 0), row["revision"])
    sums: dict[str, int] = {}
    for row in rows:
        is_last = row["revision"] == last[row["begin_us"], row["server"]]
        if is_last and period.start_us <= row["begin_us"] < period.end_us:
            sums[row[per]] = sums.get(row[per], 0) + row["gpu_us"]
    return {key: time_us // 1_000_000 for key, time_us in sums.items()}


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LedgerStore, UsedGpuTime]]:
    """A store to which each example adds, and the sums of who has looked at it all the time."""
    opened = LedgerStore("sqlite:///ledger.db", tmp_path_factory.mktemp("ledger"))
    yield opened, UsedGpuTime()
    opened.close()


ENTRIES = st.lists(
    st.tuples(
        st.integers(0, DAYS * 24 - 1),  # hour
        st.integers(1, 5_000_000_000),  # how long [us]
        st.sampled_from([ONE, OTHER]),
        st.sampled_from(["search", "chat", ""]),
        st.sampled_from(["index", ""]),
    ),
    max_size=4,
)


@settings(max_examples=examples(40))
@given(
    ENTRIES,
    st.integers(0, DAYS - 1),
    st.sampled_from([WEIGHTED, WEIGHTED, "even_ps"]),
    st.tuples(st.integers(0, DAYS - 1), st.integers(1, DAYS)),
    st.sampled_from(PER),
    st.integers(1, 23),
)
def test_it_is_what_reports_say(
    growing: tuple[LedgerStore, UsedGpuTime],
    entries: list[tuple[int, int, str, str, str]],
    day: int,
    method: str,
    asked: tuple[int, int],
    per: BudgetScope,
    hour: int,
) -> None:
    """Whatever was allocated, revised, by which method and in which order; and in days of another zone."""
    store, kept = growing
    for begin_h, lasts_us, server, team, project in entries:
        payer = {"team": team, "project": project, "budget_code": f"b-{team}"}
        store.add([ran(next(NUMBERS), begin_h * HOUR_US, lasts_us, server=server, **payer)])
    allocate(store, 1, method, day)
    period = days(*asked)
    found = used(store, per, period, kept)
    assert found == used(store, per, period) == reported(store, per, *asked)
    moved = BudgetPeriod(period.start_us + hour * HOUR_US, period.end_us + hour * HOUR_US)
    assert used(store, per, moved, kept) == by_hand(store, per, moved)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_both_databases_add_up_alike(store: LedgerStore, zone: str) -> None:
    """By all who may have a budget, also after a late entry; what another method says is another matter."""
    store.add(days_of_traffic(3))
    allocate(store, 3)
    allocate(store, 3, "even_ps")
    week = Budget(name="w", per="team", of="gpu_seconds", amount=1, period="week", timezone=zone)
    kept = UsedGpuTime()
    for late in (False, True):
        if late:
            store.add([busy_for(77_777, 25 * HOUR_US, HOUR_US, team="search", budget_code="late")])
            allocate(store, 1, first=1)
        for now in (0, 1):
            period = week.period_at(MIDNIGHT_US + now * DAY_US)
            for per in PER:
                assert used(store, per, period, kept) == by_hand(store, per, period)
        assert ("late" in used(store, "budget_code", days(0, 3), kept)) is late


def test_a_revision_may_take_from_others(store: LedgerStore) -> None:
    """An entry that comes late ran at the same time."""
    kept = UsedGpuTime()
    store.add([busy_for(1, 0, 1_000_000_000, team="search")])
    allocate(store, 1)
    assert used(store, "team", days(0, 1), kept) == {"search": 2_000}
    store.add([busy_for(2, 0, 1_000_000_000, team="chat")])
    allocate(store, 1)
    assert used(store, "team", days(0, 1), kept) == {"search": 1_000, "chat": 1_000}


def test_a_day_without_other_slices_is_not_read_again(store: LedgerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here its shares are gone, which nothing does; beyond the days that are kept, it is."""
    store.add(days_of_traffic(2))
    allocate(store, 2)
    kept, first, second = UsedGpuTime(), days(0, 1), days(1, 1)
    before = used(store, "team", first, kept), used(store, "team", second, kept)
    with store.writing() as connection:
        connection.execute(delete(GPU_SHARES))
    assert (used(store, "team", first, kept), used(store, "team", second, kept)) == before
    assert used(store, "project", first, kept) == {}
    monkeypatch.setattr(used_time, "DAYS_MAX", 2)
    assert used(store, "team", second, kept) == before[1]
    assert used(store, "team", first, kept) == {}
    assert used(store, "team", second, kept) == before[1]
    assert len(kept._days) == 2


# --- up to when it is known ----------------------------------------------------------------------------------------

NOW_US = MIDNIGHT_US + DAY_US + 5 * HOUR_US


@pytest.mark.parametrize(
    ("ends_h", "until_h"),
    [
        ({}, None),
        ({-24: 0}, None),
        ({0: 20}, 20),
        ({0: 24}, 24),
        ({0: 24, 24: 27}, 27),
        ({0: 20, 24: 27}, 20),  # yesterday was too large
        ({24: 27}, None),
        ({0: 24, 20: 25}, 24),  # by the command, a part of a day
    ],
)
def test_up_to_when_it_is_allocated(store: LedgerStore, ends_h: dict[int, int], until_h: int | None) -> None:
    """Without a gap in what settles by itself. Args: ends_h: of days that begin so many hours after midnight."""
    with store.writing() as connection:
        for begin_h, end_h in ends_h.items():
            span_us = {"begin_us": MIDNIGHT_US + begin_h * HOUR_US, "end_us": MIDNIGHT_US + end_h * HOUR_US}
            connection.execute(insert(GPU_DAYS), span_us | {"method": WEIGHTED, "entries": 0})
        begin_us = MIDNIGHT_US
        other = {"begin_us": begin_us, "end_us": begin_us + HOUR_US, "method": "even_ps", "entries": 0}
        connection.execute(insert(GPU_DAYS), other)
        expected = None if until_h is None else MIDNIGHT_US + until_h * HOUR_US
        assert allocated_until_us(connection, NOW_US) == expected


def test_a_new_ledger_is_known_as_soon_as_it_is_allocated(store: LedgerStore) -> None:
    """Though nothing is in it. From then on each hour has two hours and a half until it is late."""
    with store.reading() as connection:
        assert late_us(connection, NOW_US) is None
    for span_us in days_between(settles_from_us(NOW_US), settled_us(NOW_US)):
        allocate_day(store, terms(alive=()), span_us, NOW_US)
    due_us = settled_us(NOW_US) + 2 * HOUR_US + LASTS_S_MAX * 1_000_000
    with store.reading() as connection:
        assert [late_us(connection, at_us) for at_us in (NOW_US, due_us, due_us + 7)] == [0, 0, 7]
    assert used(store, "team", days(0, 2)) == {}
