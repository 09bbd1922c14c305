"""``extproc rollout report``: a rollout as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extproc.cli.ledger_opened import config_with_ledger, opened_ledger
from extproc.cli.output import refuse
from extproc.cli.progress import progress
from extproc.cli.rollout_named import Named, found_rollout
from extproc.cli.which_config import ConfigOption, config_file
from extproc.server.sockets.address import reason_of


def rollout_report_command(
    rollout: Named,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.html", help="File to write.", show_default=False)
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    config: ConfigOption = None,
) -> None:
    """Write one HTML file about a rollout, from its journal: decisions and why, shares, and each gate over time.

    It needs no network and runs no script. Exit 2: the file exists, or cannot be written.
    """
    kept = config_with_ledger(config_file(config))
    if output.exists() and not force:
        refuse(f"{output} exists and is left as it is. Name another file, or replace it with --force.")
    from extproc.ledger.rollouts.states import journal_of
    from extproc.reports.rollout_page import rollout_page

    with progress("Recomputing decisions"), opened_ledger(kept) as store:
        with store.reading() as connection:
            state = found_rollout(connection, rollout)
            entries = journal_of(connection, state.id)
        page = rollout_page(state.id, entries)
    try:
        _write(output, page)
    except OSError as error:
        refuse(f"cannot write {output}: {reason_of(error)}")
    typer.echo(f"Wrote {output}: {state.name}, {len(entries):,} entries.")


def _write(output: Path, page: str) -> None:
    """Whole, or not at all. Raises: OSError."""
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        unfinished.write_text(page, "utf-8")
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
