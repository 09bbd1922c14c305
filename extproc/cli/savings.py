"""``extproc savings``: what could be saved of GPU time, by hints that are measured on each team's own use.

The database library is imported only when it runs.
"""

from __future__ import annotations

import time

import typer

from extproc.cli.gpu_days import FirstDay, LastDay, settled_span, told_days
from extproc.cli.ledger_opened import config_with_ledger, opened_ledger
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import progress
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file

app = typer.Typer(name="savings", add_completion=False)


@app.command("savings")
def savings_command(
    file: ConfigArgument = None,
    first: FirstDay = "7d",
    last: LastDay = "today",
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Say what could be saved of GPU time, and how much, team by team.

    Each figure is of time that was used in these days; nothing is stored. Exit 2: bad configuration or argument; 5: the
    store fails.
    """
    kept = config_with_ledger(config_file(config, file))
    section = kept.document.gpus
    if section is None:
        refuse("extproc savings: there is no `gpus:` section, so nobody knows which GPUs servers have")
    span = settled_span("savings", first, last, time.time_ns() // 1_000)
    from extproc.allocation.methods import DEFAULT_METHOD
    from extproc.cli.savings_output import print_savings, savings_data
    from extproc.cli.tables import result_console
    from extproc.ledger.allocation.terms import allocation_terms
    from extproc.ledger.allocation.used_reading import UsedTimeSum
    from extproc.reports.savings import savings

    days = UsedTimeSum()
    with progress("Reading the ledger") as line, opened_ledger(kept) as store:
        with store.reading() as connection:
            terms = allocation_terms(connection, section, DEFAULT_METHOD)
        for day, told in told_days(span, line, "Adding up"):
            with store.reading() as connection:
                days.add_day(connection, terms, day, told)
    used = days.used()
    found = savings(used)
    if as_json:
        print_json(savings_data(span, used, found))
    else:
        print_savings(result_console(), span, used, found)
