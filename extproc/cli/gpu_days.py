"""The time that commands about GPUs are asked for: days of UTC, as far as their hours are over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated, Final, NamedTuple

import typer

from extproc.cli.output import refuse
from extproc.cli.progress import Progress
from extproc.ledger.allocation.settled import days_between, settled_us
from extproc.reports.periods import BadRange, DayRange, day_of, start_us

_US_PER_S: Final = 1_000_000


FirstDay = Annotated[
    str, typer.Option("--from", metavar="DAY", help="First day (UTC): 2026-11-25, yesterday, 30d or 4w.")
]
LastDay = Annotated[str, typer.Option("--to", metavar="DAY", help="Last day, included.")]


class SettledSpan(NamedTuple):
    """From a midnight to a full hour. [us since 1970]"""

    begin_us: int
    end_us: int


def settled_span(command: str, first: str, last: str, now_us: int) -> SettledSpan:
    """The time of some days. The command ends with a sentence if there is none."""
    today = datetime.fromtimestamp(now_us // _US_PER_S, UTC).date()
    try:
        days = DayRange(day_of(first, "--from", today), day_of(last, "--to", today), UTC, "UTC")
    except BadRange as bad:
        refuse(f"extproc {command}: {bad}")
    after = date.fromordinal(days.last.toordinal() + 1)
    span = SettledSpan(start_us(days.first, UTC), min(start_us(after, UTC), settled_us(now_us)))
    if span.begin_us >= span.end_us:
        refuse(f"extproc {command}: no hour of {days.first} is over for an hour yet; take an earlier --from")
    return span


def told_days(span: SettledSpan, line: Progress, doing: str) -> Iterator[tuple[SettledSpan, Callable[[int], None]]]:
    """The days of a time, one after another, while a line says which one it is, and of how many.

    Args: doing: such as `Allocating`.
    Returns: each day, and what is called with the exchanges that were read of it so far.
    """
    days = [SettledSpan(*day) for day in days_between(*span)]
    for number, day in enumerate(days, 1):
        says = f"{doing} {datetime.fromtimestamp(day.begin_us // _US_PER_S, UTC).date()} ({number} of {len(days)})"
        line.say(says)
        yield day, partial(_say_exchanges, line, says)


def _say_exchanges(line: Progress, says: str, exchanges: int) -> None:
    line.say(f"{says}: {exchanges:,} exchanges")


def utc_moment(at_us: int) -> str:
    """Such as 2026-11-29T00:00:00Z."""
    return datetime.fromtimestamp(at_us // _US_PER_S, UTC).isoformat().replace("+00:00", "Z")
