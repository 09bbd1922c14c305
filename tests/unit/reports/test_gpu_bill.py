"""Bills of GPUs: numbers are exact, and what cannot be read is told with its line."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.reports.claims import BadClaims
from extproc.reports.gpu_bill import BillLine, bill_of, is_gpu_bill
from tests.unit.reports.samples import at_us

HOUR_US = 3_600_000_000
HEAD = "day,server,gpu_hours,cost,currency\n"


def bill(*lines: str, head: str = HEAD) -> list[BillLine]:
    """The lines of a file."""
    return bill_of("bill.csv", (head + "\n".join(lines)).encode())


def test_a_line() -> None:
    """Of a day of UTC; what rounding may have changed is half of the last digit."""
    assert bill("2026-01-05,10.0.0.7:8000,47.250,118.125,USD") == [
        BillLine(
            at_us("2026-01-05"),
            "10.0.0.7:8000",
            "USD",
            47 * HOUR_US + HOUR_US // 4,
            118_125_000_000,
            1_800_000,
            500_000,
        )
    ]


def test_whole_numbers_are_taken_to_be_exact_to_a_hundredth() -> None:
    """48 hours are not 47.6."""
    (line,) = bill("2026-01-05,a,48,120,EUR")
    assert (line.gpu_rounding_us, line.cost_rounding_nano) == (18_000_000, 5_000_000)


def test_columns_in_any_order_with_a_resource() -> None:
    """As others write them: a mark at the begin, quotes, blanks, line ends of Windows, columns of their own."""
    head = '\ufeff"currency", "cost", note, "resource", "gpu_hours", "day"\r\n'
    assert is_gpu_bill(head.encode())
    (line,) = bill('USD, -1.5, "a, b", i-0abc, 0, 2026-01-05\r\n', head=head)
    assert line == BillLine(at_us("2026-01-05"), "i-0abc", "USD", 0, -1_500_000_000, 18_000_000, 5_000_000)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("2026-13-05,a,1,1,USD", "bill.csv:2: day is no day of UTC, such as 2026-11-25"),
        ("05.01.2026,a,1,1,USD", "bill.csv:2: day is no day"),
        ("2026-01-05,,1,1,USD", "bill.csv:2: no server: expected its address, as entries have it, or its endpoint"),
        (f"2026-01-05,{'a' * 301},1,1,USD", "bill.csv:2: no server"),
        ("2026-01-05,a,-1,1,USD", "bill.csv:2: gpu_hours is no number of hours"),
        ("2026-01-05,a,1e3,1,USD", "bill.csv:2: gpu_hours is no number of hours"),
        ("2026-01-05,a,0.1234567890123,1,USD", "at most 12 decimals"),
        ("2026-01-05,a,1,$1,USD", "bill.csv:2: cost is no amount, such as 120.00, of at most 9 decimals"),
        ("2026-01-05,a,1,,USD", "bill.csv:2: cost is no amount"),
        ("2026-01-05,a,1,0.1234567891,USD", "bill.csv:2: cost is no amount"),
        ("2026-01-05,a,1,1,usd", "bill.csv:2: no currency: expected three letters of ISO 4217"),
        ("2026-01-05,a,1", "bill.csv:2: no currency"),
        ("2026-01-05,a,1,1,USD,more,and more\n2026-01-05,a,x,1,USD", "bill.csv:3: gpu_hours is no number"),
        ("", "bill.csv: a bill without a line"),
    ],
)
def test_a_line_that_cannot_be_read(line: str, told: str) -> None:
    """What, where, and what was expected."""
    with pytest.raises(BadClaims) as bad:
        bill(line)
    assert told in str(bad.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"day,gpu_hours,cost,currency\n", "bill.csv:1: the column server is missing. A bill of GPUs has day, server,"),
        (b"server,gpu_hours,cost\n", "bill.csv:1: the column day is missing"),
        (b"day,server,gpu_hours,cost\n", "bill.csv:1: the column currency is missing"),
        (b"gpu_hours\n\xff", "bill.csv: bytes that are not UTF-8"),
        (HEAD.encode() + b'"a' + b"x" * 200_000, "no CSV: field larger than field limit"),
    ],
)
def test_a_file_that_cannot_be_read(content: bytes, told: str) -> None:
    """Likewise."""
    with pytest.raises(BadClaims) as bad:
        bill_of("bill.csv", content)
    assert told in str(bad.value)


@pytest.mark.parametrize(
    ("content", "is_bill"),
    [
        (HEAD.encode(), True),
        (b"day,model,input_tokens,cost\n", False),
        (b'{"data": ["gpu_hours"]}', False),
        (b"# HELP x gpu_hours, and more\n", False),
        (b"", False),
        (b"\xff\xfe", False),
    ],
)
def test_bills_are_known_by_their_column(content: bytes, is_bill: bool) -> None:
    """Other files are usage of models."""
    assert is_gpu_bill(content) == is_bill


AMOUNTS = st.decimals(0, 10**9, places=9).map(lambda one: f"{one:f}")


@given(st.lists(st.tuples(st.dates(), st.text(min_size=1, max_size=20), AMOUNTS, AMOUNTS), min_size=1, max_size=5))
def test_any_bill_is_read_exactly(rows: list[tuple[object, str, str, str]]) -> None:
    """To the microsecond and the billionth; or it is refused for its text."""
    written = io.StringIO()
    csv.writer(written).writerows([HEAD.strip().split(","), *([*row, "USD"] for row in rows)])
    try:
        lines = bill_of("bill.csv", written.getvalue().encode())
    except (BadClaims, UnicodeEncodeError):
        assert any(not name.strip() or not name.isprintable() for _, name, _, _ in rows)
        return
    for line, (_, _, hours, cost) in zip(lines, rows, strict=True):
        assert line.cost_nano == Decimal(cost) * 10**9
        assert abs(line.gpu_us - Decimal(hours) * HOUR_US) <= Decimal("0.5")
