"""``extproc try``: what the guards of a configuration make of a text, a request or an answer, and why."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.dryrun_data import outcome_of, tried_data
from extproc.cli.dryrun_output import (
    after,
    print_findings_explained,
    print_pieces,
    print_texts,
    print_unasked,
)
from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import AsJson, print_json, refuse, refuse_configuration, standard_input
from extproc.cli.progress import progress
from extproc.cli.tables import plain_text, print_table, result_console
from extproc.cli.which_config import ConfigOption, config_file
from extproc.config.problems import ConfigInvalid
from extproc.domain.contract import ENDPOINT_PATHS
from extproc.domain.text import Direction
from extproc.dryrun.compiled import compile_dry
from extproc.dryrun.driver import dry_run
from extproc.dryrun.message import AnswerMessage, RequestMessage, looks_like, read_answer, read_request
from extproc.dryrun.outcome import DryRun
from extproc.dryrun.written import HARMLESS, answer_of, request_of
from extproc.server.operations.config_files import read_config
from extproc.server.sockets.address import reason_of

STDIN = "-"


class Side(StrEnum):
    """Whose text it is."""

    REQUEST = "request"
    RESPONSE = "response"


app = typer.Typer(add_completion=False)


@app.command("try")
def try_command(
    text: Annotated[
        str | None,
        typer.Argument(
            help="A text, a whole request, or a whole answer (JSON, events or HTTP); - is stdin.", show_default=False
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Read it from this file instead.", show_default=False)
    ] = None,
    side: Annotated[
        Side | None,
        typer.Option("--as", help="Whose text it is; default: the user's, or as the body shows.", show_default=False),
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Stream the text as an answer, and show it token by token.")
    ] = False,
    config: ConfigOption = None,
    policy: Annotated[str | None, typer.Option(help="Only this policy, whatever its `when` says.")] = None,
    guard: Annotated[list[str] | None, typer.Option(help="Only this guard; repeat it for several.")] = None,
    path: Annotated[str | None, typer.Option(help="Path of the API; default: as the body shows, else chat.")] = None,
    model: Annotated[str | None, typer.Option(help="The model that is asked; default: the first one.")] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="A header, as in curl: 'name: value'.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try a text, a request or an answer: what is found, why, and what model and client see.

    Exit 1: refused or cut. Exit 2: a file or value is unusable.
    """
    named = config_file(config)
    try:
        content = _content(text, file)
        with progress(f"Reading {named}"):
            files = read_config(named)
            document = files.loaded.document
            snapshot = compile_dry(document, files.prompts, files.mask_keys, policy=policy, guards=guard or ())
        asked = model or next(iter(document.models))
        request, answer = exchange_of(content, side, stream, path, asked, header or [])
        run = dry_run(snapshot, request, answer, utc_s=time.time())
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    except ValueError as error:
        refuse(f"extproc try: {error}")
    if as_json:
        print_json(tried_data(run))
    else:
        _print(result_console(), run, stream)
    if run.is_refused:
        raise typer.Exit(ExitCode.FAILED)


def exchange_of(
    content: bytes, side: Side | None, stream: bool, path: str | None, model: str, headers: list[str]
) -> tuple[RequestMessage, AnswerMessage | None]:
    """The request, and the answer if it is one that is tried.

    Raises: ValueError for what does not go together, or cannot be read.
    """
    found = looks_like(content)
    if found == "request" and side is not Side.RESPONSE:
        if stream:
            raise ValueError("--stream shows an answer, and this is a request")
        return read_request(content, path, headers), None
    if found == "response" and side is not Side.REQUEST:
        answer = read_answer(content)
        if stream and not answer.streamed:
            raise ValueError("--stream shows a stream: give its events, or a text alone")
        asked = request_of(HARMLESS, model, path or answer.path or ENDPOINT_PATHS["chat"], answer.streamed)
        return read_request(asked.body, asked.path, headers), answer
    written = content.decode("utf-8", "replace")
    way = path or ENDPOINT_PATHS["chat"]
    if side is Side.REQUEST or (side is None and not stream):
        if stream:
            raise ValueError("--stream shows an answer; a request comes whole")
        return read_request(request_of(written, model, way).body, way, headers), None
    asked = request_of(HARMLESS, model, way, stream)
    return read_request(asked.body, way, headers), answer_of(written, model, way, stream)


def _content(text: str | None, file: Path | None) -> bytes:
    if (text is None) == (file is None):
        refuse("What is to be tried? Give a text, - for standard input, or --file FILE; one of them.")
    if text is not None and text != STDIN:
        return text.encode("utf-8", "surrogateescape")
    try:
        return file.read_bytes() if file is not None else standard_input("text").removesuffix(b"\n")
    except OSError as error:
        _refuse_file(file, error)


def _refuse_file(file: Path | None, error: OSError) -> NoReturn:
    refuse(f"{file or 'standard input'}: {reason_of(error)}")


def _print(console: Console, run: DryRun, stream: bool) -> None:
    print_table(console, _summary(run))
    console.print()
    if stream:
        print_pieces(console, run)
    else:
        print_texts(console, run)
    if run.found:
        console.print()
        print_findings_explained(console, run.located())
    console.print()
    print_table(console, _seen(run))
    print_unasked(console, run.unasked)


def _summary(run: DryRun) -> Table:
    record, style = run.record, "bold red" if run.is_refused else "bold green"
    by = f", by {', '.join(run.blocking_guards)}" if run.blocking_guards else ""
    status = f" with {run.reply.status} {run.reply.code}" if run.reply is not None else ""
    version = record.version
    return _rows(
        ("outcome", Text(f"{outcome_of(run)}{status}{by}", style)),
        ("policy", Text(record.policy or "none was chosen")),
        *([("route", Text(record.route))] if record.route else []),
        ("version", Text(f"{version.model}/{version.version}" if version is not None else "none was chosen")),
        ("findings", Text(str(len(run.found)))),
    )


def _seen(run: DryRun) -> Table:
    rows = []
    if run.upstream is None or run.model is None:
        rows.append(("model", after(run.texts_after(Direction.REQUEST)) if run.model is not None else "nothing"))
    if run.reply is not None:
        rows.append(("client", f"{run.reply.status} {run.reply.body.decode('utf-8', 'replace')}"))
    elif run.answer is not None:
        cut = "  (broken off)" if run.broken_off else ""
        rows.append(("client", after(run.texts_after(Direction.RESPONSE)) + cut))
    coverage = [f"{guard} {texts} {outcome.value}" for (guard, _, outcome), texts in run.record.coverage.items()]
    rows.append(("texts", "; ".join(coverage) or "none was checked"))
    return _rows(*((name, Text(plain_text(value))) for name, value in rows))


def _rows(*rows: tuple[str, Text]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table
