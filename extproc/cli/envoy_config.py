"""``extproc envoy-config``: print the Envoy configuration for a configuration file, or lint an Envoy configuration."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from extproc.cli.envoy_files import follow
from extproc.cli.exit_codes import ExitCode
from extproc.cli.mesh_manifests import ManifestPlace, manifests_text, selected_labels
from extproc.cli.output import print_json, refuse, said
from extproc.cli.progress import progress
from extproc.cli.shapes import LintJson
from extproc.cli.signals import unwound_by_signals
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file
from extproc.config.checks import check_for_envoy
from extproc.config.problems import ConfigInvalid
from extproc.envoy_config.dynamic import bootstrap_of
from extproc.envoy_config.envoy_process import EnvoyMissingError, validation_error
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.generate import SECRET_HEADING, to_yaml
from extproc.envoy_config.istio.mesh import MeshOptions
from extproc.envoy_config.lint import lint as lint_problems
from extproc.envoy_config.processor_tls import secrets
from extproc.server.operations.config_files import read_config
from extproc.server.sockets.address import reason_of

_RESOURCES = ("static_resources", "dynamic_resources")
_KEYS_MAX, _KEY_CHARS_MAX = 5, 40
app = typer.Typer(add_completion=False)


@app.command("envoy-config")
def envoy_config_command(
    file: ConfigArgument = None,
    config: ConfigOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")] = None,
    sds: Annotated[
        Path | None, typer.Option("--sds", help="Write the files of `envoy.processor.sds_folder` into this folder.")
    ] = None,
    watch: Annotated[
        Path | None,
        typer.Option(
            "--watch",
            help="Keep the files that Envoy watches in this folder, as the configuration says.",
        ),
    ] = None,
    validate: Annotated[bool, typer.Option("--validate", help="Validate the result with the real Envoy.")] = False,
    lint: Annotated[Path | None, typer.Option("--lint", help="Lint this Envoy file instead.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: Envoy's configuration, or the result of `--lint`.")
    ] = False,
    place: Annotated[
        ManifestPlace | None,
        typer.Option(
            "--for",
            help="Print manifests instead: for a proxy of Istio's mesh (istio-gateway, istio-sidecar, istio-inbound,"
            " waypoint), or for Envoy Gateway (envoy-gateway).",
            show_default=False,
        ),
    ] = None,
    namespace: Annotated[
        str,
        typer.Option(
            help="With `--for`: namespace of the proxies, with envoy-gateway of the routes; default: that of"
            " `--gateway` (istio-gateway), else of endpoints."
        ),
    ] = "",
    selector: Annotated[
        list[str] | None,
        typer.Option(
            help="With `--for`: labels of the proxies' pods, KEY=VALUE; default: istio=ingressgateway for a gateway,"
            " else llm-extproc.dev/client=true (istio-sidecar) or llm-extproc.dev/sidecar=true (istio-inbound).",
            show_default=False,
        ),
    ] = None,
    gateway: Annotated[
        str,
        typer.Option(help="With `--for`: NAMESPACE/NAME of your Gateway; of a waypoint, its name (default: waypoint)."),
    ] = "",
    host: Annotated[
        list[str] | None,
        typer.Option(
            help="With `--for istio-gateway` or `envoy-gateway`: host for which requests are routed to models;"
            " repeatable; default: all.",
            show_default=False,
        ),
    ] = None,
    model_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65_535,
            help="With `--for`: port of the model servers in their pods; default: that of the endpoints.",
        ),
    ] = None,
    without_filter: Annotated[
        bool,
        typer.Option(
            "--without-filter",
            help="With `--for istio-gateway`: leave out the EnvoyFilter, if the Helm chart has one.",
        ),
    ] = False,
    telemetry: Annotated[
        bool,
        typer.Option(
            "--telemetry",
            help="With `--for istio-gateway`, `istio-sidecar` or `waypoint`: add a Telemetry object, so that spans of"
            " the proxies name model and version.",
        ),
    ] = False,
) -> None:
    """Print the Envoy configuration for a configuration file. Exit 2 on any problem.

    With `--watch` keep the files that Envoy watches, until a signal.
    """
    mesh = MeshOptions(
        namespace, selected_labels(selector or []), gateway, tuple(host or ()), model_port, without_filter, telemetry
    )
    if place is not None:
        _refuse_with_for({"--sds": sds, "--watch": watch, "--validate": validate, "--lint": lint})
        text, problems = manifests_text(config_file(config, file), place, mesh, as_json)
        refuse_any(problems or _written(output, text))
        return
    if mesh != MeshOptions():
        refuse(
            "--namespace, --selector, --gateway, --host, --model-port, --without-filter and --telemetry go with --for."
        )
    if lint is not None:
        _lint(lint, as_json)
    elif watch is not None:
        follow(config_file(config, file), watch)
    else:
        refuse_any(write(config_file(config, file), output, validate, sds, as_json))


def _refuse_with_for(others: dict[str, Any]) -> None:
    for name, value in others.items():
        if value:
            refuse(f"{name} is for an Envoy of one's own, and --for prints manifests for others. Leave one out.")


def _lint(file: Path, as_json: bool) -> None:
    problems = lint_file(file)
    if not as_json:
        refuse_any(problems)
        return
    linted: LintJson = {"file": str(file), "ok": not problems, "problems": problems}
    print_json(linted)
    raise typer.Exit(ExitCode.UNUSABLE if problems else ExitCode.OK)


def refuse_any(problems: list[str]) -> None:
    """End the command if there is a problem."""
    if problems:
        refuse(*problems)


def write(file: Path, output: Path | None, validate: bool, sds: Path | None, as_json: bool = False) -> list[str]:
    """Write Envoy's configuration for a configuration file, and the secrets it needs into ``sds``.

    Returns: the problems; if there are any, nothing is written, except where a folder or a disk refuses a file.
    """
    try:
        loaded = read_config(file).loaded
    except ConfigInvalid as invalid:
        return [str(problem) for problem in invalid.problems]
    missing = check_for_envoy(loaded.document, loaded.places)
    if missing:
        return [str(problem) for problem in missing]
    try:
        configuration = bootstrap_of(loaded.document)
        named = secrets(loaded.document.server, loaded.document.envoy.processor)
    except EnvoyConfigError as error:
        return [f"{file}: {error}."]
    if sds is not None and not named:
        return [f"{file}: Envoy reads no secrets from files. Set envoy.processor.sds_folder, or remove --sds."]
    text = json.dumps(configuration, indent=2) + "\n" if as_json else to_yaml(configuration)
    problems = [*lint_problems(configuration, loaded.document), *(_envoy_problems(text) if validate else ())]
    if problems:
        return problems
    try:
        if sds is not None:
            sds.mkdir(parents=True, exist_ok=True)
            for name, content in named.items():
                (sds / name).write_text(to_yaml(content, SECRET_HEADING))
    except OSError as error:
        return [_unwritten(error, sds)]
    return _written(output, text)


def _written(output: Path | None, text: str) -> list[str]:
    """Writes to a file or stdout. Returns: the problem, if a folder or a disk refuses the file."""
    if output is None:
        sys.stdout.write(text)
        return []
    try:
        output.write_text(text)
    except OSError as error:
        return [_unwritten(error, output)]
    return []


def _unwritten(error: OSError, path: Path | None) -> str:
    name = "" if error.filename else f"{path}: "
    return f"extproc envoy-config: cannot write {name}{said(error)}"


def lint_file(file: Path) -> list[str]:
    """The problems of an Envoy bootstrap configuration, as sentences that begin with the file name."""
    try:
        documents = list(yaml.safe_load_all(file.read_text()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return [f"{file}: cannot be read: {reason_of(error) if isinstance(error, OSError) else error}"]
    configuration: Any = documents[0] if len(documents) == 1 else documents
    if not isinstance(configuration, dict) or not any(key in configuration for key in _RESOURCES):
        return [f"{file}: {_no_bootstrap(configuration, file)}"]
    if "static_resources" not in configuration:
        typer.echo(f"{file}: only static_resources are looked into, and there are none.", err=True)
    return [f"{file}: {problem}" for problem in lint_problems(configuration)]


def _no_bootstrap(found: Any, file: Path) -> str:
    """What a file is instead of a bootstrap configuration."""
    wanted = "expected an Envoy bootstrap configuration, with `static_resources:` or `dynamic_resources:`"
    if not isinstance(found, dict):
        return f"{wanted}."
    if "models" in found or "policies" in found:
        return (
            f"{wanted}; this is a configuration of llm-extproc. Check it with `extproc check {file}`, and write"
            f" Envoy's with `extproc envoy-config {file}`."
        )
    keys = ", ".join(f"`{str(key)[:_KEY_CHARS_MAX]}`" for key in list(found)[:_KEYS_MAX]) or "none"
    return f"{wanted}; the keys here are: {keys}."


def _envoy_problems(text: str) -> list[str]:
    with (
        unwound_by_signals(),
        progress("Envoy validates the configuration"),
        tempfile.NamedTemporaryFile("w", suffix=".yaml") as file,
    ):
        file.write(text)
        file.flush()
        try:
            error = validation_error(Path(file.name))
        except EnvoyMissingError as missing:
            return [str(missing)]
    return [] if error is None else [f"Envoy refuses the configuration: {error}"]
