"""``extproc check``: validate a configuration file and list its problems with their lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from extproc.cli.compared import compared, in_words
from extproc.cli.envoy_compared import stale_keys
from extproc.cli.exit_codes import ExitCode
from extproc.cli.lock_file import lock_path, read_lock
from extproc.cli.output import AsJson, refuse, refuse_configuration
from extproc.cli.progress import progress
from extproc.cli.shapes import CheckJson
from extproc.cli.version_shapes import unlocked_data
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file
from extproc.config.document import Document
from extproc.config.extras import missing_extras
from extproc.config.load import revision_of
from extproc.config.problems import ConfigInvalid, Problem, Severity, by_line
from extproc.config.prompt_prefix import prefix_problems
from extproc.config.prompt_schemas import schema_problems
from extproc.config.schema import json_schema
from extproc.config.version_lock import LockInvalid, Unlocked, unlocked
from extproc.config.version_units import version_parts
from extproc.config.written_out import data_of, written_out
from extproc.server.operations.config_files import ConfigFiles, read_config

app = typer.Typer(add_completion=False)


@app.command("check")
def check_command(
    file: ConfigArgument = None,
    config: ConfigOption = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema for editors instead.")] = False,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="Compare with what an Envoy routes: its configuration file or folder, or http://HOST:PORT of its admin"
            " server.",
        ),
    ] = None,
    expanded: Annotated[
        bool, typer.Option("--expanded", help="Print the configuration with what it includes and extends instead.")
    ] = False,
    diff: Annotated[
        Path | None,
        typer.Option("--diff", metavar="OLD", help="Say what changes for traffic from the file OLD to FILE instead."),
    ] = None,
    locked: Annotated[
        bool, typer.Option("--locked", help="Also require every version to be as `extproc versions lock` wrote it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Validate a configuration file.

    Exit 0: valid; 1: Envoy does not know a part of it (`--against`), or a version changed (`--locked`); 2: invalid.
    """
    named = None if schema else config_file(config, file)
    if diff is not None and named is not None:
        found = compared(diff, named)
        for line in [json.dumps(found, indent=2)] if as_json else in_words(found):
            _write(Console(), line)
        return
    if expanded and named is not None:
        sys.stdout.write(expanded_text(named, as_json))
        return
    raise typer.Exit(check(named, schema, Console(), as_json, Console(stderr=True), against, locked))


def expanded_text(file: Path, as_json: bool) -> str:
    """A configuration as one file, in YAML or JSON; ends the command if it is invalid."""
    try:
        document = read_config(file, with_certificates=True).loaded.document
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    return f"{json.dumps(data_of(document), indent=2)}\n" if as_json else written_out(document)


def check(
    file: Path | None,
    schema: bool,
    console: Console,
    as_json: bool = False,
    problems: Console | None = None,
    against: str | None = None,
    locked: bool = False,
) -> ExitCode:
    """Print whether a file can be used, or the schema. Returns: the exit code.

    Args:
        problems: where errors and warnings go, unless they are part of a JSON object; default: ``console``.
        against: the configuration of an Envoy to compare with.
        locked: compare with the lock file too.
    """
    if schema or file is None:
        _write(console, json.dumps(json_schema(), indent=2))
        return ExitCode.OK
    problems = problems or console
    try:
        with progress(f"Checking {file}"):
            files = read_config(file, with_certificates=True)
    except ConfigInvalid as invalid:
        if as_json:
            _write(console, _as_json(file, None, invalid.problems, None, None))
            return ExitCode.UNUSABLE
        for problem in invalid.problems:
            _write(problems, str(problem))
        errors = sum(problem.severity is Severity.ERROR for problem in invalid.problems)
        _write(problems, f"{file}: {_count(errors, 'error')}")
        return ExitCode.UNUSABLE
    document = files.loaded.document
    stale = None if against is None else stale_keys(document, against)
    changed = _unlocked(file, files) if locked else None
    code = ExitCode.FAILED if stale or changed else ExitCode.OK
    warnings = by_line([*files.loaded.warnings, *_further_warnings(files)])
    if as_json:
        _write(
            console,
            _as_json(file, revision_of(document, files.prompts), warnings, stale, changed, len(document.route_tests)),
        )
        return code
    for warning in warnings:
        _write(problems, str(warning))
    _write(console, f"{file}: ok (revision {revision_of(document, files.prompts)}, {_content(document)})")
    for key in stale or ():
        _write(problems, f"{against}: {key} is not known there. Generate Envoy's configuration again.")
    for one in changed or ():
        _write(problems, f"{file}: {_in_words(one)}")
    return code


def _further_warnings(files: ConfigFiles) -> Iterator[Problem]:
    """Warnings for a person who checks; a server does not ask for them."""
    document, places = files.loaded.document, files.loaded.places
    yield from missing_extras(document, places)
    yield from prefix_problems(document, files.prompts, places)
    yield from schema_problems(document, files.prompts, files.prompt_sources)


def _content(document: Document) -> str:
    """What is in a configuration."""
    counts = [
        _count(len(document.models), "model"),
        _count(len(document.filters), "filter"),
        _count(len(document.policies), "policy", "policies"),
    ]
    if document.routes:
        counts += [_count(len(document.routes), "route"), _count(len(document.route_tests), "route test")]
    return ", ".join(counts)


def _unlocked(file: Path, files: ConfigFiles) -> list[Unlocked]:
    """The versions that are not as locked; ends the command if there is no usable lock file."""
    try:
        return list(unlocked(version_parts(files.loaded.document, files.prompts), read_lock(lock_path(file))))
    except LockInvalid as invalid:
        refuse(str(invalid))


def _in_words(one: Unlocked) -> str:
    if one.problem == "not locked":
        return f"{one.version} is not in the lock file. Add it with `extproc versions lock`."
    return (
        f"{one.version} changed under its name: {', '.join(one.changed)}. Give the new version a name of its own, or"
        " accept it with `extproc versions lock`."
    )


def _as_json(
    file: Path,
    revision: str | None,
    problems: Iterable[Problem],
    stale: list[str] | None,
    changed: list[Unlocked] | None,
    route_tests: int | None = None,
) -> str:
    checked: CheckJson = {
        "file": str(file),
        "ok": revision is not None,
        "revision": revision,
        "route_tests": route_tests,
        "problems": [
            {
                "severity": problem.severity.value,
                "file": problem.source,
                "line": problem.line,
                "column": problem.column,
                "path": problem.path,
                "found": problem.found,
                "expected": problem.expected,
                "hint": problem.hint,
            }
            for problem in problems
        ],
        "envoy_stale": stale,
        "unlocked": None if changed is None else [unlocked_data(one) for one in changed],
    }
    return json.dumps(checked, indent=2)


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def _write(console: Console, text: str) -> None:
    console.out(text, highlight=False)
