"""``extproc ledger query | tail | verify | export | replay``: what the ledger has, and whether it is whole.

The database library is imported only by these commands; the others do not need it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from extproc.cli.exit_codes import ExitCode
from extproc.cli.ledger_export import csv_lines, in_parts, json_lines, write_lines, write_parquet
from extproc.cli.ledger_output import EntryLines, entry_data, print_verified, verified_data
from extproc.cli.ledger_replay import entries_of, sources_in
from extproc.cli.ledger_store import (
    LinesOption,
    OfEndpoint,
    OfExchange,
    OfFeedback,
    OfGuard,
    OfModel,
    OfOutcome,
    OfProject,
    OfTeam,
    OfUser,
    OfVersion,
    OpenLedger,
    SinceOption,
    UntilOption,
    opened,
    refuse_use,
    time_us,
)
from extproc.cli.ledger_tail import Tail, show_tail
from extproc.cli.output import AsJson, print_json
from extproc.cli.progress import progress
from extproc.cli.signals import unwound_by_signals
from extproc.cli.tables import result_console
from extproc.cli.which_config import ConfigOption, config_file
from extproc.ledger.entry import LedgerEntry

if TYPE_CHECKING:
    from extproc.ledger.query import EntryQuery

app = typer.Typer(
    name="ledger",
    add_completion=False,
    help=(
        "Query, follow, verify and export the ledger of exchanges. Exit 1: `verify` found a problem; 2: bad"
        " configuration or argument; 5: the store fails."
    ),
    no_args_is_help=True,
)
_REPLAYED_AT_ONCE: Final = 500


class ExportFormat(StrEnum):
    """How entries are written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


@app.command("query")
def query_command(
    team: OfTeam = None,
    project: OfProject = None,
    user: OfUser = None,
    endpoint: OfEndpoint = None,
    version: OfVersion = None,
    outcome: OfOutcome = None,
    exchange: OfExchange = None,
    feedback: OfFeedback = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of entries.")] = 50,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """List entries, the newest first, a line each. `~`: estimated tokens."""
    from extproc.ledger.query import EntryQuery, newest

    times = time_us(since), time_us(until)
    wanted = EntryQuery(team, project, user, endpoint, version, outcome, exchange, *times, feedback)
    with progress("Reading the entries"), opened(config_file(config)) as ledger:
        found = [entry for _, entry in newest(ledger.store, wanted, limit)]
    if as_json:
        print_json({"entries": [entry_data(entry) for entry in found]})
    elif not found:
        typer.echo("No entry matches.", err=True)
    else:
        _show(found)


@app.command("tail")
def tail_command(
    team: OfTeam = None,
    model: OfModel = None,
    version: OfVersion = None,
    guard: OfGuard = None,
    outcome: OfOutcome = None,
    findings: Annotated[
        bool, typer.Option("--findings", help="Only exchanges in which a guard found something, and what.")
    ] = False,
    lines: LinesOption = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new entries, until Ctrl-C.")] = False,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest entries, the newest last; with `--follow` also those that are stored from now on."""
    from extproc.ledger.query import EntryQuery

    if follow and as_json:
        refuse_use("--follow prints for a person; ask with --json once, or export")
    show_tail(
        config_file(config),
        EntryQuery(team=team, version=version, outcome=outcome, model=model, guard=guard, with_findings=findings),
        Tail(lines, follow, as_json, findings),
    )


@app.command("verify")
def verify_command(config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Check numbers and checksums of the spool on this machine, and the counts of the store."""
    from extproc.ledger.verify import checked

    with progress("Reading the spool"), opened(config_file(config)) as ledger:
        found = verified_data(checked(ledger.store, ledger.spool, ledger.further_sinks))
    if as_json:
        print_json(found)
    else:
        print_verified(found)
    raise typer.Exit(ExitCode.OK if found["ok"] else ExitCode.FAILED)


@app.command("export")
def export_command(
    team: OfTeam = None,
    project: OfProject = None,
    user: OfUser = None,
    endpoint: OfEndpoint = None,
    version: OfVersion = None,
    outcome: OfOutcome = None,
    since: SinceOption = None,
    until: UntilOption = None,
    form: Annotated[ExportFormat, typer.Option("--format", help="csv, jsonl (one object a line) or parquet.")] = (
        ExportFormat.JSONL
    ),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: standard output.", show_default=False)
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Print or write all entries that match, the oldest first."""
    from extproc.ledger.query import EntryQuery

    if form is ExportFormat.PARQUET and output is None:
        refuse_use("a Parquet file is not for a terminal; name it with --output FILE")
    wanted = EntryQuery(team, project, user, endpoint, version, outcome, None, time_us(since), time_us(until))
    with unwound_by_signals(), ExitStack() as undo:
        with progress("Opening the store"):
            ledger = undo.enter_context(opened(config_file(config)))
        entries = _all(ledger, wanted)
        if output is None:
            write_lines(csv_lines(entries) if form is ExportFormat.CSV else json_lines(entries), sys.stdout.buffer)
            return
        with progress(f"Writing {output}"):
            count = _write(form, entries, output)
    typer.echo(f"{output}: {count} entries", err=True)


def _write(form: ExportFormat, entries: Iterator[LedgerEntry], output: Path) -> int:
    """Write a file whole, or not at all. Returns: how many entries. Raises: OSError."""
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        if form is ExportFormat.PARQUET:
            count = write_parquet(entries, unfinished)
        else:
            lines = csv_lines(entries) if form is ExportFormat.CSV else json_lines(entries)
            with unfinished.open("wb") as opened_file:
                count = write_lines(lines, opened_file) - (form is ExportFormat.CSV)
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _all(ledger: OpenLedger, wanted: EntryQuery) -> Iterator[LedgerEntry]:
    from extproc.ledger.query import in_order

    return (entry for _, entry in in_order(ledger.store, wanted))


@app.command("replay")
def replay_command(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Exports (jsonl), segments, or folders of spools.", show_default=False),
    ],
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Add the entries of files to the store. Exchanges that it has already stay as they are."""
    read = added = damaged = 0
    with progress("Adding the entries"), opened(config_file(config)) as ledger:
        files = [file for source in sources for file in sources_in(source)]
        for file in files:
            for part in in_parts(entries_of(file), _REPLAYED_AT_ONCE):
                entries = [entry for entry in part if entry is not None]
                added += ledger.store.add(entries)
                read, damaged = read + len(part), damaged + len(part) - len(entries)
    result = {"read": read, "added": added, "known": read - damaged - added, "damaged": damaged}
    if as_json:
        print_json(result)
    else:
        typer.echo(f"{read} records: {added} added, {result['known']} known already, {damaged} are no entries")


def _show(entries: list[LedgerEntry]) -> None:
    rows = EntryLines(result_console())
    rows.head()
    rows.show(entries)
