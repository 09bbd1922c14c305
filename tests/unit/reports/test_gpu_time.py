"""GPU time by team: rows and what nobody pays are the time of all GPUs, whoever pays for idle time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from extproc.allocation.idle import IdlePolicy
from extproc.allocation.slices import HOUR_US
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.store import LedgerStore
from extproc.reports.gpu_time import DIMENSIONS, GpuQuestion, GpuReport, gpu_report
from tests.unit.databases import url
from tests.unit.ledger.allocation.samples import DAY, MIDNIGHT_US, ONE, OTHER, PRICE, day_of_traffic, ran, terms

__all__ = ["url"]

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
