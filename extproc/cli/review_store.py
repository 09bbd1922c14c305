"""What the commands of ``extproc review`` have in common: options, and the store that they work on."""

from __future__ import annotations

import contextlib
import getpass
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from extproc.cli.config_with_store import config_with_store
from extproc.cli.exit_codes import ExitCode
from extproc.cli.output import refuse
from extproc.cli.review_import import NAME_CHARS_MAX
from extproc.sinks.review.entries import FindingQuery

if TYPE_CHECKING:
    from extproc.sinks.review.store import Store

_MISSING_MAX = 10  # findings that are named
_AGO = re.compile(r"(\d{1,5})([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

GuardOption = Annotated[str | None, typer.Option(help="Only findings of this guard, by name.")]
Team = Annotated[str | None, typer.Option(help="Only findings of this team.")]
ModelVersion = Annotated[str | None, typer.Option("--version", help="Only findings of VERSION or MODEL/VERSION.")]
Since = Annotated[
    str | None, typer.Option(help="Only findings since a date (2026-11-25T10:00), or of the last 30m, 12h, 7d, 2w.")
]
By = Annotated[str | None, typer.Option(help="Reviewer; default: the user that runs the command.")]

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


def since_ms(written: str | None) -> int | None:
    """The value of ``--since`` [ms since 1970]; another text ends the command."""
    if written is None:
        return None
    found = since_ms_of(written, datetime.now(UTC))
    if found is None:
        refuse_use(f"{written[:40]!r} is not a time; write 7d, 12h or 2026-11-25T10:00")
    return found


def reviewer(by: str | None) -> str:
    """Who labels; an unusable name ends the command."""
    who = by if by is not None else getpass.getuser()
    if not 0 < len(who) <= NAME_CHARS_MAX:
        refuse_use(f"a name has 1 to {NAME_CHARS_MAX} characters")
    return who


def now_ms() -> int:
    """The time of a label [ms since 1970]."""
    return time.time_ns() // 1_000_000


# --- the store -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(
    config: Path, *wanted: FindingQuery, missing: Callable[[int], str] = str, stores: bool = False
) -> Iterator[Store]:
    """The configured store; any failure ends the command with one sentence.

    Args:
        wanted: queries whose names must exist.
        missing: how a finding that is not there is called, by its number.
        stores: whether the command stores something: then nothing was stored where a finding is not there.
    """
    without = f"extproc review: {config} has no `review:` section, so no findings are kept"
    document = config_with_store(config, "review", without)
    from extproc.cli.review_names import unknown_name
    from extproc.database.engine import StoreFailed
    from extproc.sinks.review.labels import NoSuchFinding
    from extproc.sinks.review.store import Store

    assert document.review is not None
    try:
        # a store created here might not be accessible to the server
        store = Store(document.review.url, config.parent, creates=False)
        for warning in store.warnings:
            typer.echo(warning, err=True)
        try:
            for query in wanted:
                if (problem := unknown_name(query, document, store)) is not None:
                    refuse_use(problem)
            yield store
        finally:
            store.close()
    except NoSuchFinding as absent:
        several = ", ".join(missing(number) for number in absent.numbers[:_MISSING_MAX])
        more = f" and {len(absent.numbers) - _MISSING_MAX} more" if len(absent.numbers) > _MISSING_MAX else ""
        unchanged = ". Nothing was stored" if stores else ""
        refuse_use(f"no such finding: {several}{more}{unchanged}; `extproc review list` shows the numbers")
    except StoreFailed as failure:
        refuse(f"review store: {failure}", code=ExitCode.STORE_FAILED)


def refuse_use(reason: str) -> NoReturn:
    """End the command: it cannot be used like that."""
    refuse(f"extproc review: {reason}")
