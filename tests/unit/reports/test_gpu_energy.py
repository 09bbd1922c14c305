"""Energy is divided as busy time is, and adds up to what each server drew, whatever is grouped by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.server_samples import ServerSample, ServerSamples
from extproc.allocation.slices import HOUR_US
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.store import LedgerStore
from extproc.reports.gpu_energy import energy_mwh, energy_parts_mwh
from extproc.reports.gpu_sums import DIMENSIONS
from extproc.reports.gpu_time import GpuQuestion, GpuReport, gpu_days, gpu_report
from tests.unit.ledger.allocation.samples import DAY, MIDNIGHT_US, ONE, day_of_traffic, ran, terms
from tests.unit.reports.gpu_samples import allocate, days_of_traffic

METHOD = "weighted_ps_v1"
WATTS = {"H100": 620, "L4": 72}
DAYS = 4


@pytest.fixture
def store(url: str) -> Iterator[LedgerStore]:
    """A day of two servers of two kinds; one did work that no entry has."""
    opened = LedgerStore(url, Path("/"))
    opened.add(day_of_traffic(120))
    times = [MIDNIGHT_US + 9 * HOUR_US + number * 15_000_000 for number in range(8)]
    samples = [ServerSample(at, 0, 0, written=5_000 * number, computed=0) for number, at in enumerate(times)]
    allocate_day(opened, terms(samples={ONE: ServerSamples.of(samples)}), DAY, MIDNIGHT_US + DAY_US)
    yield opened
    opened.close()


def found(store: LedgerStore, *by: str, watts: dict[str, int] = WATTS) -> GpuReport:
    """Time and energy of that day."""
    with store.reading() as connection:
        return gpu_report(connection, GpuQuestion(METHOD, *DAY, by, watts=watts))


def worked_us(report: GpuReport) -> int:
    """Time that has energy."""
    return sum(row.used for row in report.rows) + sum(
        one.time for one in report.unpaid if one.state not in ("idle", "starting", "sleeping")
    )


@pytest.mark.parametrize("kind", WATTS)
def test_it_adds_up(store: LedgerStore, kind: str) -> None:
    """By kind to the milliwatt-hour, with what is unexplained; what other kinds draw is not known."""
    report = found(store, "team", "server", watts={kind: WATTS[kind]})
    known_us = worked_us(report) - report.without_watts
    assert 0 < report.without_watts < worked_us(report)
    assert report.energy == energy_mwh(known_us, WATTS[kind])
    assert len({row.group[1] for row in report.rows if row.energy}) == 1


@pytest.mark.parametrize("name", DIMENSIONS)
def test_groups_have_the_energy_of_their_time(store: LedgerStore, name: str) -> None:
    """To what rounding leaves; together it is what all groups have by any other name."""
    report = found(store, name)
    assert report.energy == found(store).energy
    assert report.without_watts == 0
    assert [one.state for one in report.unpaid if one.energy] == ["unexplained"]
    if name == "server":
        for row in report.rows:
            watts = WATTS["H100" if row.group == (ONE,) else "L4"]
            assert abs(row.energy - energy_mwh(row.used, watts)) <= 1


def test_a_kind_without_watts(store: LedgerStore) -> None:
    """Its time is told, and has no energy."""
    report = found(store, "server", watts={"L4": 72})
    used = {row.group[0]: row.used for row in report.rows}
    unexplained = sum(one.time for one in report.unpaid if one.state == "unexplained")
    assert report.without_watts == used[ONE] + unexplained
    assert [row.group for row in report.rows if not row.energy] == [(ONE,)]


def test_half_an_hour(store: LedgerStore) -> None:
    """Of a lone request on two GPUs of 620 W is 620 Wh, whatever was idle around it."""
    store.add([ran(999, 12 * HOUR_US, HOUR_US // 2, team="lone", first_token_at_us=MIDNIGHT_US + 12 * HOUR_US + 5_000)])
    allocate_day(store, terms(), DAY, MIDNIGHT_US + DAY_US)
    energies = {row.group: row.energy for row in found(store, "team").rows}
    assert abs(energies["lone",] - 620_000) <= 1


def test_days_add_up_to_their_time(url: str) -> None:
    """Of each group, so a month has what its days have."""
    opened = LedgerStore(url, Path("/"))
    opened.add(days_of_traffic(DAYS))
    allocate(opened, DAYS)
    span = (MIDNIGHT_US, MIDNIGHT_US + DAYS * DAY_US)
    with opened.reading() as connection:
        asked = GpuQuestion(METHOD, *span, ("team",), watts=WATTS)
        whole, days = gpu_report(connection, asked), gpu_days(connection, asked)
    opened.close()
    sums: dict[tuple[str, ...], int] = {}
    for day in days.values():
        for row in day.rows:
            sums[row.group] = sums.get(row.group, 0) + row.energy
    assert sums == {row.group: row.energy for row in whole.rows}
    assert sum(sums.values()) == whole.energy > 0


@given(st.lists(st.integers(0, 10**15), max_size=5), st.integers(1, 100_000))
def test_parts_of_time_have_parts_of_energy(times_us: list[int], watts: int) -> None:
    """They add up exactly, and each is what it would be alone, to a milliwatt-hour."""
    parts = energy_parts_mwh(times_us, watts)
    assert sum(parts) == energy_mwh(sum(times_us), watts)
    assert all(abs(part - energy_mwh(time_us, watts)) <= 1 for part, time_us in zip(parts, times_us, strict=True))
