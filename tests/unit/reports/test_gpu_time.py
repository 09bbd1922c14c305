"""GPU time by team: rows and what nobody pays are the time of all GPUs, whoever pays for idle time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.allocation.idle import IdlePolicy
from extproc.allocation.slices import HOUR_US
from extproc.config.gpus import GpusSection
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.allocation.stored_samples import GpuFacts, note_facts
from extproc.ledger.store import LedgerStore
from extproc.reports.gpu_sums import DIMENSIONS
from extproc.reports.gpu_time import (
    GpuQuestion,
    GpuReport,
    gpu_days,
    gpu_report,
    reserved_shares,
    sum_of_reports,
)
from tests.thorough import examples
from tests.unit.ledger.allocation.samples import DAY, MIDNIGHT_US, ONE, OTHER, PRICE, day_of_traffic, ran, terms

METHOD = "weighted_ps_v1"


@pytest.fixture
def store(url: str) -> Iterator[LedgerStore]:
    """A day of two servers, one of which has two GPUs at 2.50 an hour, and the other one without a price."""
    opened = LedgerStore(url, Path("/"))
    opened.add(day_of_traffic(120))
    allocate_day(opened, terms(), DAY, MIDNIGHT_US + DAY_US)
    yield opened
    opened.close()


def report(store: LedgerStore, *by: str, **changed: Any) -> GpuReport:
    """Of that day."""
    with store.reading() as connection:
        return gpu_report(connection, GpuQuestion(METHOD, *DAY, by, **changed))


@pytest.mark.parametrize("policy", IdlePolicy)
def test_it_is_the_time_of_all_gpus(store: LedgerStore, policy: IdlePolicy) -> None:
    """Three GPUs for a day, and the cost of two."""
    reserved = {ONE: {"search": Fraction(1, 2), "nobody": Fraction(1, 4)}}
    found = report(store, "team", idle=policy, reserved=reserved)
    assert found.time == 3 * DAY_US
    assert found.cost == 24 * 2 * PRICE
    assert (found.slices, found.unpriced, found.revised) == (48, 24, 0)
    assert [one.time for one in found.rows] == sorted((one.time for one in found.rows), reverse=True)


@pytest.mark.parametrize("name", DIMENSIONS)
def test_by_any_name(store: LedgerStore, name: str) -> None:
    """Groups add up to the same."""
    whole, found = report(store), report(store, name)
    (total,) = whole.rows
    assert (sum(one.used for one in found.rows), sum(one.used_cost for one in found.rows)) == (
        total.used,
        total.used_cost,
    )


def test_by_use(store: LedgerStore) -> None:
    """No idle time is left, and who used more pays more of it."""
    found = report(store, "team", idle=IdlePolicy.BY_USE)
    assert [one.state for one in found.unpaid] == []
    assert {one.group[0] for one in found.rows} == {"search", "chat", "batch"}
    assert all(one.idle > 0 for one in found.rows)


def test_by_reservation(store: LedgerStore) -> None:
    """Who has reserved and asked for nothing pays too; what nobody reserved is left."""
    reserved = {ONE: {"nobody": Fraction(1, 4)}}
    found = report(store, "team", idle=IdlePolicy.BY_RESERVATION, reserved=reserved)
    (one,) = [row for row in found.rows if row.group == ("nobody",)]
    assert (one.used, one.idle, one.idle_cost) == (0, 2 * DAY_US // 4, 12 * PRICE)


def test_the_last_revision_counts(store: LedgerStore) -> None:
    """Once."""
    before = report(store, "team")
    store.add([ran(999, 20 * HOUR_US, 2 * HOUR_US, team="late", server=OTHER)])
    allocate_day(store, terms(), DAY, MIDNIGHT_US + DAY_US)
    found = report(store, "team")
    assert (found.time, found.revised, before.revised) == (3 * DAY_US, 2, 0)
    assert "late" in {one.group[0] for one in found.rows}


def test_no_days(store: LedgerStore) -> None:
    """Of another method, or another day, there is nothing."""
    with store.reading() as connection:
        found = gpu_report(connection, GpuQuestion("even_ps", *DAY, ("team",)))
    assert found == GpuReport([], [], 0, 0, 0)


# --- days, conditions and groups ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerStore]:
    """Three days; exchanges of several names, some of teams without a name, and one that runs over midnight."""
    opened = LedgerStore("sqlite:///ledger.db", tmp_path_factory.mktemp("week"))
    entries = [
        ran(
            1_000 * day + number,
            day * DAY_US + (number * 37 % 23) * HOUR_US,
            40_000_000 + number * 1_000_003,
            server=(ONE, OTHER)[number % 2],
            team=("search", "chat", "")[(number + day) % 3],
            project=("index", "", "web")[number % 3],
            model=("tiny", "org/large")[number % 4 // 3],
        )
        for day in range(3)
        for number in range(0 if day == 1 else 12)
    ]
    opened.add([*entries, ran(9_999, DAY_US - 60_000_000, 120_000_000, team="late")])
    for day in range(3):
        begin_us = MIDNIGHT_US + day * DAY_US
        allocate_day(opened, terms(), (begin_us, begin_us + DAY_US), begin_us + DAY_US)
    yield opened
    opened.close()


THREE_DAYS = (MIDNIGHT_US, MIDNIGHT_US + 3 * DAY_US)
RESERVED = {
    ONE: {"search": Fraction(1, 3), "nobody": Fraction(1, 7)},
    OTHER: {"": Fraction(1, 2), "late": Fraction(1, 2)},
}
GROUPINGS = st.lists(st.sampled_from(DIMENSIONS), max_size=4, unique=True).map(tuple)
POLICIES = st.sampled_from(list(IdlePolicy))


@settings(max_examples=examples(30))
@given(GROUPINGS, POLICIES)
def test_any_grouping_is_the_time_of_all_gpus(week: LedgerStore, by: tuple[str, ...], policy: IdlePolicy) -> None:
    """Day by day, and together; and a team pays the same, whatever else groups are by."""
    asked = GpuQuestion(METHOD, *THREE_DAYS, by, policy, RESERVED)
    with week.reading() as connection:
        days, by_team = gpu_days(connection, asked), gpu_days(connection, asked._replace(by=("team",)))
    assert list(days) == [MIDNIGHT_US + day * DAY_US for day in range(3)]
    for day_us, found in days.items():
        assert (found.time, found.cost) == (3 * DAY_US, 24 * 2 * PRICE)
        assert found.unpaid == by_team[day_us].unpaid
        if "team" in by:
            assert of_teams(found, by.index("team")) == of_teams(by_team[day_us], 0)
    whole = sum_of_reports(days.values())
    assert (whole.time, whole.cost, whole.slices) == (9 * DAY_US, 3 * 24 * 2 * PRICE, 3 * 48)


def of_teams(found: GpuReport, place: int) -> dict[str, tuple[int, int]]:
    """Used and idle time of each."""
    sums: dict[str, tuple[int, int]] = {}
    for row in found.rows:
        used, idle = sums.get(row.group[place], (0, 0))
        sums[row.group[place]] = used + row.used, idle + row.idle
    return sums


@settings(max_examples=examples(30))
@given(GROUPINGS, POLICIES, st.sampled_from(["team", "project", "model"]))
def test_conditions_cut_all_into_parts(week: LedgerStore, by: tuple[str, ...], policy: IdlePolicy, name: str) -> None:
    """What values of a name pay adds up to what all pay; what nobody pays is in none of them."""
    asked = GpuQuestion(METHOD, *THREE_DAYS, by, policy, RESERVED)
    with week.reading() as connection:
        values = {row.group[0] for row in gpu_report(connection, asked._replace(by=(name,))).rows}
        parts = [gpu_report(connection, asked._replace(only=((name, value),))) for value in sorted(values)]
        whole = gpu_report(connection, asked)
    assert [one.unpaid for one in parts] == [[]] * len(values)
    assert sum_of_reports(parts).rows == whole.rows


def test_a_condition_on_servers_keeps_what_nobody_pays_there(week: LedgerStore) -> None:
    """The parts of all servers are the whole."""
    with week.reading() as connection:
        asked = GpuQuestion(METHOD, *THREE_DAYS, ("team",))
        parts = [gpu_report(connection, asked._replace(only=(("server", one),))) for one in (ONE, OTHER)]
        whole = gpu_report(connection, asked)
    assert [one.time for one in parts] == [6 * DAY_US, 3 * DAY_US]
    assert sum_of_reports(parts)[:2] == whole[:2]


def test_idle_time_is_divided_by_the_use_of_its_day(week: LedgerStore) -> None:
    """On the second day only what ran over midnight used anything: it pays all of one server, nobody of the other."""
    with week.reading() as connection:
        days = gpu_days(connection, GpuQuestion(METHOD, *THREE_DAYS, ("team",), IdlePolicy.BY_USE))
    second = days[MIDNIGHT_US + DAY_US]
    assert [(one.group, one.time) for one in second.rows] == [(("late",), 2 * DAY_US)]
    assert [(one.state, one.time) for one in second.unpaid] == [("idle", DAY_US)]


def test_servers_behind_a_name_are_reserved_as_it_is(week: LedgerStore) -> None:
    """The configuration has the name, entries have addresses."""
    section = GpusSection.model_validate(
        {
            "idle": "by_reservation",
            "servers": (
                {"endpoint": "vllm:8000", "gpus": 2, "kind": "H100", "price": "p", "reserved_by": {"search": 0.25}},
                {"endpoint": OTHER, "gpus": 1, "kind": "L4", "price": "p", "reserved_by": {"chat": 0.5}},
            ),
            "prices": ({"name": "p", "per_gpu_hour": "1"},),
        }
    )
    with week.writing() as connection:
        note_facts(connection, ONE, GpuFacts("vllm:8000", 2, "H100", "p"), MIDNIGHT_US)
        note_facts(connection, OTHER, GpuFacts("vllm:8000", 2, "H100", "p"), MIDNIGHT_US)
    with week.reading() as connection:
        found = reserved_shares(connection, section)
    assert (found[ONE], found[OTHER]) == ({"search": Fraction(1, 4)}, {"chat": Fraction(1, 2)})
