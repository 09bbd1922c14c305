"""What clients notice of upgrades, by the report of ``make upgrade-check``."""

from __future__ import annotations

from tests.upgrades.report import read_report


def upgrades_table() -> str:
    """One row for each upgrade and each crash."""
    report = read_report()
    heads = ("times", "requests", "failed", "in flight", "unguarded", "shapeless", "slowest")
    rows = [f"| {report.date}, {report.machine} | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for row in report.rows:
        figures = (row.times, row.requests, row.failed, row.in_flight, row.unguarded, row.shapeless)
        slowest = f"{row.slowest_s:.2f} s"
        rows.append(f"| {row.what} | {' | '.join(f'{figure:,}' for figure in figures)} | {slowest} |")
    return "\n".join(rows)
