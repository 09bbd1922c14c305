"""``extproc init``: write a commented configuration to start from."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from extproc.config.load import load
from extproc.config.problems import ConfigInvalid

EXIT_INVALID = 2

app = typer.Typer(add_completion=False)


@app.command("init")
def init_command(
    file: Annotated[Path, typer.Argument(help="The file to write; `-` prints it.")] = Path("llm-extproc.yaml"),
    model: Annotated[str, typer.Option(help="The name of the model: the `id` in vLLM's /v1/models.")] = "llama",
    endpoint: Annotated[str, typer.Option(help="HOST:PORT of vLLM.")] = "127.0.0.1:8000",
) -> None:
    """Write a commented configuration to start from.

    Exit 2: a value is invalid, or the file exists or cannot be written.
    """
    text = starting_configuration(model, endpoint)
    try:
        load(text, str(file))
        if str(file) == "-":
            sys.stdout.write(text)
            return
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except ConfigInvalid as invalid:
        for problem in invalid.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_INVALID) from None
    except FileExistsError:
        typer.echo(f"{file} exists and is left as it is. Name another file: extproc init FILE", err=True)
        raise typer.Exit(EXIT_INVALID) from None
    except OSError as error:
        typer.echo(f"{file} cannot be written: {error.strerror}.", err=True)
        raise typer.Exit(EXIT_INVALID) from None
    typer.echo(_NEXT.format(file=file))


_NEXT = """\
Wrote {file}. Next:
  extproc check {file}
  extproc envoy-config {file} --output envoy.yaml
  extproc serve --config {file}      # in a terminal of its own
  envoy -c envoy.yaml                # in another one"""


def starting_configuration(model: str, endpoint: str) -> str:
    """A commented configuration for one model server."""
    template = files("extproc.cli").joinpath("starting.yaml").read_text("utf-8")
    return template.replace("{model}", json.dumps(model)).replace("{endpoint}", json.dumps(endpoint))
