"""How ``extproc ledger`` shows entries: as lines of a table, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, cast

import typer
from rich.console import Console

from extproc.cli.ledger_shapes import LedgerEntryJson, VerifiedJson
from extproc.cli.tables import plain_text
from extproc.ledger.entry import LedgerEntry, TokenSource, plain_values

_US_PER_S: Final = 1_000_000
_GAP: Final = "  "


class _Column(NamedTuple):
    """``rank``: the higher, the sooner a narrow terminal leaves it out; 0: never. ``right``: numbers."""

    name: str
    rank: int
    width: int
    right: bool
    read: Callable[[LedgerEntry], str]


_COLUMNS: Final = (
    _Column("started", 2, 19, False, lambda entry: moment(entry.started_at_us)),
    _Column("exchange", 1, 16, False, lambda entry: entry.exchange),
    _Column("team", 0, 12, False, lambda entry: entry.team),
    _Column("version", 0, 16, False, lambda entry: f"{entry.model}/{entry.version}" if entry.version else "-"),
    _Column("outcome", 0, 14, False, lambda entry: entry.outcome.value),
    _Column("prompt", 3, 8, True, lambda entry: tokens(entry.prompt_tokens, entry.prompt_tokens_source)),
    _Column("answer", 3, 8, True, lambda entry: tokens(entry.completion_tokens, entry.completion_tokens_source)),
    _Column("micro-USD", 0, 9, True, lambda entry: str(entry.cost_micro_usd)),
    _Column("seconds", 4, 7, True, lambda entry: f"{(entry.ended_at_us - entry.started_at_us) / _US_PER_S:.1f}"),
    _Column("endpoint", 5, 11, False, lambda entry: entry.endpoint),
    _Column("reason", 6, 20, False, lambda entry: entry.reason),
)


_FINDINGS: Final = (
    _Column("started", 2, 19, False, lambda entry: moment(entry.started_at_us)),
    _Column("exchange", 3, 16, False, lambda entry: entry.exchange),
    _Column("team", 4, 10, False, lambda entry: entry.team),
    _Column("version", 1, 14, False, lambda entry: f"{entry.model}/{entry.version}" if entry.version else "-"),
    _Column("outcome", 0, 10, False, lambda entry: entry.outcome.value),
    _Column("findings", 0, 20, False, lambda entry: findings_of(entry)),
)
"""The last one gets what is left of a line."""


class EntryLines:
    """Entries as lines of fixed columns, so that further ones fit below; a narrow terminal gets fewer columns.

    Args: findings: show what guards found, in place of tokens and money.
    """

    def __init__(self, console: Console, findings: bool = False) -> None:
        self._cuts = console.is_terminal
        self._columns = list(_FINDINGS if findings else _COLUMNS)
        while self._cuts and self._width() > console.width:
            first = max(self._columns, key=lambda column: column.rank)
            if not first.rank:
                break
            self._columns.remove(first)
        if findings and self._cuts:
            last = self._columns[-1]
            self._columns[-1] = last._replace(width=last.width + max(console.width - self._width(), 0))

    def head(self) -> None:
        """Print the names of the columns."""
        self._print([column.name for column in self._columns])

    def show(self, entries: Sequence[LedgerEntry]) -> None:
        """Print entries, a line each."""
        for entry in entries:
            self._print([plain_text(column.read(entry)) for column in self._columns])

    def _width(self) -> int:
        return sum(column.width + len(_GAP) for column in self._columns) - len(_GAP)

    def _print(self, cells: Sequence[str]) -> None:
        shown = []
        for column, cell in zip(self._columns, cells, strict=True):
            text = cell[: column.width] if self._cuts else cell
            shown.append(text.rjust(column.width) if column.right else text.ljust(column.width))
        typer.echo(_GAP.join(shown).rstrip())


def findings_of(entry: LedgerEntry) -> str:
    """What guards found: guard, direction, each kind and how many; never a text."""
    kinds: dict[str, list[str]] = {}
    for name, times in entry.findings.items():
        where, _, kind = name.rpartition("/")
        kinds.setdefault(" ".join(where.rsplit("/", 1)), []).append(f"{kind} {times}")
    return "; ".join(f"{where} {', '.join(found)}" for where, found in kinds.items()) or "-"


def moment(at_us: int) -> str:
    """A time in UTC, to the second."""
    return datetime.fromtimestamp(at_us // _US_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S")


def tokens(count: int, source: TokenSource | None) -> str:
    """A count of tokens; `~` before an estimate, `-` where nothing was counted."""
    if source is None:
        return "-"
    return f"~{count}" if source is TokenSource.ESTIMATED else str(count)


def entry_data(entry: LedgerEntry) -> LedgerEntryJson:
    """An entry as JSON."""
    return cast("LedgerEntryJson", plain_values(entry))


def verified_data(found: dict[str, Any]) -> VerifiedJson:
    """The result of a check as JSON."""
    return {
        "ok": not found["problems"],
        "entries": found["entries"],
        "spools": [asdict(one) for one in found["spools"]],  # type: ignore[misc]
        "waiting_for": found["waiting_for"],
        "kept": found["kept"],
        "problems": found["problems"],
    }


def print_verified(found: VerifiedJson) -> None:
    """What was checked, and each problem."""
    typer.echo(f"store: {found['entries']} entries")
    for one in found["spools"]:
        state = "running" if one["alive"] else "ended"
        typer.echo(f"spool {one['name']} ({state}): {one['records']} records, {one['waiting']} waiting")
    for sink, waiting in found["waiting_for"].items():
        typer.echo(f"sink {sink}: {waiting} records waiting")
    for name in found["kept"]:
        typer.echo(f"kept: damaged/{name}")
    for problem in found["problems"]:
        typer.echo(f"problem: {problem}")
    typer.echo("ok" if found["ok"] else f"{len(found['problems'])} problems")
