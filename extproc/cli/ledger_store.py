"""What the commands of ``extproc ledger`` have in common: options, and the store and the spool that they work on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, NoReturn

import typer

from extproc.cli.ledger_opened import config_with_ledger, opened_ledger
from extproc.cli.output import refuse, said
from extproc.cli.review_store import since_ms_of
from extproc.domain.feedback import FeedbackType
from extproc.ledger.entry import EntryOutcome
from extproc.ledger.sinks import further_sinks

if TYPE_CHECKING:
    from extproc.ledger.store import LedgerStore

OfTeam = Annotated[str | None, typer.Option(help="Only entries of this team.")]
OfProject = Annotated[str | None, typer.Option(help="Only entries of this project.")]
OfUser = Annotated[str | None, typer.Option(help="Only entries of this user_id.")]
OfEndpoint = Annotated[str | None, typer.Option("--endpoint", help="Only entries of this API, such as chat.")]
OfVersion = Annotated[str | None, typer.Option("--version", help="Only entries of VERSION or MODEL/VERSION.")]
OfOutcome = Annotated[EntryOutcome | None, typer.Option("--outcome", help="Only entries that ended like this.")]
OfExchange = Annotated[str | None, typer.Option(help="Only the entry of the answer with this x-llm-exchange-id.")]
OfFeedback = Annotated[
    FeedbackType | None, typer.Option("--feedback", help="Only entries for which users gave such feedback.")
]
OfModel = Annotated[str | None, typer.Option(help="Only entries of this model.")]
OfGuard = Annotated[str | None, typer.Option(help="Only entries of exchanges in which this guard found something.")]
LinesOption = Annotated[int, typer.Option("--lines", "-n", min=0, max=10_000, help="Entries before the next ones.")]
SinceOption = Annotated[
    str | None, typer.Option(help="Only entries since a date (2026-11-25T10:00), or of the last 30m, 12h, 7d, 2w.")
]
UntilOption = Annotated[str | None, typer.Option(help="Only entries before a date, or older than 30m, 12h, 7d, 2w.")]


class OpenLedger(NamedTuple):
    """The ledger of a configuration. ``spool``: the folder on this machine; ``further_sinks``: besides the store."""

    store: LedgerStore
    spool: Path
    further_sinks: list[str]


def time_us(written: str | None) -> int | None:
    """The value of ``--since`` or ``--until`` [us since 1970]; another text ends the command."""
    if written is None:
        return None
    found = since_ms_of(written, datetime.now(UTC))
    if found is None:
        refuse_use(f"{written[:40]!r} is not a time; write 7d, 12h or 2026-11-25T10:00")
    return found * 1_000


@contextlib.contextmanager
def opened(config: Path) -> Iterator[OpenLedger]:
    """The configured ledger; any failure ends the command with one sentence."""
    kept = config_with_ledger(config)
    try:
        with opened_ledger(kept) as store:
            yield OpenLedger(store, kept.folder / kept.section.spool, further_sinks(kept.section))
    except OSError as error:
        refuse_use(said(error))


def refuse_use(reason: str) -> NoReturn:
    """End the command: it cannot be used like that."""
    refuse(f"extproc ledger: {reason}")
