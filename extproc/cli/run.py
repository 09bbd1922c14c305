"""``extproc run``: Envoy and the processor, as one program for a server."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from extproc.cli.launching import EnvoyOption, prepared, run, teller
from extproc.cli.output import refuse, said
from extproc.cli.signals import unwound_by_signals
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file

app = typer.Typer(add_completion=False)


@app.command("run")
def run_command(
    file: ConfigArgument = None,
    config: ConfigOption = None,
    envoy: EnvoyOption = None,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Keep the files that Envoy watches here; default: a temporary folder."),
    ] = None,
) -> None:
    """Run Envoy and the processor until SIGTERM or Ctrl-C, then drain both and exit 0.

    Exit 2: bad configuration, or no Envoy. Exit 3: address in use. Exit 4: a process does not stay up.
    """
    named = config_file(config, file)
    with contextlib.ExitStack() as undo:
        undo.enter_context(unwound_by_signals())
        try:
            if folder is None:
                folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="llm-extproc-")))
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            refuse(f"extproc run: {said(error)}")
        code = run(prepared(named, folder, envoy), teller(folder))
    raise typer.Exit(code)
