"""``extproc drift``: by how much the signals of each version differ from what they are compared with.

The database library is imported only when it runs.
"""

from __future__ import annotations

from pathlib import Path

import typer

from extproc.cli.ledger_opened import LedgerConfig, config_with_ledger, opened_ledger
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import progress
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file
from extproc.ledger.drift_settings import versions_here

app = typer.Typer(name="drift", add_completion=False)


@app.command("drift")
def drift_command(file: ConfigArgument = None, config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Show by how much the signals of each version drift. Exit 2: bad configuration; 5: the store fails."""
    kept = _config_with_drift(config_file(config, file))
    from extproc.cli.drift_output import print_drift, version_data
    from extproc.cli.tables import result_console
    from extproc.ledger.quality.states import shown_drifts

    with progress("Reading the ledger"), opened_ledger(kept) as store, store.reading() as connection:
        shown = shown_drifts(connection)
    versions = [version_data(*one, shown) for one in versions_here(kept.document)]
    if as_json:
        print_json({"versions": versions})
        return
    console = result_console()
    for place, one in enumerate(versions):
        if place:
            typer.echo()
        print_drift(console, one)


def _config_with_drift(config: Path) -> LedgerConfig:
    kept = config_with_ledger(config)
    if kept.document.drift is None:
        refuse(f"{config} has no `drift:` section")
    return kept
