"""``extproc gpus``: the section `gpus` of a configuration, from what somebody else knows of GPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extproc.cli.output import AsJson, print_json, refuse

app = typer.Typer(name="gpus", add_completion=False)


@app.command("gpus")
def gpus_command(
    bill: Annotated[
        Path, typer.Option(metavar="FILE", help="CSV: day, server, gpu_hours, cost, currency; perhaps gpus, kind.")
    ],
    as_json: AsJson = False,
) -> None:
    """Print the section `gpus` of a configuration: servers, GPUs and prices of a bill.

    Prices are what an hour cost, from the day on at which it changed; comments say how far they are off the bill. Exit
    2: the bill cannot be read, or does not say it.
    """
    from extproc.cli.gpus_output import priced_data, section_text
    from extproc.cli.report_reconcile import bill_rows
    from extproc.reports.bill_prices import priced_bill
    from extproc.reports.claims import BadClaims

    rows = bill_rows(bill)
    try:
        found = priced_bill(rows)
    except BadClaims as bad:
        refuse(str(bad))
    if as_json:
        print_json(priced_data(found))
    else:
        typer.echo(section_text(str(bill), found), nl=False)
