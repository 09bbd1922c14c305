"""``extproc calibrate``: what a step of each version's engine costs, from what its servers ran.

The database library is imported only when it runs.
"""

from __future__ import annotations

import time
from typing import Annotated

import typer

from extproc.cli.exit_codes import ExitCode
from extproc.cli.gpu_days import FirstDay, LastDay, settled_span
from extproc.cli.ledger_opened import config_with_ledger, opened_ledger
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import progress
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file

app = typer.Typer(name="calibrate", add_completion=False)


@app.command("calibrate")
def calibrate_command(
    file: ConfigArgument = None,
    first: FirstDay = "2d",
    last: LastDay = "today",
    chunk_tokens: Annotated[
        int, typer.Option(min=16, max=1_000_000, help="Prompt tokens of a step at most (max_num_batched_tokens).")
    ] = 8_192,
    keep: Annotated[bool, typer.Option("--keep", help="Allocate by what was fitted from now on.")] = False,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Fit what a step of each version's engine costs, and say how far it can be trusted.

    With --keep `allocate` divides by it what was not allocated yet. Exit 1: what was fitted cannot be used; 2: bad
    configuration or argument; 5: the store fails.
    """
    kept = config_with_ledger(config_file(config, file))
    if kept.document.gpus is None:
        refuse("extproc calibrate: there is no `gpus:` section, so nothing is allocated")
    now_us = time.time_ns() // 1_000
    span = settled_span("calibrate", first, last, now_us)
    from extproc.cli.calibrate_output import calibrated_data, print_calibrated
    from extproc.cli.tables import result_console
    from extproc.ledger.allocation.calibrating import calibrate_versions, keep_step_costs

    with progress("Reading the ledger"), opened_ledger(kept) as store:
        with store.reading() as connection:
            versions = calibrate_versions(connection, span, lambda *_: chunk_tokens)
        usable = [one for one in versions if one.found is not None and not one.found.problems]
        if keep and usable:
            with store.writing() as connection:
                for one in usable:
                    assert one.found is not None
                    keep_step_costs(connection, one.model, one.version, one.found, span, now_us)
    found = calibrated_data(span, versions, usable if keep else [])
    if as_json:
        print_json(found)
    else:
        print_calibrated(result_console(), found)
    if len(usable) < len(versions):
        raise typer.Exit(ExitCode.FAILED)
