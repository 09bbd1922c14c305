"""``extproc test``: run cases, exchanges with what is expected of them, against a configuration."""

from __future__ import annotations

import time
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Annotated, Final

import typer

from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import AsJson, print_json, refuse
from extproc.cli.progress import progress
from extproc.cli.tables import result_console
from extproc.cli.testing_output import junit, print_results, tested_data
from extproc.cli.testing_run import FileRun, ReadFiles, run_file
from extproc.cli.which_config import ConfigOption
from extproc.config.problems import ConfigInvalid
from extproc.dryrun.case_file import cases_schema
from extproc.server.sockets.address import reason_of

_WATCH_S: Final = 0.3

app = typer.Typer(add_completion=False)


@app.command("test")
def run_cases_command(
    cases: Annotated[list[Path] | None, typer.Argument(help="Files of cases.", show_default=False)] = None,
    config: ConfigOption = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Run again when a file changes, until Ctrl-C.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="List only the cases that fail.")] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Print what would make failing cases pass, as a patch.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="With --update: change the files too.")] = False,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Also write JUnit XML to this file.", show_default=False)
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of such files instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run cases against a configuration: exchanges, and what is expected of them.

    Exit 1: a case fails. Exit 2: a file is unusable.
    """
    if schema:
        print_json(cases_schema())
        return
    if not cases:
        refuse("Which cases? Name a file: extproc test cases.yaml")
    if write and not update:
        refuse("--write goes with --update.")
    while True:
        files = ReadFiles()
        code = ExitCode.UNUSABLE
        try:
            tested = _tested(cases, config, files)
            _tell(tested, failed, update, as_json)
            if write:
                _write_proposals(tested)
            if junit_file is not None:
                _write(junit_file, junit(tested))
            code = ExitCode.FAILED if any(one.failed for one in tested) else ExitCode.OK
        except ConfigInvalid as invalid:
            for problem in invalid.problems:
                typer.echo(str(problem), err=True)
        if not watch:
            raise typer.Exit(code)
        typer.echo("Waiting for a change; Ctrl-C ends.", err=True)
        while not files.changed():
            time.sleep(_WATCH_S)


def _tested(cases: Sequence[Path], config: Path | None, files: ReadFiles) -> list[FileRun]:
    with progress("Running the cases"):
        return [run_file(file, config, files) for file in cases]


def _tell(tested: Sequence[FileRun], failed: bool, update: bool, as_json: bool) -> None:
    if as_json:
        print_json(tested_data(tested))
    elif update:
        for one in tested:
            before, after = (text.splitlines(keepends=True) for text in (one.text, one.proposed))
            typer.echo("".join(unified_diff(before, after, str(one.file), str(one.file))), nl=False)
    else:
        print_results(result_console(), tested, failed)


def _write_proposals(tested: Sequence[FileRun]) -> None:
    for one in tested:
        if one.proposed != one.text:
            _write(one.file, one.proposed.encode("utf-8"))


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        refuse(f"cannot write {file}: {reason_of(error)}")
