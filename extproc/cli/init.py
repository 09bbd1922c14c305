"""``extproc init``: write a commented configuration to start from."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from extproc.cli.output import refuse, refuse_configuration
from extproc.config.load import load
from extproc.config.problems import ConfigInvalid
from extproc.launch.upstreams import UpstreamProblem, parse_upstream, served_models

_MODEL, _ENDPOINT = "llama", "127.0.0.1:8000"
_STDOUT = Path("-")
_EXISTS = "{file} exists and is left as it is. Name another file: extproc init FILE"

app = typer.Typer(add_completion=False)


@app.command("init")
def init_command(
    file: Annotated[Path, typer.Argument(help="The file to write; `-` prints it.")] = Path("llm-extproc.yaml"),
    model: Annotated[
        str | None, typer.Option(help=f"The name of the model, the `id` in vLLM's /v1/models; default: {_MODEL}.")
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help=f"HOST:PORT of vLLM; default: {_ENDPOINT}.")] = None,
) -> None:
    """Write a commented configuration to start from. On a terminal it asks for what is not given.

    Exit 2: a value is invalid, or the file exists or cannot be written.
    """
    if file != _STDOUT and file.exists():
        refuse(_EXISTS.format(file=file))
    if sys.stdin.isatty() and sys.stdout.isatty():
        endpoint = endpoint or _asked("Where is your model server?", _ENDPOINT)
        model = model or _asked("Which model does it serve?", _first_model(endpoint))
    text = starting_configuration(model or _MODEL, endpoint or _ENDPOINT)
    try:
        load(text, str(file))
        if file == _STDOUT:
            sys.stdout.write(text)
            return
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    except FileExistsError:
        refuse(_EXISTS.format(file=file))
    except OSError as error:
        refuse(f"{file} cannot be written: {error.strerror}.")
    typer.echo(_NEXT.format(file=file))


_NEXT = """\
Wrote {file}. Next:
  extproc check {file}
  extproc run {file}"""


def _asked(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, err=True))


def _first_model(endpoint: str) -> str:
    """What the server says, if there is one."""
    try:
        return served_models(parse_upstream(endpoint))[0]
    except UpstreamProblem:
        return _MODEL


def starting_configuration(model: str, endpoint: str) -> str:
    """A commented configuration for one model server."""
    template = files("extproc.cli").joinpath("starting.yaml").read_text("utf-8")
    return template.replace("{model}", json.dumps(model)).replace("{endpoint}", json.dumps(endpoint))
