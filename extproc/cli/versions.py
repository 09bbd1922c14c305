"""``extproc versions list | show | diff | lock``: what each model version is, and what changed under its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from extproc.cli.diffs import unit_diff
from extproc.cli.lock_file import lock_path, read_lock
from extproc.cli.output import AsJson, print_json, refuse, refuse_configuration
from extproc.cli.tables import result_console
from extproc.cli.versions_output import (
    diff_data,
    list_data,
    locked_data,
    print_diff,
    print_locked,
    print_version,
    print_versions,
    version_data,
)
from extproc.cli.which_config import ConfigOption, config_file
from extproc.config.load import revision_of
from extproc.config.models import CompiledModel, CompiledVersion, compile_models, find_version
from extproc.config.problems import ConfigInvalid, did_you_mean
from extproc.config.version_differences import version_difference, version_differences
from extproc.config.version_lock import LockInvalid, lock_text, unlocked
from extproc.server.operations.config_files import ConfigFiles, read_config
from extproc.server.sockets.address import reason_of

app = typer.Typer(
    name="versions",
    add_completion=False,
    help=(
        "List, show, compare and lock model versions. A version is weights, serving configuration, prompt and price; a"
        " change of any gives it another fingerprint. Exit 2: bad configuration or argument."
    ),
    no_args_is_help=True,
)


@app.command("list")
def list_command(config: ConfigOption = None, as_json: AsJson = False) -> None:
    """List all versions with their shares and fingerprints."""
    file = config_file(config)
    files, models = _read(file)
    data = list_data(file, revision_of(files.loaded.document, files.prompts), models)
    if as_json:
        print_json(data)
    else:
        print_versions(result_console(), data)


@app.command("show")
def show_command(
    version: Annotated[str, typer.Argument(help="MODEL/VERSION.", show_default=False)],
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the parts of one version, and its prompt."""
    files, models = _read(config_file(config))
    model, found = _found(models, version)
    endpoints = files.loaded.document.models[model.name].versions[found.facts.version].endpoints
    data = version_data(models, found, endpoints)
    if as_json:
        print_json(data)
    else:
        print_version(result_console(), data)


@app.command("diff")
def diff_command(
    first: Annotated[
        str, typer.Argument(metavar="A", help="MODEL/VERSION; alone: the newer configuration.", show_default=False)
    ],
    second: Annotated[
        str | None, typer.Argument(metavar="[B]", help="MODEL/VERSION to compare A with.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Say what differs between two versions; with `--config OLD NEW`, between all versions of two configurations.

    Prompts are compared as a unified diff.
    """
    data = diff_data(
        unit_diff(
            config,
            (first, second),
            lambda file: _read(file)[1],
            version_differences,
            lambda models, one, other: version_difference(_found(models, one)[1], _found(models, other)[1]),
        )
    )
    if as_json:
        print_json(data)
    else:
        print_diff(result_console(), data)


@app.command("lock")
def lock_command(config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Write what every version is to a lock file next to the configuration, to commit; `check --locked` compares."""
    file = config_file(config)
    path = lock_path(file)
    versions = {version.name: version.parts for model in _read(file)[1].values() for version in model.versions}
    try:
        changes = list(unlocked(versions, read_lock(path))) if path.exists() else []
        path.write_text(lock_text(versions), "utf-8")
    except LockInvalid as invalid:
        refuse(f"{invalid} Remove it to write a new one.")
    except OSError as error:
        refuse(f"{path}: {reason_of(error)}")
    data = locked_data(path, len(versions), changes)
    if as_json:
        print_json(data)
    else:
        print_locked(data)


def _read(file: Path) -> tuple[ConfigFiles, Mapping[str, CompiledModel]]:
    """A configuration and its models; ends the command if it is invalid."""
    try:
        files = read_config(file)
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    return files, compile_models(files.loaded.document, files.prompts, files.rollouts)


def _found(models: Mapping[str, CompiledModel], name: str) -> tuple[CompiledModel, CompiledVersion]:
    """A version by its name; ends the command if there is none."""
    found = find_version(models, name)
    if found is None:
        names = [version.name for model in models.values() for version in model.versions]
        hint = did_you_mean(name, names) or f"There are: {', '.join(names)}."
        refuse(f"There is no version {name}. {hint}")
    return found
