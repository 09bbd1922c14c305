"""How ``extproc allocate`` shows GPU time, as a table and as JSON."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.allocate_shapes import AllocatedJson
from extproc.cli.gpu_days import utc_moment
from extproc.cli.report_gpu_output import STATES_IN_WORDS, without_watts_in_words
from extproc.cli.tables import plain_text, print_line, print_table
from extproc.ledger.allocation.allocating import DayResult
from extproc.ledger.allocation.slice_rows import UNEXPLAINED
from extproc.reports.gpu_time import GpuQuestion, GpuReport, UnpaidTime
from extproc.reports.units import kwh_in_words

_US_PER_H: Final = 3_600_000_000
_NANO: Final = 1_000_000_000


class AllocatedRun(NamedTuple):
    """What a run of the command found. ``days``: what was done for each."""

    asked: GpuQuestion
    report: GpuReport
    days: tuple[DayResult, ...]

    @property
    def has_energy(self) -> bool:
        """Whether `gpus.watts` is configured."""
        return bool(self.asked.watts)

    @property
    def unknown(self) -> dict[str, int]:
        """Exchanges of servers whose GPUs nobody knows, by address."""
        found: Counter[str] = Counter()
        for day in self.days:
            found.update(day.unknown)
        return dict(sorted(found.items()))


def allocated_data(found: AllocatedRun) -> AllocatedJson:
    """All of it as data."""
    asked, report = found.asked, found.report
    return {
        "method": asked.method,
        "begin": utc_moment(asked.begin_us),
        "end": utc_moment(asked.end_us),
        "by": list(asked.by),
        "rows": [
            {
                "group": list(one.group),
                "currency": one.currency,
                "used_us": one.used,
                "used_cost_nano": one.used_cost,
                "idle_us": one.idle,
                "idle_cost_nano": one.idle_cost,
                "energy_mwh": one.energy if found.has_energy else None,
            }
            for one in report.rows
        ],
        "unpaid": [
            {
                "state": one.state,
                "currency": one.currency,
                "time_us": one.time,
                "cost_nano": one.cost,
                "energy_mwh": _energy_of(one) if found.has_energy else None,
            }
            for one in report.unpaid
        ],
        "slices": report.slices,
        "unpriced": report.unpriced,
        "energy_unknown_us": report.without_watts if found.has_energy else None,
        "revised": report.revised,
        "unproven_us": report.unproven,
        "days_read": sum(day.exchanges is not None for day in found.days),
        "exchanges_read": sum(day.exchanges or 0 for day in found.days),
        "unknown": [{"server": name, "exchanges": count} for name, count in found.unknown.items()],
    }


def _energy_of(unpaid: UnpaidTime) -> int | None:
    """Of time that no group pays; what a GPU draws that does not work is not known. [mWh]"""
    return unpaid.energy if unpaid.state == UNEXPLAINED else None


def print_allocated(console: Console, found: AllocatedRun) -> None:
    """A line for each group, one for each state that nobody pays, and what is not known."""
    asked, report = found.asked, found.report
    by = f" by {', '.join(asked.by)}" if asked.by else ""
    heading = f"GPU time{by}, {utc_moment(asked.begin_us)} to {utc_moment(asked.end_us)}, method {asked.method}"
    print_line(console, Text(heading, "bold"))
    if not report.slices:
        print_line(console, Text("No server was seen, and no exchange of one."))
    else:
        print_line(console, Text(""))
        print_table(console, _table(report, asked.by, found.has_energy))
    for sentence in _notes(found):
        print_line(console, Text(plain_text(sentence)))


def _table(report: GpuReport, by: tuple[str, ...], has_energy: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in by or ("",):
        table.add_column(name, overflow="fold")
    columns = ("GPU-hours", "share", "idle", "kWh") if has_energy else ("GPU-hours", "share", "idle")
    for name in (*columns, "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    whole = report.time or 1
    rest = [""] * (max(len(by), 1) - 1)
    for row in report.rows:
        names = [plain_text(name) or "-" for name in row.group] or ["all"]
        idle = _hours(row.idle) if row.idle else ""
        kwh = [kwh_in_words(row.energy)] if has_energy else []
        table.add_row(*names, _hours(row.time), f"{row.time / whole:.1%}", idle, *kwh, _money(row.cost, row.currency))
    for state in report.unpaid:
        of_state = Text(f"({STATES_IN_WORDS[state.state]})", "dim")
        share = f"{state.time / whole:.1%}"
        kwh = [kwh_in_words(_energy_of(state))] if has_energy else []
        cost = _money(state.cost, state.currency)
        table.add_row(of_state, *rest, _hours(state.time), share, "", *kwh, cost)
    currencies = {one.currency for one in report.rows} | {one.currency for one in report.unpaid}
    cost = _money(report.cost, currencies.pop()) if len(currencies) == 1 else ""
    kwh = [kwh_in_words(report.energy)] if has_energy else []
    table.add_row(Text("all", "bold"), *rest, _hours(report.time), "100.0%", "", *kwh, cost)
    return table


def _notes(found: AllocatedRun) -> list[str]:
    notes = []
    if found.report.unpriced:
        notes.append(
            f"{found.report.unpriced} hours of servers have no price: `gpus.prices` begins later, or lacks it."
        )
    if found.report.unproven:
        hours = _hours(found.report.unproven)
        notes.append(f"{hours} GPU-hours are after the last samples of servers: nothing proves them.")
    if found.report.revised:
        notes.append(f"{found.report.revised} hours of servers were revised, as exchanges came late.")
    if found.has_energy and found.report.without_watts:
        notes.append(without_watts_in_words(found.report.without_watts))
    for server, count in found.unknown.items():
        what = (
            f"by {server}, whose GPUs are not known (`gpus.servers`)"
            if server
            else "by servers that Envoy did not name"
        )
        notes.append(f"{count} exchanges were answered {what}: their GPU time is not known.")
    return notes


def _hours(time_us: int) -> str:
    hours = time_us / _US_PER_H
    return f"{hours:,.1f}" if hours >= 100 else f"{hours:.3f}"


def _money(nano: int, currency: str) -> str:
    return f"{nano / _NANO:,.2f} {currency}"
