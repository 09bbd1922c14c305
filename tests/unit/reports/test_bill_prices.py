"""Servers and prices of a bill: what is printed of it is a configuration, by which the bill comes out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from extproc.allocation.intervals import Intervals
from extproc.allocation.server_samples import ServerSamples
from extproc.allocation.server_time import ServerLife
from extproc.allocation.step_costs import TYPICAL
from extproc.cli.gpus_output import priced_data, section_text
from extproc.config.gpus import GpusSection, price_at
from extproc.config.load import load
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.dividing import AllocationTerms
from extproc.ledger.allocation.server_lives import server_terms
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.store import LedgerStore
from extproc.reports.bill_prices import PricedBill, priced_bill
from extproc.reports.claims import BadClaims
from extproc.reports.gpu_bill import bill_of, rows_of_bill
from extproc.reports.gpu_reconcile import reconciled_bill
from tests.thorough import examples
from tests.unit.config.test_bad_files import BASE

HEAD: Final = "day,server,gpu_hours,cost,currency,gpus,kind\n"
ONE, OTHER = "127.0.0.1:8001", "127.0.0.1:8002"
FIRST: Final = date(2026, 1, 5)


def content(*lines: str) -> bytes:
    """Of a file."""
    return (HEAD + "\n".join(lines)).encode()


def priced(*lines: str) -> PricedBill:
    """Of a file."""
    return priced_bill(rows_of_bill("bill.csv", content(*lines)))


def section(*lines: str) -> GpusSection:
    """What is printed, as it is read in a configuration with these servers."""
    text = section_text("bill.csv", priced(*lines))
    gpus = load(f"ledger: {{}}\n{text}{BASE}", "test.yaml").document.gpus
    assert gpus is not None
    return gpus


def prices(*lines: str) -> list[tuple[str, str, str | None]]:
    """Name, amount, and since when."""
    return [(one["name"], one["per_gpu_hour"], one["since"]) for one in priced_data(priced(*lines))["prices"]]


# --- prices --------------------------------------------------------------------------------------------------------


def test_a_price_that_changes_from_day_to_day() -> None:
    """Stands once for each change; days in any order, and lines of one day together."""
    found = section(
        f"2026-01-07,{ONE},48,105.60,USD,2,H100",
        f"2026-01-05,{ONE},48.00,120.00,USD,2,H100",
        f"2026-01-06,{ONE},24.00,60.00,USD,2,H100",
        f"2026-01-06,{ONE},6.00,15.00,USD,,",
        f"2026-01-06,{OTHER},24.00,16.80,USD,,L4",
    )
    assert [(one.endpoint, one.gpus, one.kind, one.price) for one in found.servers] == [
        (ONE, 2, "H100", "h100"),
        (OTHER, 1, "L4", "l4"),
    ]
    assert [(one.name, one.per_gpu_hour, one.since) for one in found.prices] == [
        ("h100", "2.50", None),
        ("h100", "2.20", "2026-01-07T00:00:00Z"),
        ("l4", "0.70", None),
    ]


def test_equal_prices_share_a_name() -> None:
    """Of one kind; another kind, or another price, has another name."""
    lines = (f"2026-01-05,10.0.0.{number}:8000,24,{cost},USD,,{kind}" for number, (cost, kind) in enumerate(COSTS))
    assert [one.price for one in priced(*lines).servers] == ["h100", "h100", "h100-2", "a100", "gpu", "h100-3"]


COSTS = [("60", "H100"), ("60", "H100"), ("72", "H100"), ("60", "A100"), ("60", ""), ("60", "h100")]


def test_rounded_costs_of_one_price_are_one_price() -> None:
    """2.499 an hour; what each day has of cents makes it 2.4992, 2.4986 and 2.499."""
    lines = [f"2026-01-0{day},{ONE},{hours},{cost},USD,1,L4" for day, hours, cost in DAYS]
    assert prices(*lines) == [("l4", "2.499", None)]
    assert section_text("bill.csv", priced(*lines)).startswith(
        "# From bill.csv: 127.45 USD. By these prices it is 0.001 less, as it was rounded; at most 0.004 of a server "
        "and day.\n"
    )


DAYS = [(5, "24.00", "59.98"), (6, "7.00", "17.49"), (7, "20.00", "49.98")]


def test_an_exact_price_is_kept_exactly() -> None:
    """Though a shorter one were within the rounding; and one that no nine decimals have is the nearest."""
    assert prices(f"2026-01-05,{ONE},7.00,17.85,USD,1,L4") == [("l4", "2.55", None)]
    assert prices(f"2026-01-05,{ONE},0.01,0.02,USD,1,L4") == [("l4", "2.00", None)]
    assert prices(f"2026-01-05,{ONE},3.00,1.000000000,USD,1,L4") == [("l4", "0.333333333", None)]
    text = section_text("bill.csv", priced(f"2026-01-05,{ONE},3.00,1.000000000,USD,1,L4"))
    assert "By these prices it is 0.000000001 less, as it was rounded; at most 0.000000001 of" in text
    assert "# From bill.csv: 0.00 USD. These prices make it exactly." in section_text(
        "bill.csv", priced(f"2026-01-05,{ONE},3,0,USD,1,L4")
    )


@given(
    st.lists(
        st.tuples(st.decimals(Decimal("0.01"), 400, places=3), st.lists(st.integers(1, 96), min_size=1, max_size=6)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=examples(60), deadline=None)
def test_the_bill_comes_out_again(changes: Sequence[tuple[Decimal, Sequence[int]]]) -> None:
    """To its cents, each day, by what is printed; and no price changes more often than it did."""
    lines, day = [], FIRST
    for price, quarters in changes:
        for of_day in quarters:
            hours = Decimal(of_day) / 4
            exact = price * hours
            cost = exact.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
            is_half = abs(exact - cost) * 1_000 > Decimal("4.9")
            lines.append(f"{day},{ONE},{hours:.2f},{exact if is_half else cost:f},USD,1,L4")
            day += timedelta(days=1)
    lines.append(f"{FIRST},{OTHER},24,16.80,USD,,L4")
    found = section(*lines)
    (price_name,) = {one.price for one in found.servers if one.endpoint == ONE}
    assert price_name is not None
    history = found.changes_of(price_name)
    assert len(history) <= len(changes)
    for one in bill_of("bill.csv", content(*lines)):
        if one.server == ONE:
            per_hour = price_at(history, one.day_us)
            assert per_hour is not None
            ours = Fraction(one.gpu_us, 3_600_000_000) * per_hour
            assert abs(ours - one.cost_nano) <= one.cost_rounding_nano


# --- GPUs ----------------------------------------------------------------------------------------------------------


def test_gpus_are_the_hours_of_the_longest_day() -> None:
    """Other days were shorter: it began, ended, or was away. A column says it better."""
    lines = [f"2026-01-0{day},{ONE},{hours},{hours},USD,," for day, hours in ((5, 30), (6, 96), (7, 24))]
    assert [one.gpus for one in priced(*lines).servers] == [4]
    assert "gpus: 4, kind: GPU, price: gpu }  # 96 hours on 2026-01-06; the bill has no `kind`" in section_text(
        "bill.csv", priced(*lines)
    )
    assert [one.gpus for one in priced(f"2026-01-05,{ONE},30,30,USD,8,").servers] == [8]


def test_a_name_has_the_gpus_of_each_server_behind_it() -> None:
    """The hours of a day are those of all of them; a name without a port is that of one server, in role guard."""
    assert [one.gpus for one in priced("2026-01-05,vllm:8000,144,360,USD,2,").servers] == [2]
    assert [one.gpus for one in priced("2026-01-05,vllm-0,48,120,USD,,").servers] == [2]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            [f"2026-01-05,{ONE},24,1,USD,,", f"2026-01-06,{ONE},37.5,1,USD,,"],
            "bill.csv:3: 37.5 hours in its longest day are no whole number of GPUs for 24 hours: add a column `gpus`",
        ),
        (
            ["2026-01-05,vllm:8000,144,1,USD,,"],
            "bill.csv:2: vllm:8000 is a name, perhaps of several servers: add a column `gpus`, of each of them",
        ),
        (
            [f"2026-01-05,{ONE},50,1,USD,2,"],
            "bill.csv:2: 50 hours in a day, and 2 GPUs have 48: correct `gpus`",
        ),
        (
            [f"2026-01-05,{ONE},24,1,USD,2,", f"2026-01-06,{ONE},24,1,USD,4,"],
            "bill.csv:3: gpus `4`, expected `2`, as bill.csv:2 has: a server has one `gpus`",
        ),
        (
            [f"2026-01-05,{ONE},24,1,USD,,L4", f"2026-01-06,{ONE},24,1,USD,,H100"],
            "bill.csv:3: kind `H100`, expected `L4`, as bill.csv:2 has: a server has one `kind`",
        ),
        ([f"2026-01-05,{ONE},24,1,USD,0,"], "bill.csv:2: gpus is no whole number from 1 to 4096"),
        ([f"2026-01-05,{ONE},24,1,USD,5000,"], "bill.csv:2: gpus is no whole number from 1 to 4096"),
        ([f"2026-01-05,{ONE},24,1,USD,,a b"], "bill.csv:2: kind is no kind of GPU, such as H100-80GB: letters, digits"),
        (
            [f"2026-01-05,{ONE},24,1,USD,,", f"2026-01-06,{ONE},24,1,EUR,,"],
            "bill.csv:3: EUR, expected USD, as bill.csv:2 has: one configuration has one currency",
        ),
        (
            [f"2026-01-05,{ONE},24,-1.00,USD,,"],
            "bill.csv:2: a credit, which is no price of an hour: leave it out",
        ),
        (
            [f"2026-01-05,{ONE},0.00,1.00,USD,,"],
            "bill.csv:2: no hours, so its cost is no price of an hour: leave it out",
        ),
        (
            ["2026-01-05,pool a,24,1,USD,,"],
            "bill.csv:2: the server is no address, such as 10.0.0.7:8000, as entries have it",
        ),
        (
            [f"2026-01-05,{ONE},0.01,99999999,USD,1,L4"],
            "the price l4 is above 999999 an hour: gpu_hours are in another unit, or too few",
        ),
        ([f"2026-01-05,{ONE},x,1,USD,,"], "bill.csv:2: gpu_hours is no number of hours"),
    ],
)
def test_what_a_bill_does_not_say(lines: list[str], told: str) -> None:
    """With its line, and what to do."""
    with pytest.raises(BadClaims) as bad:
        priced(*lines)
    assert told in str(bad.value)


# --- and back ------------------------------------------------------------------------------------------------------


def test_what_is_allocated_by_it_agrees_with_the_bill(store: LedgerStore) -> None:
    """Nothing is left to explain but the rounding that is announced."""
    lines = [
        *(f"2026-01-0{5 + day},{ONE},{hours},{cost},USD,2,H100" for day, (hours, cost) in enumerate(OF_ONE)),
        *(f"2026-01-0{day},{OTHER},{hours},{cost},USD,1,L4" for day, hours, cost in DAYS),
    ]
    bill = bill_of("bill.csv", content(*lines))
    gpus = {ONE: 2, OTHER: 1}
    lived = {(one.day_us, one.server): one.gpu_us // gpus[one.server] for one in bill}

    def lives(_: Connection, begin_us: int, __: int) -> Mapping[str, ServerLife]:
        times = {server: np.array([lived[begin_us, server]]) for server in gpus}
        begin = np.array([begin_us])
        return {
            server: ServerLife(Intervals.union(begin, begin + time), Intervals.none(), Intervals.none())
            for server, time in times.items()
        }

    with store.reading() as connection:
        servers = server_terms(connection, section(*lines))
    terms = AllocationTerms("even_ps", servers.get, lives, lambda *_: ServerSamples.of(()), lambda *_: TYPICAL)
    for day_us in sorted({one.day_us for one in bill}):
        allocate_day(store, terms, (day_us, day_us + DAY_US), day_us + DAY_US)
    with store.reading() as connection:
        found = reconciled_bill(connection, bill, "even_ps")
    assert (found.compared, found.differences) == (6, [])
    announced = priced(*lines)
    assert found.rounding == {"USD": -announced.off_nano}
    assert announced.off_nano


OF_ONE = [("48.00", "120.00"), ("48.00", "105.60"), ("17.00", "37.40")]
