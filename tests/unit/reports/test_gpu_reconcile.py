"""A bill of GPUs against allocated time: every cent that differs has a cause, and rounding is no difference."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.allocation.stored_samples import GpuFacts, note_facts
from extproc.ledger.store import LedgerStore
from extproc.reports.gpu_bill import BillLine, bill_of
from extproc.reports.gpu_figures import AllocatedDays
from extproc.reports.gpu_reconcile import BillCause, BilledTime, ReconciledBill, reconciled_bill
from tests.thorough import examples
from tests.unit.ledger.allocation.samples import MIDNIGHT_US, ONE, OTHER
from tests.unit.reports.gpu_samples import allocate, days_of_traffic
from tests.unit.reports.test_focus_gpu import CHANGING

HOUR_US = 3_600_000_000
METHOD = "weighted_ps_v1"
AGREES = f"2026-11-30,{ONE},48,159.999999984,USD\n"
"""Two GPUs for the second day. The first one costs 60 until noon, and then 80 (79.999999992)."""
OTHERS = f"2026-11-30,{OTHER},24.00,16.80,EUR\n"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerStore]:
    """Two days; one server is paid in another currency."""
    opened = LedgerStore("sqlite:///ledger.db", tmp_path_factory.mktemp("ledger"))
    opened.add(days_of_traffic(2))
    allocate(opened, 2, servers=CHANGING)
    yield opened
    opened.close()


def reconciled(ledger: LedgerStore, lines: str) -> ReconciledBill:
    """Of a bill."""
    with ledger.reading() as connection:
        return reconciled_bill(
            connection, bill_of("bill.csv", f"day,server,gpu_hours,cost,currency\n{lines}".encode()), METHOD
        )


def parts_of(found: ReconciledBill) -> list[tuple[str, str, BillCause, float, int]]:
    """Hours, and billionths."""
    return [
        (one.server, one.currency, cause, time.gpu_us / HOUR_US, time.cost_nano)
        for one in found.differences
        for cause, time in one.parts
    ]


def test_what_agrees_is_no_difference(ledger: LedgerStore) -> None:
    """To the digits that a bill has; what they make together is told."""
    rounding = {"EUR": -24, "USD": 0}
    assert reconciled(ledger, AGREES + OTHERS) == ReconciledBill(METHOD, AllocatedDays(1, 1, 0), 2, [], rounding)
    assert reconciled(ledger, f"2026-11-30,{ONE},48,160.00,USD\n{OTHERS}").rounding == {"EUR": -24, "USD": 16}


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (
            f"2026-11-30,{ONE},48,170.00,USD\n{OTHERS}",
            [(ONE, "USD", BillCause.PRICE, 0, 10_000_000_016)],
        ),
        (
            f"{AGREES}2026-11-30,{OTHER},25.00,17.50,EUR\n",
            [(OTHER, "EUR", BillCause.HOURS, 1, 700_000_001), (OTHER, "EUR", BillCause.ROUNDING, 0, -25)],
        ),
        (AGREES, [(OTHER, "EUR", BillCause.NOT_IN_BILL, -24, -16_800_000_024)]),
        (
            f"{AGREES}{OTHERS}2026-11-30,i-0abc,1.5,3.00,USD\n",
            [("i-0abc", "USD", BillCause.NOT_KNOWN, 1.5, 3 * 10**9)],
        ),
        (
            f"{AGREES}2026-11-30,{OTHER},24.00,18.00,USD\n",
            [
                (OTHER, "EUR", BillCause.CURRENCY, -24, -16_800_000_024),
                (OTHER, "USD", BillCause.CURRENCY, 24, 18 * 10**9),
            ],
        ),
        (
            f"{AGREES}{OTHERS}2026-11-30,{ONE},0.000000000,-5.00,USD\n",
            [(ONE, "USD", BillCause.PRICE, 0, -5 * 10**9)],
        ),
    ],
)
def test_each_cause(ledger: LedgerStore, lines: str, parts: list[tuple[str, str, BillCause, float, int]]) -> None:
    """With its sign: what the bill has more."""
    assert parts_of(reconciled(ledger, lines)) == parts


@pytest.mark.parametrize(
    ("cents", "agrees"), [("160.02", True), ("160.03", False), ("159.98", True), ("159.97", False)]
)
def test_rounding_is_half_a_cent_and_half_a_hundredth_of_an_hour(ledger: LedgerStore, cents: str, agrees: bool) -> None:
    """Which costs 1.67 cents."""
    found = reconciled(ledger, f"2026-11-30,{ONE},48.00,{cents},USD\n{OTHERS}")
    assert (found.differences == []) == agrees


def test_days_that_are_not_allocated_are_counted(ledger: LedgerStore) -> None:
    """Their lines are not known here; a day between two of the bill that it lacks is not in it."""
    found = reconciled(ledger, f"2026-11-28,{ONE},48,160,USD\n2026-12-01,{ONE},48,160,USD\n{AGREES}")
    assert found.days == AllocatedDays(4, 2, 0)
    assert [(one.day_us, one.server, one.parts[0][0]) for one in found.differences] == [
        (MIDNIGHT_US - DAY_US, ONE, BillCause.NOT_KNOWN),
        (MIDNIGHT_US, ONE, BillCause.NOT_IN_BILL),
        (MIDNIGHT_US, OTHER, BillCause.NOT_IN_BILL),
        (MIDNIGHT_US + DAY_US, OTHER, BillCause.NOT_IN_BILL),
        (MIDNIGHT_US + 2 * DAY_US, ONE, BillCause.NOT_KNOWN),
    ]


def test_servers_of_one_endpoint_are_one_line(store: LedgerStore) -> None:
    """If the bill has the endpoint, and not their addresses. Without a price all of the cost is the price."""
    store.add(days_of_traffic(1))
    allocate(store, 1)
    with store.writing() as connection:
        for server in (ONE, OTHER):
            note_facts(connection, server, GpuFacts("vllm:8000", 1, "H100", "p"), MIDNIGHT_US)
    found = reconciled(store, "2026-11-29,vllm:8000,72.00,120.00,USD\n")
    assert (found.compared, found.differences) == (1, [])
    found = reconciled(store, f"2026-11-29,{OTHER},24.00,5.00,USD\n2026-11-29,{ONE},48.00,120.00,USD\n")
    assert [(one.server, one.parts[0][0]) for one in found.differences] == [(OTHER, BillCause.PRICE)]


SERVERS = st.sampled_from([ONE, OTHER, "stranger"])
LINES = st.lists(
    st.builds(
        BillLine,
        st.integers(-1, 2).map(lambda day: MIDNIGHT_US + day * DAY_US),
        SERVERS,
        st.sampled_from(["USD", "EUR"]),
        st.integers(0, 100 * HOUR_US) | st.sampled_from([24 * HOUR_US, 48 * HOUR_US]),
        st.integers(-(10**9), 10**12),
        st.integers(0, 10**8),
        st.integers(0, 10**8),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=examples(50))
@given(LINES)
def test_parts_add_up_to_what_differs(ledger: LedgerStore, lines: list[BillLine]) -> None:
    """To the microsecond and the billionth; and all differences to the bill and what was allocated."""
    with ledger.reading() as connection:
        found = reconciled_bill(connection, lines, METHOD)
    for one in found.differences:
        assert sum(time.gpu_us for _, time in one.parts) == one.theirs.gpu_us - one.ours.gpu_us
        assert sum(time.cost_nano for _, time in one.parts) == one.theirs.cost_nano - one.ours.cost_nano
        assert len({cause for cause, _ in one.parts}) == len(one.parts)
        assert all(any(time) for _, time in one.parts)
    keys = {(one.day_us, one.server, one.currency) for one in lines}
    for key in keys:
        billed = sum(one.cost_nano for one in lines if (one.day_us, one.server, one.currency) == key)
        told = [one for one in found.differences if (one.day_us, one.server, one.currency) == key]
        assert [one.theirs.cost_nano for one in told] in ([], [billed])
    assert all(isinstance(time, BilledTime) for one in found.differences for _, time in one.parts)
