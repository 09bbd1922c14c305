"""``extproc check``: says whether a configuration file can be used, and what is wrong with it, line by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from extproc.config.load import revision_of
from extproc.config.problems import ConfigInvalid, Severity
from extproc.config.schema import json_schema
from extproc.server.operations.config_files import read_config

EXIT_OK = 0
EXIT_INVALID = 2


app = typer.Typer(add_completion=False)


@app.command("check")
def check_command(
    file: Annotated[Path | None, typer.Argument(help="The configuration file.", show_default=False)] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema for editors instead.")] = False,
) -> None:
    """Say what is wrong with a configuration file. Exit 0: it can be used; 2: it cannot."""
    raise typer.Exit(check(file, schema, Console()))


def check(file: Path | None, schema: bool, console: Console) -> int:
    """Prints what is wrong with a file, or the schema. Returns: the exit code."""
    if schema:
        _write(console, json.dumps(json_schema(), indent=2))
        return EXIT_OK
    if file is None:
        _write(console, "extproc check: which file? Write `extproc check FILE`, or `extproc check --schema`.")
        return EXIT_INVALID
    try:
        files = read_config(file, with_certificates=True)
    except ConfigInvalid as invalid:
        for problem in invalid.problems:
            _write(console, str(problem))
        errors = sum(problem.severity is Severity.ERROR for problem in invalid.problems)
        _write(console, f"{file}: {_count(errors, 'error')}")
        return EXIT_INVALID
    for warning in files.loaded.warnings:
        _write(console, str(warning))
    document = files.loaded.document
    content = ", ".join(
        [
            _count(len(document.models), "model"),
            _count(len(document.filters), "filter"),
            _count(len(document.policies), "policy", "policies"),
        ]
    )
    _write(console, f"{file}: ok (revision {revision_of(document, files.prompts)}, {content})")
    return EXIT_OK


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def _write(console: Console, text: str) -> None:
    console.out(text, highlight=False)
