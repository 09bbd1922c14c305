"""``extproc review list | show | label | export | stats``: label findings.

The database library is imported only by these commands; the others do not need it.
"""

from __future__ import annotations

import contextlib
import getpass
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.config.problems import ConfigInvalid
from extproc.server.operations.config_files import read_config
from extproc.sinks.review import ReviewUnavailable, require_packages
from extproc.sinks.review.entries import FindingQuery, GuardCounts, Label, ReviewLabel, Stored
from extproc.sinks.review.precision import precision_of

if TYPE_CHECKING:
    from extproc.sinks.review.store import Store

EXIT_INVALID = 2
EXIT_FAILED = 5  # 3 and 4 are those of `serve`
NAME_CHARS_MAX = 100
NOTE_CHARS_MAX = 2_000
_AGO = re.compile(r"(\d{1,5})([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.", show_default=False)]
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
    config: Config,
    guard: GuardOption = None,
    team: Team = None,
    version: ModelVersion = None,
    since: Since = None,
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="Only findings without a label.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of findings.")] = 50,
) -> None:
    """List findings, the newest first."""
    wanted = FindingQuery(guard, team, version, False if unlabelled else None, _since_ms(since))
    with _opened(config) as store:
        print_findings(Console(), store.find(wanted, limit))


@app.command("show")
def show_command(config: Config, number: Number) -> None:
    """Show one finding with all its fields and labels."""
    with _opened(config) as store:
        stored, said = store.get(number)
    print_finding(Console(), stored, said)


@app.command("label")
def label_command(
    config: Config,
    number: Number,
    verdict: Annotated[ReviewLabel, typer.Argument(help="Label: was the guard right?", show_default=False)],
    by: Annotated[str | None, typer.Option(help="Reviewer; default: the user that runs the command.")] = None,
    note: Annotated[str, typer.Option(help="Reason.")] = "",
) -> None:
    """Label a finding as right or wrong. The last label counts; earlier ones are kept."""
    who = by if by is not None else getpass.getuser()
    if not 0 < len(who) <= NAME_CHARS_MAX or len(note) > NOTE_CHARS_MAX:
        _refuse(f"a name has 1 to {NAME_CHARS_MAX} characters, a note at most {NOTE_CHARS_MAX}")
    with _opened(config) as store:
        store.label(number, Label(verdict, who, time.time_ns() // 1_000_000, note))
    typer.echo(f"finding {number}: {verdict.value}, by {who}")


@app.command("export")
def export_command(
    config: Config,
    guard: GuardOption = None,
    team: Team = None,
    version: ModelVersion = None,
    since: Since = None,
    unlabelled: Annotated[
        bool, typer.Option("--with-unlabelled", help="Include findings without a label; their label is null.")
    ] = False,
) -> None:
    """Write findings as JSON Lines, the oldest first: text, label (1: right, 0: a false alarm), spans and the rest."""
    wanted = FindingQuery(guard, team, version, None if unlabelled else True, _since_ms(since))
    with _opened(config) as store:
        for stored, label in store.find_all(wanted):
            sys.stdout.buffer.write(orjson.dumps(exported(stored, label), option=orjson.OPT_APPEND_NEWLINE))


@app.command("stats")
def stats_command(config: Config) -> None:
    """Show each guard's precision, with its 95 % confidence interval."""
    with _opened(config) as store:
        print_stats(Console(), store.counts())


# --- what is written -----------------------------------------------------------------------------------------------


def exported(stored: Stored, label: Label | None) -> dict[str, Any]:
    """One line of an export, in the format of the training code and the project's corpora."""
    entry = stored.entry
    known = asdict(entry)
    text, start, end = known.pop("excerpt"), known.pop("found_start"), known.pop("found_end")
    return {
        "text": text,
        "label": None if label is None else int(label.verdict is ReviewLabel.CONFIRM),
        "spans": [{"start": start, "end": end, "type": entry.kind}] if text else [],
        "id": stored.id,
        **known,
        "labelled_by": label.by if label else None,
        "labelled_at_ms": label.at_ms if label else None,
        "note": label.note if label else None,
    }


def print_findings(console: Console, found: Sequence[Stored]) -> None:
    """One line per finding, with the beginning of its excerpt."""
    table = Table("number", "seen", "guard", "kind", "action", "team", "version", "label", box=None, pad_edge=False)
    table.add_column("excerpt", overflow="ellipsis", no_wrap=True)
    for stored in found:
        entry = stored.entry
        version = f"{entry.model}/{entry.version}" if entry.version else ""
        verdict = stored.verdict.value if stored.verdict else ""
        row = (str(stored.id), _moment(entry.seen_at_ms), entry.guard, entry.kind, entry.action, entry.team, version)
        table.add_row(*(_plain(value) for value in (*row, verdict)), _marked(stored))
    console.print(table)


def print_finding(console: Console, stored: Stored, said: Sequence[Label]) -> None:
    """All fields, the excerpt, and the labels, oldest first."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("number", str(stored.id))
    table.add_row("seen", _moment(stored.entry.seen_at_ms))
    for name, value in asdict(stored.entry).items():
        if name not in ("seen_at_ms", "excerpt", "found_start", "found_end"):
            table.add_row(name.replace("_", " "), _plain(str(value)))
    for label in said:
        told = f"{label.verdict.value}, by {label.by}, {_moment(label.at_ms)}"
        table.add_row("label", _plain(f"{told}: {label.note}" if label.note else told))
    table.add_row("excerpt", _marked(stored) if stored.entry.excerpt else "none was kept")
    console.print(table)


def print_stats(console: Console, counted: Sequence[GuardCounts]) -> None:
    """One line per guard."""
    table = Table("guard", "labelled", "right", "precision", "95 % interval", "waiting", box=None, pad_edge=False)
    for one in counted:
        found = precision_of(one.confirmed, one.labelled)
        share = f"{found.share:.3f}" if found else "-"
        interval = f"{found.low:.3f} to {found.high:.3f}" if found else "-"
        table.add_row(_plain(one.guard), str(one.labelled), str(one.confirmed), share, interval, str(one.waiting))
    console.print(table)


def _marked(stored: Stored) -> Text:
    """The excerpt on one line, with the finding underlined."""
    entry = stored.entry
    text = _plain(entry.excerpt)
    text.stylize("bold underline", entry.found_start, entry.found_end)
    return text


def _plain(value: str) -> Text:
    """User text for a terminal: no markup, and no character that could move the cursor or change colors."""
    return Text("".join(character if character.isprintable() else "\u00b7" for character in value))


def _moment(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"


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
        typer.echo(f"review store: {failure}", err=True)
        raise typer.Exit(EXIT_FAILED) from None


def _url_of(config: Path) -> str:
    try:
        document = read_config(config).loaded.document
    except ConfigInvalid as invalid:
        for problem in invalid.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(EXIT_INVALID) from None
    if document.review is None:
        _refuse(f"{config} has no `review:` section, so no findings are kept")
    try:
        require_packages(document.review.url)
    except ReviewUnavailable as unavailable:
        typer.echo(str(unavailable), err=True)
        raise typer.Exit(EXIT_INVALID) from None
    return document.review.url


def _refuse(reason: str) -> NoReturn:
    typer.echo(f"extproc review: {reason}", err=True)
    raise typer.Exit(EXIT_INVALID)
