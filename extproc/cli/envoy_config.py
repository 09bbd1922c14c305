"""``extproc envoy-config``: print the Envoy configuration for a configuration file, or lint an Envoy configuration."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from extproc.config.checks import check_for_envoy
from extproc.config.problems import ConfigInvalid
from extproc.envoy_config.envoy_process import EnvoyMissingError, validation_error
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.generate import SECRET_HEADING, bootstrap, to_yaml
from extproc.envoy_config.lint import lint as lint_problems
from extproc.envoy_config.processor_tls import secrets
from extproc.server.operations.config_files import read_config

EXIT_OK = 0
EXIT_INVALID = 2


app = typer.Typer(add_completion=False)


@app.command("envoy-config")
def envoy_config_command(
    file: Annotated[Path | None, typer.Argument(help="The configuration file.", show_default=False)] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")] = None,
    sds: Annotated[
        Path | None, typer.Option("--sds", help="Write the files of `envoy.processor.sds_folder` into this folder.")
    ] = None,
    validate: Annotated[bool, typer.Option("--validate", help="Validate the result with the real Envoy.")] = False,
    lint: Annotated[Path | None, typer.Option("--lint", help="Lint this Envoy file instead.")] = None,
) -> None:
    """Print the Envoy configuration for a configuration file. Exit 2 on any problem."""
    if lint is not None:
        problems = lint_file(lint)
    elif file is not None:
        problems = write(file, output, validate, sds)
    else:
        problems = ["extproc envoy-config: which file? Write `extproc envoy-config FILE`, or `--lint ENVOY_FILE`."]
    for problem in problems:
        typer.echo(problem, err=True)
    raise typer.Exit(EXIT_INVALID if problems else EXIT_OK)


def write(file: Path, output: Path | None, validate: bool, sds: Path | None) -> list[str]:
    """Write Envoy's configuration for a configuration file, and the secrets it needs into ``sds``.

    Returns: the problems; if there are any, nothing is written.
    """
    try:
        loaded = read_config(file).loaded
    except ConfigInvalid as invalid:
        return [str(problem) for problem in invalid.problems]
    missing = check_for_envoy(loaded.document, loaded.places)
    if missing:
        return [str(problem) for problem in missing]
    try:
        configuration = bootstrap(loaded.document)
        named = secrets(loaded.document.server, loaded.document.envoy.processor)
    except EnvoyConfigError as error:
        return [f"{file}: {error}."]
    if sds is not None and not named:
        return [f"{file}: Envoy reads no secrets from files. Set envoy.processor.sds_folder, or remove --sds."]
    text = to_yaml(configuration)
    problems = [*lint_problems(configuration), *(_envoy_problems(text) if validate else ())]
    if problems:
        return problems
    if sds is not None:
        sds.mkdir(parents=True, exist_ok=True)
        for name, content in named.items():
            (sds / name).write_text(to_yaml(content, SECRET_HEADING))
    if output is not None:
        output.write_text(text)
    else:
        sys.stdout.write(text)
    return []


def lint_file(file: Path) -> list[str]:
    """The problems of an Envoy bootstrap configuration, as sentences that begin with the file name."""
    try:
        configuration: Any = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return [f"{file}: cannot be read: {error}"]
    if not isinstance(configuration, dict):
        return [f"{file}: expected a bootstrap configuration with `static_resources:`"]
    return [f"{file}: {problem}" for problem in lint_problems(configuration)]


def _envoy_problems(text: str) -> list[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        try:
            error = validation_error(Path(file.name))
        except EnvoyMissingError as missing:
            return [str(missing)]
    return [] if error is None else [f"Envoy refuses the configuration: {error}"]
