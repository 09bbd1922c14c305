"""The command line: one file per command, imported only when that command runs.

This keeps startup, ``--help`` and shell completion fast.
"""

from __future__ import annotations

import errno
import os
import sys
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from extproc.cli.exit_codes import ExitCode

COMMANDS = {
    "init": "Write a commented configuration to start from.",
    "up": "Put Envoy and the processor in front of your own model servers, until Ctrl-C.",
    "run": "Run Envoy and the processor until SIGTERM or Ctrl-C, then drain both and exit 0.",
    "serve": "Serve Envoy until SIGTERM, then drain and exit 0.",
    "check": "Validate a configuration file.",
    "try": "Try a text, a request or an answer: what is found, why, and what model and client see.",
    "test": "Run cases against a configuration: exchanges, and what is expected of them.",
    "explain": "Show what would happen to one exchange: route, version, findings, changes.",
    "versions": "List, show, compare and lock model versions.",
    "prompts": "List, show, fill in, compare and test system prompts.",
    "replay": "Send stored requests to another version, and compare the answers.",
    "keys": "Add, list, revoke and rotate API keys of clients.",
    "envoy-config": "Print the Envoy configuration for a configuration file.",
    "doctor": "Say what is wrong with the Envoy in front of llm-extproc, and how to fix it.",
    "size": "Say what a load needs: cores, memory, pods, calls of stores, bytes.",
    "review": "Inspect findings and label them as right or wrong.",
    "report": "Report what the ledger has: requests, tokens, cost, findings, latency.",
    "ledger": "Query, follow, verify and export the ledger of exchanges.",
    "budget": "Show what is left of budgets, grant more, and list what was granted.",
    "allocate": "Share the time of GPUs over teams, to the microsecond.",
    "savings": "Say what could be saved of GPU time, and how much, team by team.",
    "calibrate": "Fit what a step of each version's engine costs, and say how far it can be trusted.",
    "gpus": "Print the section `gpus` of a configuration: servers, GPUs and prices of a bill.",
    "drift": "Show by how much the signals of each version drift.",
    "rollout": "Roll out a version of a model in steps, by evidence.",
    "health": "Say by the exit code whether a processor is ready.",
    "status": "Show what a running processor does: readiness, traffic, findings.",
    "top": "Watch a running processor: requests, tokens, cost, latency by team and version.",
    "tail": "Follow the exchanges in which guards found something.",
    "demo": "Show guarding, routing and metering at work.",
}
"""Short help for ``extproc --help``; each command has longer help of its own."""

_MODULES = {"test": "testing", "try": "trying"}
"""Where the name of a command is a word of Python, or looks like a module of tests."""
_UNWRITABLE = (errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC)
"""Of standard output: a command names the files that it writes itself."""


class _Commands(TyperGroup):
    """Lists all commands, but imports only the one that runs."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in help order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """A stub with the short help of a command."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name]) if cmd_name in COMMANDS else None

    def get_params(self, ctx: Any) -> list[Any]:
        """The options, as help shows them."""
        from extproc.cli.help import with_readable_types

        return with_readable_types(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Resolve the real command and import it."""
        name, shown, rest = super().resolve_command(ctx, args)
        return name, shown and command(str(name)), rest


@cache
def command(name: str) -> Any:
    """Import a command and everything it needs; once, as its options are read from signatures and docstrings."""
    from extproc.cli.help import explained

    module = import_module(f"extproc.cli.{_MODULES.get(name, name.replace('-', '_'))}")
    return explained(name, get_command(module.app))


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # here, since it takes a tenth of `--help`

        from extproc.server.operations.build_kind import is_compiled

        typer.echo(f"extproc {version('llm-extproc')}{', compiled' if is_compiled() else ''}")
        raise typer.Exit


_app = typer.Typer(
    name="extproc",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@_app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """An Envoy external processor for LLM traffic: guards, routes and meters requests and streamed responses."""


def main() -> None:
    """Run the command line; a full disk below its output is a sentence, and no traceback."""
    try:
        try:
            _app()
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer
        typer.echo(f"extproc: cannot write the output: {os.strerror(error.errno).lower()}", err=True)
        raise SystemExit(ExitCode.UNUSABLE) from None
