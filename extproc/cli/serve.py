"""``extproc serve``: the sidecar."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extproc.app import serve
from extproc.config.problems import ConfigInvalid
from extproc.server.address import AddressTaken

EXIT_INVALID = 2
EXIT_ADDRESS = 3


def serve_command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", show_default=False)],
) -> None:
    """Serve Envoy until SIGTERM, then let running exchanges end and exit 0.

    Exit 2: bad configuration. Exit 3: an address is taken.
    """
    try:
        serve(config)
    except ConfigInvalid as invalid:
        for problem in invalid.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_INVALID) from None
    except AddressTaken as taken:
        typer.echo(str(taken), err=True)
        raise typer.Exit(EXIT_ADDRESS) from None
