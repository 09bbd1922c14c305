"""How commands print: results on standard output, errors on standard error, JSON as one object."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

import orjson
import typer

from extproc.cli.exit_codes import ExitCode
from extproc.config.problems import ConfigInvalid
from extproc.server.sockets.address import reason_of

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


def print_json(data: Mapping[str, Any]) -> None:
    """Print one object."""
    typer.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2))


def refuse(*problems: str, code: ExitCode = ExitCode.UNUSABLE) -> NoReturn:
    """End the command: one line on standard error for each problem."""
    for problem in problems:
        typer.echo(problem, err=True)
    raise typer.Exit(code)


def refuse_configuration(invalid: ConfigInvalid) -> NoReturn:
    """End the command with the problems of the configuration."""
    refuse(*(str(problem) for problem in invalid.problems))


def said(error: Exception) -> str:
    """An error in one sentence; the operating system's with the name of the file."""
    if isinstance(error, OSError) and error.errno:
        return f"{error.filename}: {reason_of(error)}" if error.filename else reason_of(error)
    return str(error)


def reachable(address: str) -> str:
    """An address to open; a server's may stand for all of the machine."""
    host, _, port = address.rpartition(":")
    return f"{ {'0.0.0.0': '127.0.0.1', '[::]': '[::1]'}.get(host, host) }:{port}"


def standard_input(what: str) -> bytes:
    """All of it; a person at a terminal is told how it ends. ``what``: such as ``message``."""
    if sys.stdin.isatty():
        typer.echo(f"Write the {what}, and end it with Ctrl-D on a new line.", err=True)
    return sys.stdin.buffer.read()
