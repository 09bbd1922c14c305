"""``extproc check``: validate a configuration file and list its problems with their lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from extproc.config.load import revision_of
from extproc.config.problems import ConfigInvalid, Problem, Severity
from extproc.config.schema import json_schema
from extproc.server.operations.config_files import read_config

EXIT_OK = 0
EXIT_INVALID = 2


app = typer.Typer(add_completion=False)


@app.command("check")
def check_command(
    file: Annotated[Path | None, typer.Argument(help="The configuration file.", show_default=False)] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema for editors instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Validate a configuration file. Exit 0: valid; 2: invalid."""
    raise typer.Exit(check(file, schema, Console(), as_json))


def check(file: Path | None, schema: bool, console: Console, as_json: bool = False) -> int:
    """Print the problems of a file, or the schema. Returns: the exit code.

    JSON output: ``file``, ``ok``, ``revision`` (null for an invalid file), and ``problems``, each with ``severity``
    (error or warning), ``line``, ``column`` (from 1), ``path`` (of the key), ``found``, ``expected`` and ``hint``.
    """
    if schema:
        _write(console, json.dumps(json_schema(), indent=2))
        return EXIT_OK
    if file is None:
        _write(console, "extproc check: which file? Write `extproc check FILE`, or `extproc check --schema`.")
        return EXIT_INVALID
    try:
        files = read_config(file, with_certificates=True)
    except ConfigInvalid as invalid:
        if as_json:
            _write(console, _as_json(file, None, invalid.problems))
            return EXIT_INVALID
        for problem in invalid.problems:
            _write(console, str(problem))
        errors = sum(problem.severity is Severity.ERROR for problem in invalid.problems)
        _write(console, f"{file}: {_count(errors, 'error')}")
        return EXIT_INVALID
    document = files.loaded.document
    if as_json:
        _write(console, _as_json(file, revision_of(document, files.prompts), files.loaded.warnings))
        return EXIT_OK
    for warning in files.loaded.warnings:
        _write(console, str(warning))
    content = ", ".join(
        [
            _count(len(document.models), "model"),
            _count(len(document.filters), "filter"),
            _count(len(document.policies), "policy", "policies"),
        ]
    )
    _write(console, f"{file}: ok (revision {revision_of(document, files.prompts)}, {content})")
    return EXIT_OK


def _as_json(file: Path, revision: str | None, problems: Iterable[Problem]) -> str:
    told = [{key: value for key, value in asdict(problem).items() if key != "source"} for problem in problems]
    return json.dumps({"file": str(file), "ok": revision is not None, "revision": revision, "problems": told}, indent=2)


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def _write(console: Console, text: str) -> None:
    console.out(text, highlight=False)
