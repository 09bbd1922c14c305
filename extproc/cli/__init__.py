"""The command line, one file a command, each imported when it is called.

Standing in front of a running Envoy, or in a shell's completion, nobody waits for what another command needs.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

COMMANDS = {
    "serve": "Serve Envoy until SIGTERM, then drain and exit 0.",
    "check": "Validate a configuration file.",
    "explain": "Show what would happen to one request: route, version, findings, changes.",
    "envoy-config": "Print the Envoy configuration for a configuration file.",
    "review": "Inspect findings and label them as right or wrong.",
    "demo": "Show guarding, routing and metering at work.",
}
"""What ``extproc --help`` says of each; the command itself says more."""


class _Commands(TyperGroup):
    """Knows the names of commands, and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order in which help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """What help shows of a command."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called."""
        name, shown, rest = super().resolve_command(ctx, args)
        return name, shown and command(str(name)), rest


def command(name: str) -> Any:
    """A command with all that it imports."""
    module = import_module(f"extproc.cli.{name.replace('-', '_')}")
    return get_command(module.app)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"extproc {version('llm-extproc')}")
        raise typer.Exit


_app = typer.Typer(name="extproc", cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False)


@_app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """An Envoy external processor for LLM traffic: guards, routes and meters requests and streamed answers."""


def main() -> None:
    """Run the command line."""
    _app()
