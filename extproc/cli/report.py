"""``extproc report``: what was used, by team or whatever else, by day, week or month.

The database library is imported only here and by other commands of the ledger.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from extproc.cli.exit_codes import ExitCode
from extproc.cli.ledger_opened import config_with_ledger, opened_ledger
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import progress
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file
from extproc.reports.dimensions import BadDimension, Dimension, dimension_of, dimensions_of
from extproc.reports.periods import BadRange, DayRange, Period, PeriodSize, day_of, zone_of
from extproc.reports.usage import Measure

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from extproc.reports.report import Question, Report

_BY_DEFAULT: Final = "team"
_FROM_DEFAULT: Final = "30d"
_TO_DEFAULT: Final = "today"

app = typer.Typer(add_completion=False)


class ReportFormat(StrEnum):
    """What a report is written as."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"
    FOCUS = "focus"


@app.command("report")
def report_command(
    file: ConfigArgument = None,
    by: Annotated[
        str | None, typer.Option(help="Group by these names, with commas: team (default), project, route, version ...")
    ] = None,
    period: Annotated[
        PeriodSize | None, typer.Option(help="A row for each of these; total (default): one for all days.")
    ] = None,
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DAY", help="First day: 2026-11-25, today, yesterday, 30d (default) or 4w."),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day, included; today (default).")
    ] = None,
    timezone: Annotated[str, typer.Option(help="Whose days they are, such as Europe/Berlin.")] = "UTC",
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Only entries with this value, such as team=search; repeatable."),
    ] = None,
    measure: Annotated[
        Measure | None,
        typer.Option(help="What groups are ordered by and changes are of; default: cost, or tokens if all is free."),
    ] = None,
    to_format: Annotated[
        ReportFormat, typer.Option("--format", help="How the report is written; focus: rows of FOCUS 1.3, as CSV.")
    ] = ReportFormat.TABLE,
    issuer: Annotated[str, typer.Option(help="Of --format focus: who bills, and the account.")] = "llm-extproc",
    method: Annotated[
        str | None,
        typer.Option(help="Only GPU time that this rule allocated; of --format focus by default weighted_ps_v1."),
    ] = None,
    reconcile: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Instead hold a provider's usage (JSON, CSV), vLLM's metrics or a bill of GPUs against the ledger;"
            " repeatable.",
        ),
    ] = None,
    resource_quotas: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What `kubectl get resourcequota -A -o json` prints (-: standard input), for `gpus.quotas`.",
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Report what the ledger has: requests, tokens, cost, findings, latency.

    Grouped by team or other names, in total or by day, week or month. Exit 1: `--reconcile` leaves something
    unexplained; 2: bad configuration or argument; 5: the store fails.
    """
    named = config_file(config, file)
    if as_json and to_format not in (ReportFormat.TABLE, ReportFormat.JSON):
        _refuse_use(f"--json and --format {to_format.value} contradict each other; name one")
    if to_format is ReportFormat.FOCUS and (by, period, measure, timezone) != (None, None, None, "UTC"):
        _refuse_use(
            "--format focus has a row for each UTC day, team, project and version: leave out --by, --period,"
            " --measure and --timezone"
        )
    if resource_quotas is not None and (reconcile or to_format is ReportFormat.FOCUS):
        _refuse_use("--resource-quotas is of quotas of teams, which --reconcile and --format focus do not have")
    if not issuer.strip():
        _refuse_use("--issuer is empty; write the name of who bills")
    if reconcile:
        if (by, period, measure, first, last, timezone) != (None, None, None, None, None, "UTC"):
            _refuse_use(
                "--reconcile takes its days from the file: leave out --by, --period, --measure, --from, --to"
                " and --timezone"
            )
        if to_format not in (ReportFormat.TABLE, ReportFormat.CSV, ReportFormat.JSON):
            _refuse_use(f"--reconcile has no --format {to_format.value}; there are table, csv and json")
        raise typer.Exit(_reconciled(named, reconcile, only, method, ReportFormat.JSON if as_json else to_format))
    now_us = time.time_ns() // 1_000
    try:
        days = _days(first or _FROM_DEFAULT, last or _TO_DEFAULT, timezone, now_us)
        dimensions, conditions = (
            dimensions_of(_BY_DEFAULT if by is None else by),
            [_condition(one) for one in only or ()],
        )
    except (BadRange, BadDimension) as bad:
        _refuse_use(str(bad))
    kept = config_with_ledger(named)
    if method is not None and kept.document.gpus is None:
        _refuse_use("--method is of GPU time, and there is no `gpus:` section")
    from extproc.cli.report_focus import focus_text
    from extproc.cli.report_quotas import read_quotas
    from extproc.reports.gpu_columns import add_gpu_time
    from extproc.reports.report import Question

    quotas = read_quotas(kept.document.gpus, resource_quotas, dimensions, conditions)
    question = Question(days, period or PeriodSize.TOTAL, dimensions, conditions, measure)
    with (
        progress("Reading the ledger") as line,
        opened_ledger(kept) as store,
        store.reading() as connection,
    ):
        try:
            if to_format is ReportFormat.FOCUS:
                text = focus_text(connection, question, kept.document, issuer, method)
                report = None
            else:
                report = _report(connection, question, now_us, lambda one: line.say(f"Reading {one.first}"))
                if (gpus := kept.document.gpus) is not None:
                    line.say("Reading GPU time")
                    add_gpu_time(connection, gpus, question, report, now_us, method, quotas)
        except BadRange as bad:
            _refuse_use(str(bad))
    if report is None:
        sys.stdout.write(text)
    else:
        _print(report, ReportFormat.JSON if as_json else to_format)


def _refuse_use(reason: str) -> NoReturn:
    refuse(f"extproc report: {reason}")


def _days(first: str, last: str, timezone: str, now_us: int) -> DayRange:
    """Raises: BadRange."""
    zone = zone_of(timezone)
    today = datetime.fromtimestamp(now_us // 1_000_000, UTC).astimezone(zone).date()
    return DayRange(day_of(first, "--from", today), day_of(last, "--to", today), zone, timezone)


def _condition(written: str) -> tuple[Dimension, str]:
    """Raises: BadDimension."""
    name, equals, value = written.partition("=")
    if not equals:
        raise BadDimension(f"--only {written[:40]!r}: write NAME=VALUE, such as team=search")
    return dimension_of(name), value


def _report(connection: Connection, asked: Question, now_us: int, told: Callable[[Period], None]) -> Report:
    """Raises: BadRange."""
    from extproc.reports.query import LedgerQuery
    from extproc.reports.report import report_of

    return report_of(asked, LedgerQuery(connection, asked.dimensions, asked.only), now_us, told)


def _reconciled(
    config: Path, files: Sequence[Path], only: Sequence[str] | None, method: str | None, to_format: ReportFormat
) -> ExitCode:
    kept = config_with_ledger(config)
    from extproc.cli.report_bill import print_bill, reconciled_with_bill
    from extproc.cli.report_reconcile import print_reconciled, read_files, served_of
    from extproc.reports.reconcile import reconciled

    read = read_files(files)
    if read.bill and only:
        _refuse_use("a bill of GPUs is of all that ran on them: leave out --only")
    try:
        conditions = [_condition(one) for one in only or ()]
    except BadDimension as bad:
        _refuse_use(str(bad))
    with (
        progress("Reading the ledger"),
        opened_ledger(kept) as store,
        store.reading() as connection,
    ):
        if read.bill:
            bill = reconciled_with_bill(connection, read.bill, method)
        else:
            found = reconciled(connection, read.claims, served_of(kept.document), conditions)
    if read.bill:
        print_bill(bill, to_format.value)
        return ExitCode.FAILED if bill.differences else ExitCode.OK
    print_reconciled(found, to_format.value)
    return ExitCode.FAILED if any(one.unexplained for one in found.differences) else ExitCode.OK


def _print(report: Report, to_format: ReportFormat) -> None:
    if to_format is ReportFormat.JSON:
        from extproc.reports.data import report_data

        print_json(report_data(report))
    elif to_format is ReportFormat.CSV:
        from extproc.reports.csv_text import report_csv

        sys.stdout.write(report_csv(report))
        from extproc.cli.tables import plain_text

        sentences = [] if report.gpu is None else [report.gpu.absent, *report.gpu.quotas.notes]
        for sentence in filter(None, sentences):
            typer.echo(plain_text(sentence), err=True)  # the file has no room for it
    elif to_format is ReportFormat.HTML:
        from extproc.reports.html_page import html_page

        sys.stdout.write(html_page(report))
    else:
        from extproc.cli.report_output import print_report
        from extproc.cli.tables import result_console

        print_report(result_console(), report)
