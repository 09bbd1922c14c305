"""``extproc review list | show | label | export | stats``: label findings.

The database library is imported only by these commands; the others do not need it.
"""

from __future__ import annotations

import contextlib
import getpass
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import orjson
import typer

from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import print_json, refuse, refuse_configuration, result_console
from extproc.cli.progress import progress
from extproc.cli.review_output import (
    exported,
    finding_data,
    findings_data,
    labeled_data,
    print_finding,
    print_findings,
    print_stats,
    stats_data,
)
from extproc.cli.which_config import ConfigOption, config_file
from extproc.config.problems import ConfigInvalid
from extproc.server.operations.config_files import read_config
from extproc.sinks.review import ReviewUnavailable, require_packages
from extproc.sinks.review.entries import FindingQuery, Label, ReviewLabel

if TYPE_CHECKING:
    from extproc.sinks.review.store import Store

NAME_CHARS_MAX = 100
NOTE_CHARS_MAX = 2_000
_AGO = re.compile(r"(\d{1,5})([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

GuardOption = Annotated[str | None, typer.Option(help="Only findings of this guard, by name.")]
Team = Annotated[str | None, typer.Option(help="Only findings of this team.")]
ModelVersion = Annotated[str | None, typer.Option("--version", help="Only findings of VERSION or MODEL/VERSION.")]
Since = Annotated[
    str | None, typer.Option(help="Only findings since a date (2026-11-25T10:00), or of the last 30m, 12h, 7d, 2w.")
]
Number = Annotated[
    int,
    typer.Argument(min=1, max=2**63 - 1, help="The number of the finding, as `list` shows it.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]

app = typer.Typer(
    name="review",
    add_completion=False,
    help=(
        "Inspect findings and label them as right or wrong. Exit 2: bad configuration or argument; 5: the store fails."
    ),
    no_args_is_help=True,
)


@app.command("list")
def list_command(
    guard: GuardOption = None,
    team: Team = None,
    version: ModelVersion = None,
    since: Since = None,
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="Only findings without a label.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of findings.")] = 50,
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """List findings, the newest first."""
    wanted = FindingQuery(guard, team, version, False if unlabelled else None, _since_ms(since))
    with progress("Reading the findings"), _opened(config_file(config)) as store:
        found = store.find(wanted, limit)
    if as_json:
        print_json(findings_data(found))
    elif not found:
        typer.echo("No finding matches.", err=True)
    else:
        print_findings(result_console(), found)


@app.command("show")
def show_command(number: Number, config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Show one finding with all its fields and labels."""
    with progress("Reading the finding"), _opened(config_file(config)) as store:
        stored, said = store.get(number)
    if as_json:
        print_json(finding_data(stored, said))
    else:
        print_finding(result_console(), stored, said)


@app.command("label")
def label_command(
    number: Number,
    verdict: Annotated[ReviewLabel, typer.Argument(help="Label: was the guard right?", show_default=False)],
    by: Annotated[str | None, typer.Option(help="Reviewer; default: the user that runs the command.")] = None,
    note: Annotated[str, typer.Option(help="Reason.")] = "",
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Label a finding as right or wrong. The last label counts; earlier ones are kept."""
    who = by if by is not None else getpass.getuser()
    if not 0 < len(who) <= NAME_CHARS_MAX or len(note) > NOTE_CHARS_MAX:
        _refuse(f"a name has 1 to {NAME_CHARS_MAX} characters, a note at most {NOTE_CHARS_MAX}")
    label = Label(verdict, who, time.time_ns() // 1_000_000, note)
    with progress("Storing the label"), _opened(config_file(config)) as store:
        store.label(number, label)
    if as_json:
        print_json(labeled_data(number, label))
    else:
        typer.echo(f"finding {number}: {verdict.value}, by {who}")


@app.command("export")
def export_command(
    guard: GuardOption = None,
    team: Team = None,
    version: ModelVersion = None,
    since: Since = None,
    unlabelled: Annotated[
        bool, typer.Option("--with-unlabelled", help="Include findings without a label; their label is null.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Write findings as JSON Lines, the oldest first: text, label (1: right, 0: a false alarm), spans and the rest."""
    wanted = FindingQuery(guard, team, version, None if unlabelled else True, _since_ms(since))
    lines = sys.stdout.buffer
    with progress("Exporting") as line, _opened(config_file(config)) as store:
        for count, (stored, label) in enumerate(store.find_all(wanted), start=1):
            lines.write(orjson.dumps(exported(stored, label), option=orjson.OPT_APPEND_NEWLINE))
            line.say(f"Exporting: {count} findings")


@app.command("stats")
def stats_command(config: ConfigOption = None, as_json: AsJson = False) -> None:
    """Show each guard's precision, with its 95 % confidence interval."""
    with progress("Counting the labels"), _opened(config_file(config)) as store:
        counted = store.counts()
    if as_json:
        print_json(stats_data(counted))
    else:
        print_stats(result_console(), counted)


# --- what is read --------------------------------------------------------------------------------------------------


def since_ms_of(written: str, now: datetime) -> int | None:
    """Parse a date and time, or an age such as 12h; None if it is neither.

    Args: now: with time zone; a date without one means UTC.
    """
    if ago := _AGO.match(written):
        moment = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    else:
        try:
            moment = datetime.fromisoformat(written)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000)


def _since_ms(written: str | None) -> int | None:
    if written is None:
        return None
    found = since_ms_of(written, datetime.now(UTC))
    if found is None:
        _refuse(f"{written[:40]!r} is not a time; write 7d, 12h or 2026-11-25T10:00")
    return found


@contextlib.contextmanager
def _opened(config: Path) -> Iterator[Store]:
    """The configured store; any failure ends the command with one sentence."""
    url = _url_of(config)
    from extproc.sinks.review.store import NoSuchFinding, Store, StoreFailed

    try:
        store = Store(url, config.parent, creates=False)  # a store created here might not be accessible to the server
        for warning in store.warnings:
            typer.echo(warning, err=True)
        try:
            yield store
        finally:
            store.close()
    except NoSuchFinding:
        _refuse("no such finding; `extproc review list` shows the numbers")
    except StoreFailed as failure:
        refuse(f"review store: {failure}", code=ExitCode.STORE_FAILED)


def _url_of(config: Path) -> str:
    try:
        document = read_config(config).loaded.document
    except ConfigInvalid as invalid:
        refuse_configuration(invalid)
    if document.review is None:
        _refuse(f"{config} has no `review:` section, so no findings are kept")
    try:
        require_packages(document.review.url)
    except ReviewUnavailable as unavailable:
        refuse(str(unavailable))
    return document.review.url


def _refuse(reason: str) -> NoReturn:
    refuse(f"extproc review: {reason}")
