"""What exchanges used, as it is added up for hints, is what was allocated to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.allocation.slices import HOUR_US
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.allocation.used_reading import IdleHours, UsedTime, UsedTimeSum
from extproc.ledger.store import LedgerStore
from extproc.reports.gpu_time import GpuQuestion, gpu_report
from tests.unit.ledger.allocation.samples import DAY, MIDNIGHT_US, ONE, OTHER, PRICE, day_of_traffic, ran, terms

NEXT_DAY = (MIDNIGHT_US + DAY_US, MIDNIGHT_US + 2 * DAY_US)


@pytest.fixture
def store(url: str) -> Iterator[LedgerStore]:
    """Two days of two servers; one exchange runs over midnight. The second server has no price."""
    opened = LedgerStore(url, Path("/"))
    opened.add(day_of_traffic(120))
    opened.add([ran(1_000, DAY_US - 60_000_000, 120_000_000, team="late"), ran(1_001, DAY_US + HOUR_US, 5_000_000)])
    yield opened
    opened.close()


def used(store: LedgerStore, *days: tuple[int, int]) -> UsedTime:
    """Of these days."""
    found = UsedTimeSum()
    with store.reading() as connection:
        for day in days:
            found.add_day(connection, terms(), day)
    return found.used()


def by_team(found: UsedTime) -> dict[str, tuple[int, int]]:
    """GPU time and cost, from the cells."""
    sums: dict[str, tuple[int, int]] = {}
    for kind, gpu_us, cost in zip(*(one.tolist() for one in (found.cells.kind, *found.cells[-3::2])), strict=True):
        team = found.kinds[kind].team
        sums[team] = (sums.get(team, (0, 0))[0] + gpu_us, sums.get(team, (0, 0))[1] + cost)
    return sums


def test_it_is_what_was_allocated(store: LedgerStore) -> None:
    """By team and by hour to the microsecond; costs to what rounding leaves of each exchange."""
    for day in (DAY, NEXT_DAY):
        allocate_day(store, terms(), day, day[1])
    found = used(store, DAY, NEXT_DAY)
    with store.reading() as connection:
        report = gpu_report(connection, GpuQuestion("weighted_ps_v1", DAY[0], NEXT_DAY[1], ("team", "server")))
    times, costs = dict[str, int](), dict[str, int]()
    for row in report.rows:
        times[row.group[0]] = times.get(row.group[0], 0) + row.used
        costs[row.group[0]] = costs.get(row.group[0], 0) + row.used_cost
    assert {team: time for team, (time, _) in by_team(found).items()} == times
    assert all(abs(cost - costs[team]) <= 200 for team, (_, cost) in by_team(found).items())
    assert found.hours.gpu_us.sum() == found.cells.gpu_us.sum()
    assert found.hours.cost.sum() == found.cells.cost.sum()
    assert found.cells.exchanges.sum() == 122
    assert (found.cells.prefill_us <= found.cells.gpu_us).all()
    assert found.unpriced_us == sum(row.used for row in report.rows if row.group[1] == OTHER) > 0


def test_nothing_is_stored_and_days_may_come_in_any_order(store: LedgerStore) -> None:
    """Without an allocation before: the same step costs are taken as by it."""
    one, other = used(store, DAY, NEXT_DAY), used(store, NEXT_DAY, DAY)
    assert by_team(one) == by_team(other)
    assert one.idle == other.idle
    with store.reading() as connection:
        assert not gpu_report(connection, GpuQuestion("weighted_ps_v1", *DAY, ("team",))).slices


def test_only_whole_hours_without_any_work_are_idle(store: LedgerStore) -> None:
    """On the second day the first server ran in two hours, and the other in none."""
    found = used(store, NEXT_DAY)
    assert found.idle == {
        "H100": IdleHours(22, 22 * 2 * HOUR_US, 22 * 2 * PRICE),
        "L4": IdleHours(24, 24 * HOUR_US, 0),
    }
    assert {ONE, OTHER} == set(terms().lives(None, *DAY))  # type: ignore[arg-type]


def test_a_ledger_without_exchanges_has_nothing(url: str) -> None:
    """But servers that idle."""
    with_nothing = LedgerStore(url, Path("/"))
    found = used(with_nothing, DAY)
    with_nothing.close()
    assert not len(found.cells.kind)
    assert not len(found.hours.group)
    assert found.idle["L4"].hours == 24
