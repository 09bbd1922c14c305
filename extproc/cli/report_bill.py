"""``extproc report --reconcile`` with a bill of GPUs: what is compared, and what is printed of the differences."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from extproc.cli.output import print_json, refuse
from extproc.cli.report_method import chosen_method
from extproc.cli.tables import plain_text, print_line, print_table, result_console
from extproc.reports.csv_text import Cell, csv_of
from extproc.reports.gpu_bill import BillLine
from extproc.reports.gpu_reconcile import BillCause, BillDifference, BilledTime, ReconciledBill, reconciled_bill
from extproc.reports.units import gpu_hours_in_words, signed_gpu_hours, signed_nano

_US_PER_S: Final = 1_000_000
_DAY_US: Final = 86_400_000_000
_IN_WORDS: Final = {
    BillCause.NOT_IN_BILL: "NOT IN THE BILL",
    BillCause.NOT_KNOWN: "NOT KNOWN HERE: no GPU time of that server is allocated",
    BillCause.CURRENCY: "IN ANOTHER CURRENCY",
    BillCause.HOURS: "HOURS DIFFER, at the price that is known here",
    BillCause.PRICE: "PRICE DIFFERS",
    BillCause.ROUNDING: "rounding of what the bill has",
}


def reconciled_with_bill(connection: Connection, lines: Sequence[BillLine], method: str | None) -> ReconciledBill:
    """By one method. The command ends with a sentence if nothing is allocated in its days."""
    first_us, last_us = min(one.day_us for one in lines), max(one.day_us for one in lines)
    chosen = chosen_method(connection, (first_us, last_us + _DAY_US), method)
    if chosen is None:
        days = f"--from {_day(first_us)} --to {_day(last_us)}"
        refuse(f"extproc report: no GPU time of the bill's days is allocated: run `extproc allocate {days}`")
    return reconciled_bill(connection, lines, chosen)


def bill_data(found: ReconciledBill) -> dict[str, Any]:
    """As JSON; ``ReconciledBillJson`` documents it."""
    return {
        "method": found.method,
        "days": asdict(found.days),
        "compared": found.compared,
        "differences": [
            {
                "day": _day(one.day_us),
                "server": one.server,
                "currency": one.currency,
                "theirs": one.theirs._asdict(),
                "ours": one.ours._asdict(),
                "parts": [{"cause": cause.value, **time._asdict()} for cause, time in one.parts],
            }
            for one in found.differences
        ],
        "rounding": [{"currency": currency, "cost_nano": nano} for currency, nano in found.rounding.items()],
    }


def print_bill(found: ReconciledBill, to_format: str) -> None:
    """In one of the formats ``table``, ``csv`` and ``json``."""
    if to_format == "json":
        print_json({"compared": found.compared, "differences": [], "bill": bill_data(found)})
    elif to_format == "csv":
        sys.stdout.write(csv_of(_HEAD, [row for one in found.differences for row in _rows(one)]))
    else:
        _print_table(found)


_HEAD: Final = (
    *("day", "server", "currency", "theirs_gpu_us", "ours_gpu_us", "theirs_cost_nano", "ours_cost_nano"),
    *("cause", "gpu_us", "cost_nano"),
)


def _rows(one: BillDifference) -> list[list[Cell]]:
    counts = [one.theirs.gpu_us, one.ours.gpu_us, one.theirs.cost_nano, one.ours.cost_nano]
    before: list[Cell] = [_day(one.day_us), one.server, one.currency, *counts]
    return [[*before, cause.value, *time] for cause, time in one.parts]


def _print_table(found: ReconciledBill) -> None:
    console = result_console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("day (UTC)", no_wrap=True)
    table.add_column("server", overflow="fold")
    table.add_column("GPU-hours", justify="right", no_wrap=True)
    table.add_column("cost", justify="right", no_wrap=True)
    table.add_column("of", overflow="fold")
    for one in found.differences:
        amounts = f"{_amounts(one.theirs, one.currency)} theirs, {_amounts(one.ours, one.currency)} ours"
        table.add_row(_day(one.day_us), plain_text(one.server), "", "", amounts)
        for cause, time in one.parts:
            style = "" if cause is BillCause.ROUNDING else "bold red"
            cells = (signed_gpu_hours(time.gpu_us), f"{signed_nano(time.cost_nano)} {one.currency}", _IN_WORDS[cause])
            table.add_row("", "", *(Text(cell, style) for cell in cells))
    if found.differences:
        print_table(console, table)
    for sentence in _sentences(found):
        print_line(console, Text(sentence))


def _amounts(time: BilledTime, currency: str) -> str:
    return f"{gpu_hours_in_words(time.gpu_us)} hours at {signed_nano(time.cost_nano).removeprefix('+')} {currency}"


def _sentences(found: ReconciledBill) -> Iterator[str]:
    days = found.days
    if days.whole < days.asked:
        in_part = f", and a part of {days.in_part}" if days.in_part else ""
        yield f"{days.whole} of {days.asked} days are allocated{in_part}: run `extproc allocate` for the others."
    differ = len(found.differences)
    compared = f"{found.compared} servers and days compared with {found.method}"
    yield f"{compared}: {found.compared - differ} agree, {differ} do not"
    sums: Counter[str] = Counter()
    for one in found.differences:
        sums[one.currency] += sum(time.cost_nano for cause, time in one.parts if cause is not BillCause.ROUNDING)
    for currency in sorted(found.rounding):
        words = f"rounding {signed_nano(found.rounding[currency])} {currency}"
        yield f"not explained {signed_nano(sums[currency])} {currency}, {words}" if sums[currency] else words


def _day(day_us: int) -> str:
    return datetime.fromtimestamp(day_us // _US_PER_S, UTC).date().isoformat()
