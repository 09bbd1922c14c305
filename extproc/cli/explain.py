"""``extproc explain``: show what would happen to one request, without a server.

The request is a file in wire format (request line, headers, body), or a body alone; ``-`` is standard input. It runs
through the same machine that serves traffic, and the output shows what that machine did.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from extproc.cli.output import print_json, print_table, refuse, refuse_configuration, result_console
from extproc.cli.progress import progress
from extproc.cli.shapes import ExplanationJson
from extproc.cli.which_config import ConfigOption, config_file
from extproc.config.problems import ConfigInvalid
from extproc.domain.record import ExchangeRecord
from extproc.exchange.events import ContinueBody, ContinueHeaders, ImmediateResponse, RequestBody, RequestHeaders, Step
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot, compile_snapshot
from extproc.server.operations.config_files import read_config
from extproc.server.sockets.address import reason_of

_DEFAULT_PATH = "/v1/chat/completions"
_STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class RequestFile:
    """A request read from a file; header names in lower case, with Envoy's ``:method`` and ``:path``."""

    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the machine did with a request; ``body_after`` is what the model server would receive, or None."""

    record: ExchangeRecord
    steps: tuple[Step, ...]
    body_after: bytes | None


app = typer.Typer(add_completion=False)


@app.command("explain")
def explain_command(
    request: Annotated[
        Path,
        typer.Argument(help="The request: an HTTP request or a JSON body; - is stdin.", show_default=False),
    ],
    config: ConfigOption = None,
    path: Annotated[
        str, typer.Option("--path", help="The path of the request, if the file is only a body.")
    ] = _DEFAULT_PATH,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="A header, as in curl: 'name: value'.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Show what would happen to one request: route, version, findings, changes. Exit 2: a file is unusable."""
    file = config_file(config)
    try:
        with progress(f"Reading {file}"):
            files = read_config(file)
            snapshot = compile_snapshot(files.loaded.document, files.prompts, files.mask_keys)
        asked = read_request(_content(request), path, header or [])
        with progress(f"Explaining {request}"):
            explanation = explain(snapshot, asked)
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    except OSError as error:
        refuse(f"{request}: {reason_of(error)}")
    except ValueError as error:
        refuse(f"extproc explain: {error}")
    if as_json:
        print_json(as_data(asked, explanation, snapshot))
    else:
        _print(result_console(), asked, explanation, snapshot)


def _content(request: Path) -> bytes:
    if request != _STDIN:
        return request.read_bytes()
    if sys.stdin.isatty():
        typer.echo("Write the request, and end it with Ctrl-D on a new line.", err=True)
    return sys.stdin.buffer.read()


def read_request(content: bytes, path: str, headers: list[str]) -> RequestFile:
    """Parse a request: HTTP if the file begins with a request line, otherwise a body for ``path``.

    Raises: ValueError for a header without a colon.
    """
    words = content.partition(b"\n")[0].decode("latin-1").split()
    read = {":method": "POST", ":path": path, "content-type": "application/json"}
    body = content
    if len(words) == 3 and words[2].startswith("HTTP/"):
        head, separator, body = content.partition(b"\r\n\r\n")
        if not separator:
            head, _, body = content.partition(b"\n\n")
        read = {":method": words[0], ":path": words[1]}
        headers = [*head.decode("latin-1").splitlines()[1:], *headers]
    for line in filter(None, headers):
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"the header {name[:40]!r} has no colon; write it as 'name: value'")
        read[name.strip().lower()] = value.strip()
    return RequestFile(read, body)


def explain(snapshot: Snapshot, request: RequestFile) -> Explanation:
    """Run a request through the machine, up to the point where it would be forwarded."""
    exchange = Exchange(snapshot, "explained", 0)
    steps = [exchange.step(RequestHeaders(request.headers, end=not request.body), 0)]
    if steps[0].ended is None and request.body:
        steps.append(exchange.step(RequestBody(request.body), 0))
    last = steps[-1].commands[-1] if steps[-1].commands else None
    body = None
    if isinstance(last, ContinueBody):
        body = request.body if last.body is None else last.body
    elif isinstance(last, ContinueHeaders):
        body = request.body
    return Explanation(exchange.record, tuple(steps), body)


def as_data(request: RequestFile, explanation: Explanation, snapshot: Snapshot) -> ExplanationJson:
    """The explanation as JSON."""
    record, version = explanation.record, explanation.record.version
    changes, answer, body = _changing(explanation), _immediate_response(explanation), explanation.body_after
    return {
        "revision": snapshot.revision,
        "endpoint": record.endpoint or None,
        "version": None
        if version is None
        else {"model": version.model, "version": version.version, "fingerprint": version.fingerprint},
        "team": record.team,
        "project": record.project,
        "budget_code": record.budget_code,
        "policy": record.policy or None,
        "findings": [
            {"guard": guard, "direction": direction, "kind": kind, "times": times}
            for (guard, direction, kind), times in record.findings.items()
        ],
        "verdicts": [
            {"guard": guard, "direction": direction, "action": action, "times": times}
            for (guard, direction, action), times in record.verdicts.items()
        ],
        "coverage": [
            {"guard": guard, "direction": direction, "outcome": outcome.value, "texts": texts}
            for (guard, direction, outcome), texts in record.coverage.items()
        ],
        "headers": {
            "set": [list(pair) for action in changes for pair in action.changes.set],
            "remove": [name for action in changes for name in action.changes.remove],
        },
        "reroutes": any(map(_reroutes, changes)),
        "answer": None if answer is None else {"status": answer.status, "body": answer.body.decode()},
        "body": None if body is None else body.decode("utf-8", "replace"),
        "body_changed": body is not None and body != request.body,
    }


def _print(console: Console, request: RequestFile, explanation: Explanation, snapshot: Snapshot) -> None:
    record = explanation.record
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in [
        ("revision", snapshot.revision),
        ("endpoint", record.endpoint or "none"),
        *_version_rows(record),
        ("team", f"{record.team}, project {record.project}, budget code {record.budget_code}"),
        ("filters", _filters(snapshot)),
        ("policy", _policy(record, snapshot)),
        ("findings", _counted(record) or "none"),
        ("coverage", _coverage(record) or "none"),
        ("headers", "; ".join(_header_changes(explanation)) or "no changes"),
        ("local reply", _answer(explanation) or "none: the request is forwarded"),
        ("body", _body_change(request, explanation)),
    ]:
        table.add_row(name, value.replace("[", r"\["))
    print_table(console, table)


def _version_rows(record: ExchangeRecord) -> list[tuple[str, str]]:
    version = record.version
    if version is None:
        return [("version", "none")]
    return [("version", f"{version.model}/{version.version} (fingerprint {version.fingerprint})")]


def _filters(snapshot: Snapshot) -> str:
    filters = (*snapshot.first_filters, *snapshot.last_filters)
    return ", ".join(f"{item.name} ({item.mode}, on error {item.on_error})" for item in filters) or "none"


def _policy(record: ExchangeRecord, snapshot: Snapshot) -> str:
    """The chosen policy and its guards."""
    chosen = next((policy for policy in snapshot.policies if policy.name == record.policy), None)
    if chosen is None:
        return "none was chosen"
    guards = ", ".join(f"{guard.name} ({guard.action}, on error {guard.on_error})" for guard in chosen.guards)
    return f"{chosen.name}: {guards or 'no guards'}"


def _counted(record: ExchangeRecord) -> str:
    findings = [f"{name} {kind} × {times}" for (name, _, kind), times in record.findings.items()]
    verdicts = [f"{name}: {action} × {times}" for (name, _, action), times in record.verdicts.items()]
    return "; ".join([*findings, *verdicts])


def _coverage(record: ExchangeRecord) -> str:
    return "; ".join(f"{guard}: {texts} {what}" for (guard, _, what), texts in record.coverage.items())


def _changing(explanation: Explanation) -> list[ContinueHeaders | ContinueBody]:
    """The actions that may change headers, in order."""
    actions = [action for step in explanation.steps for action in step.commands]
    return [action for action in actions if isinstance(action, ContinueHeaders | ContinueBody)]


def _reroutes(action: ContinueHeaders | ContinueBody) -> bool:
    return isinstance(action, ContinueBody) and action.clear_route_cache


def _header_changes(explanation: Explanation) -> list[str]:
    changes: list[str] = []
    for action in _changing(explanation):
        changes += [f"set {name}: {value}" for name, value in action.changes.set]
        changes += [f"remove {name}" for name in action.changes.remove]
        if _reroutes(action):
            changes.append("recompute the route")
    return changes


def _immediate_response(explanation: Explanation) -> ImmediateResponse | None:
    actions = [action for step in explanation.steps for action in step.commands]
    return next((action for action in actions if isinstance(action, ImmediateResponse)), None)


def _answer(explanation: Explanation) -> str:
    answer = _immediate_response(explanation)
    return "" if answer is None else f"{answer.status} {answer.body.decode()}"


def _body_change(request: RequestFile, explanation: Explanation) -> str:
    if explanation.body_after is None:
        return "not forwarded"
    if explanation.body_after == request.body:
        return "forwarded unchanged"
    try:
        return orjson.dumps(orjson.loads(explanation.body_after), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return explanation.body_after.decode("utf-8", "replace")
