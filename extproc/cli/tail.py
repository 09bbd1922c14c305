"""``extproc tail``: the exchanges in which guards found something, as they come. What was said is not in the ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from extproc.cli.ledger_store import LinesOption, OfGuard, OfModel, OfOutcome, OfTeam, OfVersion
from extproc.cli.ledger_tail import Tail, show_tail
from extproc.cli.output import AsJson
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file

app = typer.Typer(add_completion=False)


@app.command("tail")
def tail_command(
    file: ConfigArgument = None,
    config: ConfigOption = None,
    team: OfTeam = None,
    model: OfModel = None,
    version: OfVersion = None,
    guard: OfGuard = None,
    outcome: OfOutcome = None,
    every: Annotated[bool, typer.Option("--all", help="Also exchanges in which no guard found anything.")] = False,
    lines: LinesOption = 10,
    once: Annotated[bool, typer.Option("--once", help="End after those that there are; so does --json.")] = False,
    as_json: AsJson = False,
) -> None:
    """Follow the exchanges in which guards found something. A line each, until Ctrl-C, from the `ledger:`.

    Exit 2: bad configuration, or one without a ledger; 5: the store fails.
    """
    from extproc.ledger.query import EntryQuery

    wanted = EntryQuery(team=team, version=version, outcome=outcome, model=model, guard=guard, with_findings=not every)
    show_tail(config_file(config, file), wanted, Tail(lines, not (once or as_json), as_json, findings=True))
