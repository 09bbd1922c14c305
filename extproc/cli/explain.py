"""``extproc explain``: show what would happen to one exchange, without a server.

The request is a file in wire format (request line, headers, body), or a body alone; ``-`` is standard input. With
``--answer`` the exchange goes on with what a model server would answer, also a stream. It runs through the same machine
that serves traffic, and the output shows what that machine did.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.acting_budgets_output import acting_budgets_data, acting_budgets_rows
from extproc.cli.dryrun_data import client_data, explained_data, outcome_of, reply_data, unasked_data, version_data
from extproc.cli.dryrun_output import print_findings_explained, print_unasked
from extproc.cli.exit_codes import ExitCode
from extproc.cli.fallback_output import fallback_data, fallback_rows, withheld_data, withheld_rows
from extproc.cli.limits_output import limits_data, limits_rows
from extproc.cli.output import AsJson, print_json, refuse, refuse_configuration, standard_input
from extproc.cli.progress import progress
from extproc.cli.shapes import ExplanationJson, RolloutPartJson
from extproc.cli.tables import plain_text, print_table, result_console
from extproc.cli.version_shapes import FallbackJson
from extproc.cli.which_config import ConfigOption, config_file
from extproc.config.problems import ConfigInvalid
from extproc.config.routes import seconds_of
from extproc.domain.record import ExchangeRecord
from extproc.dryrun.compiled import compile_dry
from extproc.dryrun.driver import dry_run
from extproc.dryrun.message import AnswerMessage, read_answer, read_request
from extproc.dryrun.outcome import DryRun
from extproc.exchange.events import ContinueBody, ContinueHeaders
from extproc.exchange.snapshot import Snapshot
from extproc.server.operations.config_files import read_config
from extproc.server.sockets.address import reason_of

_STDIN = Path("-")

app = typer.Typer(add_completion=False)


@app.command("explain")
def explain_command(
    request: Annotated[
        Path,
        typer.Argument(help="The request: an HTTP request or a JSON body; - is stdin.", show_default=False),
    ],
    answer: Annotated[
        Path | None,
        typer.Option(help="The answer: an HTTP response, a JSON body or a stream's events; - is stdin."),
    ] = None,
    config: ConfigOption = None,
    path: Annotated[
        str | None, typer.Option("--path", help="The path of a body; default: as its keys suggest, else chat.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="A header, as in curl: 'name: value'.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it comes, such as 2026-11-30T09:00Z.", show_default=False),
    ] = None,
    exhausted: Annotated[
        list[str] | None,
        typer.Option("--budget-exhausted", metavar="NAME", help="Assume that this budget is exhausted."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what would happen to one exchange: route, version, findings, changes.

    Exit 1: refused or cut. Exit 2: a file is unusable.
    """
    file = config_file(config)
    if request == answer == _STDIN:
        refuse("Standard input is either the request or the answer; put the other into a file.")
    try:
        with progress(f"Reading {file}"):
            files = read_config(file)
            document = files.loaded.document
            snapshot = compile_dry(document, files.prompts, files.mask_keys, rollouts=files.rollouts)
        asked = read_request(_content(request), path, header or [])
        said = None if answer is None else _answer(answer)
        utc_s = time.time() if at is None else _seconds(at)
        with progress(f"Explaining {request}"):
            run = dry_run(snapshot, asked, said, utc_s=utc_s, exhausted=exhausted or ())
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    except ValueError as error:
        refuse(f"extproc explain: {error}")
    if as_json:
        print_json(as_data(run))
    else:
        _print(result_console(), run)
    if run.is_refused:
        raise typer.Exit(ExitCode.FAILED)


def _seconds(at: str) -> float:
    try:
        return seconds_of(at)
    except ValueError:
        raise ValueError(f"--at {at}: expected a time with its offset, such as 2026-11-30T09:00Z") from None


def _content(file: Path) -> bytes:
    if file != _STDIN:
        try:
            return file.read_bytes()
        except OSError as error:
            refuse(f"{file}: {reason_of(error)}")
    return standard_input("message")


def _answer(file: Path) -> AnswerMessage:
    return read_answer(_content(file))


def as_data(run: DryRun) -> ExplanationJson:
    """The explanation as JSON."""
    record = run.record
    return {
        "revision": run.snapshot.revision,
        "endpoint": record.endpoint or None,
        "route": record.route or None,
        "routes_tried": [
            {"route": one.route, "matches": one.matches, "reason": one.reason} for one in run.routes_tried
        ],
        "denied": run.is_denied,
        "version": version_data(run),
        "rollout": _rollout(record),
        "fallback": _fallback(run),
        "never_asked": withheld_data(record, run.snapshot.models, run.snapshot.data_rules),
        "team": record.team,
        "tier": record.tier,
        "tag": record.tag,
        "project": record.project,
        "budget_code": record.budget_code,
        "policy": record.policy or None,
        "rate_limits": limits_data(run),
        "budgets": acting_budgets_data(run),
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
        "fences": [
            {"guard": guard, "outcome": fencing.value, "texts": texts}
            for (guard, fencing), texts in record.fences.items()
        ],
        "headers": {
            "set": [list(pair) for action in run.changes for pair in action.changes.set],
            "remove": [name for action in run.changes for name in action.changes.remove],
        },
        "reroutes": any(map(_reroutes, run.changes)),
        "answer": reply_data(run),
        "body": None if run.model is None else run.model.decode("utf-8", "replace"),
        "body_changed": run.model is not None and run.model != run.request.body,
        "outcome": outcome_of(run),
        "refused": run.is_refused,
        "blocked_by": list(run.blocking_guards),
        "client": client_data(run),
        "explained": explained_data(run),
        "unasked": unasked_data(run.unasked),
    }


def _print(console: Console, run: DryRun) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(run):
        table.add_row(name, Text(plain_text(value)))
    print_table(console, table)
    if run.found:
        console.print()
        print_findings_explained(console, run.located())
    print_unasked(console, run.unasked)


def _rows(run: DryRun) -> Iterator[tuple[str, str]]:
    record, snapshot = run.record, run.snapshot
    by = f" by {', '.join(run.blocking_guards)}" if run.blocking_guards else ""
    yield "outcome", f"{outcome_of(run)}{by}"
    yield "revision", snapshot.revision
    yield "endpoint", record.endpoint or "none"
    yield from _routes(run)
    version = record.version
    told = None if version is None else f"{version.model}/{version.version} (fingerprint {version.fingerprint})"
    yield "version", told or "none"
    part = _rollout(record)
    if part is not None:
        yield "rollout", f"{part['rollout']}, step {part['step']}: {part['arm']} (unit {part['unit']})"
    fallback = _fallback(run)
    if fallback is not None:
        yield from fallback_rows(fallback)
    yield from withheld_rows(withheld_data(record, snapshot.models, snapshot.data_rules))
    who = f"{record.team}, project {record.project}, budget code {record.budget_code}"
    yield "team", f"{who}, tier {record.tier}, use case {record.tag}"
    yield "filters", _filters(snapshot)
    yield "policy", _policy(record, snapshot)
    yield from limits_rows(limits_data(run))
    yield from acting_budgets_rows(acting_budgets_data(run))
    yield "findings", _counted(record) or "none"
    yield "coverage", _coverage(record) or "none"
    if record.fences:
        yield "fence", "; ".join(f"{guard}: {texts} {fencing}" for (guard, fencing), texts in record.fences.items())
    yield "headers", "; ".join(_header_changes(run.changes)) or "no changes"
    yield "local reply", "none: the request is forwarded" if run.reply is None else _reply(run)
    yield "body", _body_change(run)
    if run.answer is not None:
        yield "client", _client(run)


def _routes(run: DryRun) -> Iterator[tuple[str, str]]:
    """The route with its reason, and why earlier ones are not taken."""
    *passed, taken = run.routes_tried or (None,)
    if taken is not None:
        yield "route", f"{taken.route}: {taken.reason}{'; denied' if run.is_denied else ''}"
        yield from (("not taken", f"{one.route}: {one.reason}") for one in passed if one is not None)


def _rollout(record: ExchangeRecord) -> RolloutPartJson | None:
    part = record.arm
    if part is None:
        return None
    return {"rollout": part.rollout, "step": part.step, "arm": part.arm.value, "unit": part.unit}


def _fallback(run: DryRun) -> FallbackJson | None:
    """Of the chosen version, if the request goes on."""
    record, snapshot = run.record, run.snapshot
    if record.version is None or run.model is None:
        return None
    models = snapshot.routes.models_of(record.route) or snapshot.models
    chosen = snapshot.routes.chosen(record.route, record.version.name)
    return None if chosen is None else fallback_data(chosen, models)


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


def _reroutes(action: ContinueHeaders | ContinueBody) -> bool:
    return isinstance(action, ContinueBody) and action.clear_route_cache


def _header_changes(actions: Sequence[ContinueHeaders | ContinueBody]) -> Iterator[str]:
    for action in actions:
        yield from (f"set {name}: {value}" for name, value in action.changes.set)
        yield from (f"remove {name}" for name in action.changes.remove)
        if _reroutes(action):
            yield "recompute the route"


def _reply(run: DryRun) -> str:
    return "" if run.reply is None else f"{run.reply.status} {run.reply.body.decode('utf-8', 'replace')}"


def _body_change(run: DryRun) -> str:
    if run.model is None:
        return "not forwarded"
    return "forwarded unchanged" if run.model == run.request.body else _written(run.model)


def _client(run: DryRun) -> str:
    if run.answer is None or run.upstream is None:
        return ""
    end = "\n(the response is broken off here)" if run.broken_off else ""
    if run.answer.body == run.upstream.body:
        return f"the answer, unchanged{end}"
    return f"{_written(run.answer.body)}{end}"


def _written(body: bytes) -> str:
    """A body in lines: JSON set in, anything else as it is."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace").rstrip("\n")
