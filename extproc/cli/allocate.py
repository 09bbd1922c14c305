"""``extproc allocate``: whose exchanges the time of GPUs went to.

The database library is imported only when it runs.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from extproc.cli.gpu_days import FirstDay, LastDay, SettledSpan, settled_span, told_days
from extproc.cli.ledger_opened import config_with_ledger, opened_ledger
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import Progress, progress
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file
from extproc.config.gpus import GpusSection
from extproc.domain.extras import MODULES, how_to_install, missing_modules

if TYPE_CHECKING:
    from extproc.cli.allocate_output import AllocatedRun
    from extproc.ledger.store import LedgerStore

app = typer.Typer(name="allocate", add_completion=False)


class _Asked(NamedTuple):
    """Attributes: files: in place of the database's entries."""

    span: SettledSpan
    method: str
    by: tuple[str, ...]
    files: Path | None


@app.command("allocate")
def allocate_command(
    file: ConfigArgument = None,
    first: FirstDay = "7d",
    last: LastDay = "today",
    by: Annotated[
        str, typer.Option(help="Group by these names, with commas: team, project, model, server ...")
    ] = "team",
    method: Annotated[
        str, typer.Option(help="Rule by which busy time is divided; each one's results are kept apart.")
    ] = "weighted_ps_v1",
    entries: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            exists=True,
            file_okay=False,
            help="Read entries from Parquet files (`ledger.parquet`).",
        ),
    ] = None,
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
    _check_files(entries)
    now_us = time.time_ns() // 1_000
    span = settled_span("allocate", first, last, now_us)
    from extproc.cli.allocate_output import allocated_data, print_allocated
    from extproc.cli.tables import result_console

    with progress("Reading the ledger") as line, opened_ledger(kept) as store:
        found = _allocated(store, section, _Asked(span, method, names, entries), now_us, line)
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
    asked: _Asked,
    now_us: int,
    line: Progress,
) -> AllocatedRun:
    from extproc.allocation.idle import IdlePolicy
    from extproc.cli.allocate_output import AllocatedRun
    from extproc.ledger.allocation.allocating import allocate_day
    from extproc.ledger.allocation.reading import FilesUnusable
    from extproc.ledger.allocation.terms import allocation_terms
    from extproc.reports.gpu_time import GpuQuestion, gpu_report, reserved_shares

    with store.reading() as connection:
        terms = allocation_terms(connection, section, asked.method)._replace(files=asked.files)
    days = []
    for day, told in told_days(asked.span, line, "Allocating"):
        try:
            days.append(allocate_day(store, terms, day, now_us, told))
        except FilesUnusable as unusable:
            refuse(f"extproc allocate: {unusable}")
    line.say("Adding up")
    with store.reading() as connection:
        reserved = reserved_shares(connection, section)
        policy = IdlePolicy(section.idle)
        question = GpuQuestion(asked.method, *asked.span, asked.by, policy, reserved, watts=section.watts)
        return AllocatedRun(question, gpu_report(connection, question), tuple(days))


def _check_files(files: Path | None) -> None:
    if files is not None and missing_modules(MODULES["parquet"]):
        refuse(f"extproc allocate: Parquet needs pyarrow. {how_to_install('parquet')}")
