"""``extproc allocate``: whose exchanges the time of GPUs went to.

The database library is imported only when it runs.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from extproc.cli.gpu_days import SettledSpan, settled_span
from extproc.cli.ledger_opened import config_with_ledger, opened_ledger
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import progress
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file
from extproc.config.gpus import GpusSection

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from extproc.allocation.server_time import ServerLife
    from extproc.cli.allocate_output import AllocatedRun
    from extproc.ledger.allocation.allocating import AllocationTerms
    from extproc.ledger.store import LedgerStore

_MILLION: Final = 1_000_000

app = typer.Typer(name="allocate", add_completion=False)


@app.command("allocate")
def allocate_command(
    file: ConfigArgument = None,
    first: Annotated[
        str, typer.Option("--from", metavar="DAY", help="First day (UTC): 2026-11-25, yesterday, 30d or 4w.")
    ] = "7d",
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="Last day, included.")] = "today",
    by: Annotated[
        str, typer.Option(help="Group by these names, with commas: team, project, model, server ...")
    ] = "team",
    method: Annotated[
        str, typer.Option(help="Rule by which busy time is divided; each one's results are kept apart.")
    ] = "weighted_ps_v1",
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Share the time of GPUs over teams, to the microsecond.

    It is divided over the exchanges that ran, and stored.

    Days without anything new are not read again. Exit 2: bad configuration or argument; 5: the store fails.
    """
    kept = config_with_ledger(config_file(config, file))
    section = kept.document.gpus
    if section is None:
        refuse("extproc allocate: there is no `gpus:` section, so nobody knows which GPUs servers have")
    names = _dimensions(by)
    _check_method(method)
    now_us = time.time_ns() // 1_000
    span = settled_span("allocate", first, last, now_us)
    from extproc.cli.allocate_output import allocated_data, print_allocated
    from extproc.cli.tables import result_console

    with opened_ledger(kept) as store:
        found = _allocated(store, section, span, method, names, now_us)
    if as_json:
        print_json(allocated_data(found))
    else:
        print_allocated(result_console(), found)


def _dimensions(by: str) -> tuple[str, ...]:
    from extproc.reports.gpu_sums import DIMENSIONS

    names = tuple(dict.fromkeys(name.strip() for name in by.split(",") if name.strip()))
    for name in names:
        if name not in DIMENSIONS:
            refuse(f"extproc allocate: GPU time is not kept by `{name[:40]}`. There are: {', '.join(DIMENSIONS)}")
    return names


def _check_method(method: str) -> None:
    from extproc.allocation.methods import METHODS

    if method not in METHODS:
        refuse(f"extproc allocate: there is no method `{method[:40]}`. There are: {', '.join(METHODS)}")


def _allocated(
    store: LedgerStore,
    section: GpusSection,
    span: SettledSpan,
    method: str,
    by: tuple[str, ...],
    now_us: int,
) -> AllocatedRun:
    from extproc.allocation.idle import IdlePolicy
    from extproc.cli.allocate_output import AllocatedRun
    from extproc.ledger.allocation.allocating import allocate_day, days_between
    from extproc.reports.gpu_time import GpuQuestion, gpu_report, reserved_shares

    with progress("Reading the ledger") as line:
        with store.reading() as connection:
            terms = _terms(connection, section, method)
        days = []
        for begin_us, end_us in days_between(*span):
            day = datetime.fromtimestamp(begin_us // _MILLION, UTC).date()
            line.say(f"Allocating {day}")
            days.append(allocate_day(store, terms, (begin_us, end_us), now_us))
        line.say("Adding up")
        with store.reading() as connection:
            reserved = reserved_shares(connection, section)
            asked = GpuQuestion(method, *span, by, IdlePolicy(section.idle), reserved)
            return AllocatedRun(asked, gpu_report(connection, asked), tuple(days))


def _terms(connection: Connection, section: GpusSection, method: str) -> AllocationTerms:
    from extproc.ledger.allocation.allocating import AllocationTerms
    from extproc.ledger.allocation.calibrating import step_costs_of
    from extproc.ledger.allocation.server_lives import server_lives, server_terms
    from extproc.ledger.allocation.stored_samples import read_samples

    def lives(within: Connection, begin_us: int, end_us: int) -> dict[str, ServerLife]:
        found = server_lives(within, begin_us, end_us, section.scrape_s * _MILLION)
        return {name: one.life for name, one in found.items()}

    return AllocationTerms(method, server_terms(connection, section).get, lives, read_samples, step_costs_of)
