"""The command line, one file a command: ``extproc serve | check | explain | envoy-config | review | demo``."""

from __future__ import annotations

import typer

from extproc.cli.check import check_command
from extproc.cli.demo import demo_command
from extproc.cli.envoy_config import envoy_config_command
from extproc.cli.explain import explain_command
from extproc.cli.review import review_app
from extproc.cli.serve import serve_command

_app = typer.Typer(
    name="extproc",
    help="An Envoy external processor for LLM traffic: guards, routes and meters requests and streamed answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_app.command("serve")(serve_command)
_app.command("check")(check_command)
_app.command("explain")(explain_command)
_app.command("envoy-config")(envoy_config_command)
_app.add_typer(review_app)
_app.command("demo")(demo_command)


def main() -> None:
    """Run the command line."""
    _app()
