"""``extproc doctor``: what is wrong with the Envoy in front of the processor, and how to fix it.

It only reads and asks, everything with a limit, so that it fits an init container and a Helm test.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import typer

from extproc.cli.doctor_shapes import DoctorJson
from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import AsJson, print_json, reachable, refuse, refuse_configuration
from extproc.cli.progress import progress
from extproc.cli.which_config import ConfigArgument, ConfigOption, config_file_if_any
from extproc.config.document import Document
from extproc.config.problems import ConfigInvalid, Severity
from extproc.envoy_config.doctor.asking import EnvoyPages, UnanswerableError, envoy_pages, origin_of
from extproc.envoy_config.doctor.check import PAGE, EnvoyFinding, Examined, Probe
from extproc.envoy_config.doctor.model import EnvoyModel
from extproc.envoy_config.doctor.probing import probe as probe_through
from extproc.envoy_config.doctor.probing import probe_directly
from extproc.envoy_config.doctor.reading import FILE_BYTES_MAX, EnvoyUnreadableError, model_from, parsed
from extproc.envoy_config.doctor.registry import examine
from extproc.server.operations.config_files import read_config
from extproc.server.sockets.address import reason_of

PLACES_MAX: Final = 20
"""For each code: a mistake of a template is in every listener."""
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_STANDARD_INPUT: Final = Path("-")

app = typer.Typer(add_completion=False)


@app.command("doctor")
def doctor_command(
    file: ConfigArgument = None,
    config: ConfigOption = None,
    admin: Annotated[
        str | None, typer.Option("--admin", metavar="HOST:PORT", help="Ask the admin server of an Envoy.")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--file",
            metavar="DUMP",
            help="Read a config_dump, the output of istioctl proxy-config, or a file of Envoy; - is standard input."
            " May be given several times.",
        ),
    ] = None,
    probe: Annotated[
        str | None, typer.Option("--probe", metavar="URL", help="Send harmless requests through this Envoy.")
    ] = None,
    direct: Annotated[
        list[str] | None,
        typer.Option("--direct", metavar="URL", help="Of a model server: nobody but Envoy should get an answer there."),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option("--header", "-H", metavar="NAME: VALUE", help="Send it with the probes, such as a credential."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with the Envoy in front of llm-extproc, and how to fix it.

    Exit 0: no errors, perhaps warnings; 1: errors; 2: there is nothing to look into.
    """
    named = config_file_if_any(config, file)
    document = None if named is None else _document(named)
    admin = _admin(document) if admin is None and not (files or probe or direct) else admin
    headers = _headers(header or [])
    admin = None if admin is None else _origin(admin)
    shown = [*([admin] if admin else ()), *map(str, files or ())]
    shown += [_origin(url) for url in (*([probe] if probe else ()), *(direct or ()))]
    pages, model = _looked_into(admin, files or [])
    with progress("Asking"):
        probes = [] if probe is None else probe_through(probe, headers, _some_version(document))
        probes += [probe_directly(url) for url in direct or ()]
    findings = list(examine(_examined(model, document, pages, probes)))
    _report(findings, shown, named, as_json)
    has_errors = any(one.severity is Severity.ERROR for one in findings)
    raise typer.Exit(ExitCode.FAILED if has_errors else ExitCode.OK)


# --- what it is told -----------------------------------------------------------------------------------------------


def _document(file: Path) -> Document:
    try:
        return read_config(file).loaded.document
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)


def _admin(document: Document | None) -> str:
    """The address of the Envoy that a configuration is for."""
    if document is None:
        refuse(
            "Which Envoy? Name its admin server with --admin HOST:PORT, a file with --file, or a configuration of"
            " llm-extproc, which has `envoy.admin`."
        )
    return reachable(document.envoy.admin)


def _headers(given: Iterable[str]) -> dict[str, str]:
    headers = {}
    for one in given:
        name, colon, value = one.partition(":")
        if not colon or not _HEADER_NAME.fullmatch(name.strip()) or not value.isprintable() or not one.isascii():
            refuse("--header: expected `NAME: VALUE`, such as `authorization: Bearer KEY`.")
        headers[name.strip()] = value.strip()
    return headers


def _origin(url: str) -> str:
    try:
        return origin_of(url)
    except ValueError as error:
        refuse(f"--admin, --probe, --direct: {error}.")


def _some_version(document: Document | None) -> tuple[str, str]:
    """What a client could try to choose."""
    models = {} if document is None else document.models
    return next(((model, name) for model, entry in models.items() for name in entry.versions), ("model", "v1"))


# --- what there is to look into ------------------------------------------------------------------------------------


def _looked_into(admin: str | None, files: list[Path]) -> tuple[EnvoyPages | None, EnvoyModel]:
    """What the admin server says, and the model of that or of the files; ends the command without any listener."""
    if admin and files:
        refuse("--admin and --file: one Envoy at a time. Name one of them.")
    pages = None if admin is None else _asked(admin)
    try:
        model = model_from([pages.dump] if pages is not None else [_data(one) for one in files])
    except EnvoyUnreadableError as error:
        refuse(f"{admin or ', '.join(map(str, files))}: {error}")
    if (admin or files) and not model.listeners:
        refuse(
            f"{admin or ', '.join(map(str, files))}: there is no listener. Where Envoy takes them from a control plane"
            " or from files, give its `config_dump`, or those files too (`--file listeners.yaml`)."
        )
    return pages, model


def _asked(admin: str) -> EnvoyPages:
    try:
        with progress(f"Asking {admin}"):
            return envoy_pages(admin)
    except ValueError as error:
        refuse(f"{admin}: {error}")
    except UnanswerableError as error:
        refuse(f"{admin}: no admin server of Envoy answers ({error}).")


def _data(file: Path) -> Any:
    try:
        if file == _STANDARD_INPUT:
            return parsed(_bounded(sys.stdin.buffer))
        with file.open("rb") as opened:
            return parsed(_bounded(opened))
    except OSError as error:
        refuse(f"{file}: cannot be read: {reason_of(error)}")
    except EnvoyUnreadableError as error:
        refuse(f"{file}: {error}")


def _bounded(opened: BinaryIO) -> bytes:
    return opened.read(FILE_BYTES_MAX + 1)


def _examined(model: EnvoyModel, document: Document | None, pages: EnvoyPages | None, probes: list[Probe]) -> Examined:
    limits = None if document is None else document.limits
    return Examined(
        model,
        document,
        0 if limits is None else max(limits.request_body_bytes_max, limits.response_body_bytes_max),
        None if pages is None else pages.health,
        () if pages is None else pages.certificates,
        tuple(probes),
    )


# --- what it says --------------------------------------------------------------------------------------------------


def _report(findings: list[EnvoyFinding], looked_at: list[str], config: Path | None, as_json: bool) -> None:
    counts = Counter(one.severity for one in findings)
    shown = list(_first_of_each(findings))
    if as_json:
        told: DoctorJson = {
            "looked_at": looked_at,
            "config": None if config is None else str(config),
            "ok": not counts[Severity.ERROR],
            "errors": counts[Severity.ERROR],
            "warnings": counts[Severity.WARNING],
            "findings": [
                {
                    "code": one.code,
                    "severity": one.severity.value,
                    "where": one.where,
                    "what": one.what,
                    "fix": one.fix,
                    "page": one.page,
                }
                for one in shown
            ],
        }
        print_json(told)
        return
    for one in shown:
        typer.echo(f"{one.code}: {one.severity.value}: {one.where}: {one.what} {one.fix}".rstrip())
    if len(shown) < len(findings):
        typer.echo(f"{len(findings) - len(shown)} more of the same codes")
    more = f"; {PAGE} says more of each code" if findings else ""
    typer.echo(f"{_count(counts[Severity.ERROR], 'error')}, {_count(counts[Severity.WARNING], 'warning')}{more}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _first_of_each(findings: list[EnvoyFinding]) -> Iterable[EnvoyFinding]:
    seen: Counter[str] = Counter()
    for one in findings:
        seen[one.code] += 1
        if seen[one.code] <= PLACES_MAX:
            yield one
