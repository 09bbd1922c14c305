"""``extproc report``: what was used, by team or whatever else, by day, week or month.

The database library is imported only here and by other commands of the ledger.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from extproc.cli.ledger_opened import document_with_ledger, opened_ledger
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import progress
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file
from extproc.reports.dimensions import BadDimension, Dimension, dimension_of, dimensions_of
from extproc.reports.periods import BadRange, DayRange, PeriodSize, day_of, zone_of
from extproc.reports.usage import Measure

if TYPE_CHECKING:
    from extproc.reports.report import Report

app = typer.Typer(add_completion=False)


class ReportFormat(StrEnum):
    """What a report is written as."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


@app.command("report")
def report_command(
    file: ConfigArgument = None,
    by: Annotated[
        str, typer.Option(help="Group by these names, with commas: team, project, route, version ...")
    ] = "team",
    period: Annotated[PeriodSize, typer.Option(help="A row for each of these; total: one for all days.")] = (
        PeriodSize.TOTAL
    ),
    first: Annotated[
        str, typer.Option("--from", metavar="DAY", help="First day: 2026-11-25, today, yesterday, 30d or 4w.")
    ] = "30d",
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="Last day, included.")] = "today",
    timezone: Annotated[str, typer.Option(help="Whose days they are, such as Europe/Berlin.")] = "UTC",
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Only entries with this value, such as team=search; repeatable."),
    ] = None,
    measure: Annotated[
        Measure | None,
        typer.Option(help="What groups are ordered by and changes are of; default: cost, or tokens if all is free."),
    ] = None,
    to_format: Annotated[ReportFormat, typer.Option("--format", help="How the report is written.")] = (
        ReportFormat.TABLE
    ),
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Report what the ledger has: requests, tokens, cost, findings, latency.

    Grouped by team or other names, in total or by day, week or month. Exit 2: bad configuration or argument; 5: the
    store fails.
    """
    named = config_file(config, file)
    if as_json and to_format not in (ReportFormat.TABLE, ReportFormat.JSON):
        refuse(f"extproc report: --json and --format {to_format.value} contradict each other; name one")
    now_s = time.time()
    try:
        zone = zone_of(timezone)
        today = datetime.fromtimestamp(now_s, UTC).astimezone(zone).date()
        days = DayRange(day_of(first, "--from", today), day_of(last, "--to", today), zone, timezone)
        dimensions, conditions = dimensions_of(by), [_condition(one) for one in only or ()]
    except (BadRange, BadDimension) as bad:
        refuse(f"extproc report: {bad}")
    document = document_with_ledger(named)
    from extproc.reports.query import LedgerQuery
    from extproc.reports.report import Question, report_of

    assert document.ledger is not None
    asked = Question(days, period, dimensions, conditions, measure)
    with (
        progress("Reading the ledger") as line,
        opened_ledger(document.ledger.url, named.parent) as store,
        store.reading() as connection,
    ):
        try:
            query = LedgerQuery(connection, dimensions, conditions)
            report = report_of(asked, query, int(now_s * 1_000_000), lambda one: line.say(f"Reading {one.first}"))
        except BadRange as bad:
            refuse(f"extproc report: {bad}")
    _print(report, ReportFormat.JSON if as_json else to_format)


def _condition(written: str) -> tuple[Dimension, str]:
    """Raises: BadDimension."""
    name, equals, value = written.partition("=")
    if not equals:
        raise BadDimension(f"--only {written[:40]!r}: write NAME=VALUE, such as team=search")
    return dimension_of(name), value


def _print(report: Report, to_format: ReportFormat) -> None:
    if to_format is ReportFormat.JSON:
        from extproc.reports.data import report_data

        print_json(report_data(report))
    elif to_format is ReportFormat.CSV:
        from extproc.reports.csv_text import report_csv

        sys.stdout.write(report_csv(report))
    elif to_format is ReportFormat.HTML:
        from extproc.reports.html_page import html_page

        sys.stdout.write(html_page(report))
    else:
        from extproc.cli.report_output import print_report
        from extproc.cli.tables import result_console

        print_report(result_console(), report)
