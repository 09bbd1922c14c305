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
        refuse_configuration(invalid)
    except FileExistsError:
        refuse(f"{file} exists and is left as it is. Name another file: extproc init FILE")
    except OSError as error:
        refuse(f"{file} cannot be written: {error.strerror}.")
    typer.echo(_NEXT.format(file=file))


_NEXT = """\
Wrote {file}. Next:
  extproc check {file}
  extproc run {file}"""


def starting_configuration(model: str, endpoint: str) -> str:
    """A commented configuration for one model server."""
    template = files("extproc.cli").joinpath("starting.yaml").read_text("utf-8")
    return template.replace("{model}", json.dumps(model)).replace("{endpoint}", json.dumps(endpoint))
