"""``extproc up``: Envoy and the processor in front of one's own model servers, without a file to write."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from extproc.cli.exit_codes import ExitCode
from extproc.cli.launching import EnvoyOption, LogTeller, prepared, run, why_taken
from extproc.cli.output import refuse, said
from extproc.cli.progress import progress
from extproc.cli.signals import unwound_by_signals
from extproc.cli.up_report import UpReport
from extproc.envoy_config.envoy_process import EnvoyMissingError
from extproc.launch.envoy_binary import find_envoy
from extproc.launch.first_config import Addresses, first_configuration
from extproc.launch.saved import CONFIG, ENVOY_FOLDER, saved_files, unusable
from extproc.launch.supervisor import Launch
from extproc.launch.upstreams import Upstream, UpstreamProblem, grouped, parse_upstream, served_models
from extproc.server.sockets.free_ports import claimed_port, free_ports

PORT = 10_000
_HOST = "127.0.0.1"

app = typer.Typer(add_completion=False)


@app.command("up")
def up_command(
    server: Annotated[
        list[str] | None,
        typer.Argument(
            help="Model servers: http://HOST:PORT, or NAME=http://HOST:PORT@WEIGHT for versions of one model.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Use this configuration instead of naming servers.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port for clients, on 127.0.0.1.")] = PORT,
    model: Annotated[
        str | None, typer.Option(help="The model that the servers serve; default: they are asked.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(help="Keep all that is run in this folder: configuration, Envoy's files, Compose, systemd."),
    ] = None,
    envoy: EnvoyOption = None,
    ask: Annotated[
        str, typer.Option(help="A question that is asked at the start, to see an answer; empty: none.")
    ] = "Say hello in five words.",
) -> None:
    """Put Envoy and the processor in front of your own model servers, until Ctrl-C.

    Exit 2: no server, no Envoy, or bad configuration. Exit 3: address in use. Exit 4: a process does not stay up.
    """
    if bool(server) == bool(config):
        refuse("extproc up: name your model servers, such as http://127.0.0.1:8000, or a configuration with --config.")
    with contextlib.ExitStack() as undo:
        undo.enter_context(unwound_by_signals())
        try:
            folder = _folder(save, undo)
            launch = _launch(folder, server or (), config, port, model, envoy, save is not None, undo)
        except UpstreamProblem as problem:
            refuse(f"extproc up: {problem}")
        except EnvoyMissingError as missing:
            refuse(str(missing))
        except OSError as error:
            refuse(f"extproc up: {said(error)}")
        report = UpReport(launch, ask, saved=save is not None)
        teller = report if sys.stderr.isatty() else LogTeller(launch.folder)
        code = run(launch, teller, report.ask_question if sys.stderr.isatty() else lambda: None)
    raise typer.Exit(code)


def _folder(save: Path | None, undo: contextlib.ExitStack) -> Path:
    """For all that is run. Raises: OSError."""
    if save is None:
        return Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="llm-extproc-")))
    folder = save.absolute()
    if (folder / CONFIG).exists():
        refuse(
            f"{folder / CONFIG} exists and is left as it is. Run it with `extproc up --config {folder / CONFIG}`, or"
            " name another folder."
        )
    if wrong := unusable(folder):
        refuse(f"{folder}: Compose and systemd would misread {wrong!r} in a path. Name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _launch(
    folder: Path,
    servers: Sequence[str],
    config: Path | None,
    port: int,
    model: str | None,
    envoy: Path | None,
    saved: bool,
    undo: contextlib.ExitStack,
) -> Launch:
    """Raises: UpstreamProblem, EnvoyMissingError, OSError."""
    binary = find_envoy(envoy)
    envoy_folder = folder / ENVOY_FOLDER
    envoy_folder.mkdir(exist_ok=True)
    file = config
    if file is None:
        served = [(one, _models(one, model)) for one in [parse_upstream(server) for server in servers]]
        if reason := why_taken(f"{_HOST}:{port}"):
            problem = f"extproc up: port {port} cannot be used ({reason}). Name another: --port"
            refuse(problem, code=ExitCode.ADDRESS_TAKEN)
        file = folder / CONFIG
        file.write_text(first_configuration(grouped(served), _addresses(folder, port, saved, undo)), "utf-8")
    launch = prepared(file, envoy_folder, envoy)
    if saved:
        if wrong := unusable(file.absolute()):
            refuse(f"{file.absolute()}: Compose and systemd would misread {wrong!r} in a path. Rename it.")
        drain_s = launch.document.server.drain_ms_max / 1_000
        user = f"{os.getuid()}:{os.getgid()}"
        for name, text in saved_files(folder, file.absolute(), binary.path, user, drain_s).items():
            (folder / name).write_text(text, "utf-8")
    return launch


def _models(upstream: Upstream, model: str | None) -> list[str]:
    if model is not None:
        return [model]
    with progress(f"Asking {upstream.url} for its models"):
        return served_models(upstream)


def _addresses(folder: Path, port: int, saved: bool, undo: contextlib.ExitStack) -> Addresses:
    """The usual ports where they are free; clients get the one that was asked for, or an error."""
    admin, metrics = (_usual_or_free(usual, undo) for usual in (9901, 9090))
    socket = folder / "extproc.sock"
    # Compose runs both as other users, and a socket has a short path
    processor = _usual_or_free(50_051, undo) if saved or len(str(socket)) > 90 else f"unix:{socket}"
    return Addresses(f"{_HOST}:{port}", admin, metrics, processor)


def _usual_or_free(usual: int, undo: contextlib.ExitStack) -> str:
    """An address that no other ``up`` takes in the meantime."""
    port = undo.enter_context(claimed_port(usual)) or free_ports(1)[0]
    return f"{_HOST}:{port}"
