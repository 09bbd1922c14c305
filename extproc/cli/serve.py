"""``extproc serve``: the sidecar, or a service with several workers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from extproc.app.serving import serve
from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import reachable, refuse, refuse_configuration
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file
from extproc.config.document import Document
from extproc.config.problems import ConfigInvalid
from extproc.domain.extras import ExtraMissing
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.ledger import LedgerUnavailable
from extproc.server.operations.start_report import StartReport
from extproc.server.sockets.address import AddressTaken
from extproc.server.workers import WorkersFailed
from extproc.tracing import OtelUnavailable

app = typer.Typer(add_completion=False)

LogLevelName = Literal["debug", "info", "warning", "warn", "error"]


@app.command("serve")
def serve_command(
    file: ConfigArgument = None,
    config: ConfigOption = None,
    envoy_folder: Annotated[
        Path | None, typer.Option("--envoy-folder", help="In place of `envoy.folder`.", show_default=False)
    ] = None,
    log_level: Annotated[
        LogLevelName | None, typer.Option("--log-level", help="In place of `log.level`.", show_default=False)
    ] = None,
    worker: Annotated[int | None, typer.Option(hidden=True, help="Set by the supervisor for its workers.")] = None,
) -> None:
    """Serve Envoy until SIGTERM, then drain and exit 0.

    Exit 2: bad configuration or missing package. Exit 3: address in use. Exit 4: no worker can start.
    """
    named = config_file(config, file)
    is_alone = sys.stderr.isatty() and envoy_folder is None  # else `run` and `up` say what is served
    report = TerminalReport(named) if is_alone else StartReport()
    try:
        level = "warning" if log_level == "warn" else log_level
        if worker is None:
            serve(named, report, envoy_folder, level)
        else:
            from extproc.app.worker import work  # of no use to others

            work(worker, named, level)
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    except EnvoyConfigError as error:
        refuse(f"{named}: {error}.")
    except (ExtraMissing, LedgerUnavailable, OtelUnavailable) as unavailable:
        refuse(str(unavailable))
    except AddressTaken as taken:
        refuse(str(taken), code=ExitCode.ADDRESS_TAKEN)
    except WorkersFailed as failed:
        refuse(str(failed), code=ExitCode.WORKERS_FAILED)


class TerminalReport(StartReport):
    """For a person at a terminal, on standard error: what is served, and what to do next."""

    def __init__(self, config: Path) -> None:
        self._config = config

    def loading(self, classifiers: Sequence[str], within_s: float) -> None:
        """What the start waits for."""
        typer.echo(f"Loading classifiers, for at most {within_s:g} s: {', '.join(classifiers)}", err=True)

    def serving(self, document: Document, revision: str) -> None:
        """Where it is, what it guards, and how Envoy and clients reach it."""
        pages = f"http://{reachable(document.server.metrics)}"
        rows = [
            ("models", ", ".join(f"{name} ({', '.join(model.versions)})" for name, model in document.models.items())),
            *(("guards", line) for line in _guards(document)),
            ("health", f"{pages}/readyz"),
            ("metrics", f"{pages}/metrics"),
            ("Envoy", f"extproc envoy-config {self._config} --output envoy.yaml"),
            ("", "envoy -c envoy.yaml"),
            ("clients", f"http://{reachable(document.envoy.listen)}/v1, through Envoy"),
            ("log", f"{'text' if _is_text(document) else 'JSON lines'} on standard output"),
            ("stop", "Ctrl-C: running exchanges may end; again: at once"),
        ]
        typer.echo(f"extproc serves on {', '.join(document.server.addresses)} (revision {revision}).", err=True)
        for name, value in rows:
            typer.echo(f"  {name:9}{value}".rstrip(), err=True)


def _is_text(document: Document) -> bool:
    """Whether the log is for a person."""
    return document.log.format == "text" or (document.log.format == "auto" and sys.stdout.isatty())


def _guards(document: Document) -> list[str]:
    """One line for each policy."""
    named = [
        f"{policy.name}: {', '.join(guard.name or guard.guard for guard in policy.guards) or 'none'}"
        for policy in document.policies
    ]
    return named or ["none: the configuration has no `policies:`"]
