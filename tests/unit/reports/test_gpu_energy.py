"""Energy is divided as busy time is, and adds up to what each kind of GPU drew."""

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
from extproc.reports.gpu_energy import GpuEnergy, energy_mwh, gpu_energy
from extproc.reports.gpu_sums import DIMENSIONS
from extproc.reports.gpu_time import GpuQuestion, GpuReport, gpu_report
from tests.unit.databases import url
from tests.unit.ledger.allocation.samples import DAY, MIDNIGHT_US, ONE, day_of_traffic, ran, terms

__all__ = ["url"]

METHOD = "weighted_ps_v1"
WATTS = {"H100": 620, "L4": 72}


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


def found(store: LedgerStore, *by: str, watts: dict[str, int] = WATTS) -> tuple[GpuReport, GpuEnergy]:
    """Time and energy of that day."""
    asked = GpuQuestion(METHOD, *DAY, by)
    with store.reading() as connection:
        return gpu_report(connection, asked), gpu_energy(connection, asked, watts)


def test_it_adds_up(store: LedgerStore) -> None:
    """By kind to the milliwatt-hour, with what is unexplained."""
    for kind, watts in WATTS.items():
        _, energy = found(store, "team", "server", watts={kind: watts})
        _, other = found(store, watts={})
        assert energy.total == energy_mwh(other.unknown_us - energy.unknown_us, watts)
        assert len({server for (_, server), _ in energy.groups}) == 1


@pytest.mark.parametrize("name", DIMENSIONS)
def test_groups_are_those_of_the_report(store: LedgerStore, name: str) -> None:
    """Each with the energy of its time, to what rounding leaves; and as many as there are."""
    report, energy = found(store, name)
    assert {(row.group, row.currency) for row in report.rows} == energy.groups.keys()
    assert energy.total == found(store)[1].total
    assert energy.unexplained["USD"] > 0
    assert energy.unknown_us == 0
    if name == "server":
        for row in report.rows:
            watts = WATTS["H100" if row.group == (ONE,) else "L4"]
            assert abs(energy.groups[row.group, row.currency] - energy_mwh(row.used, watts)) <= 1


def test_a_kind_without_watts(store: LedgerStore) -> None:
    """Its time is told, and has no energy."""
    report, energy = found(store, "server", watts={"L4": 72})
    used = {row.group[0]: row.used for row in report.rows}
    unexplained = sum(one.time for one in report.unpaid if one.state == "unexplained")
    assert energy.unknown_us == used[ONE] + unexplained
    assert energy.unexplained == {"USD": 0}  # of the other kind


def test_half_an_hour(store: LedgerStore) -> None:
    """Of a lone request on two GPUs of 620 W is 620 Wh, whatever was idle around it."""
    store.add([ran(999, 12 * HOUR_US, HOUR_US // 2, team="lone", first_token_at_us=MIDNIGHT_US + 12 * HOUR_US + 5_000)])
    allocate_day(store, terms(), DAY, MIDNIGHT_US + DAY_US)
    assert abs(found(store, "team")[1].groups[("lone",), "USD"] - 620_000) <= 1


@given(st.lists(st.integers(0, 10**15), max_size=5), st.integers(1, 100_000))
def test_parts_of_time_have_parts_of_energy(times_us: list[int], watts: int) -> None:
    """To half a milliwatt-hour each."""
    parts = sum(energy_mwh(one, watts) for one in times_us)
    assert abs(2 * (parts - energy_mwh(sum(times_us), watts))) <= len(times_us) + 1
