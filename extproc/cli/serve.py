"""``extproc serve``: the sidecar, or a service with several workers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from extproc.app import serve, work
from extproc.config.problems import ConfigInvalid
from extproc.server.sockets.address import AddressTaken
from extproc.server.workers.supervisor import WorkersFailed
from extproc.sinks.review import ReviewUnavailable

EXIT_INVALID = 2
EXIT_ADDRESS = 3
EXIT_WORKERS = 4


app = typer.Typer(add_completion=False)


@app.command("serve")
def serve_command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", show_default=False)],
    worker: Annotated[int | None, typer.Option(hidden=True, help="Set by the supervisor for its workers.")] = None,
) -> None:
    """Serve Envoy until SIGTERM, then drain and exit 0.

    Exit 2: bad configuration or missing package. Exit 3: address in use. Exit 4: no worker can start.
    """
    try:
        serve(config) if worker is None else work(worker, config)
    except ConfigInvalid as invalid:
        for problem in invalid.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_INVALID) from None
    except ReviewUnavailable as unavailable:
        typer.echo(str(unavailable), err=True)
        raise typer.Exit(EXIT_INVALID) from None
    except AddressTaken as taken:
        typer.echo(str(taken), err=True)
        raise typer.Exit(EXIT_ADDRESS) from None
    except WorkersFailed as failed:
        typer.echo(str(failed), err=True)
        raise typer.Exit(EXIT_WORKERS) from None
