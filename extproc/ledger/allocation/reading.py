"""The exchanges of each server in some time, as arrays.

A million entries make a million objects and a gigabyte; here each column is an array, and a part of the rows is in
memory as objects at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar

import numpy as np
from sqlalchemy import Column, ColumnElement, Connection, Select, Text, and_, cast, func, not_, select

from extproc.allocation.running import UNKNOWN, SeenExchanges
from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.entry import NOT_REACHED, EntryOutcome
from extproc.ledger.schema import ENTRIES
from extproc.statistics.arrays import Ints

LASTS_US_MAX: Final = DAY_US
"""An exchange that began longer before a slice is not looked for: a day."""
_ROWS_AT_ONCE: Final = 1_000
"""So few that the collector of Python does not look at them before they are gone: that costs a third more."""
SEPARATOR: Final = "\x1f"
"""Of names in one text, which is read sooner than eight; no name of a caller or of the configuration has it."""
_E = ENTRIES.c
NUMBERS: Final = (
    *("sent_at_us", "first", "ended_at_us"),
    *("prompt_tokens", "cached_tokens", "completion_tokens", "choices"),
)


class Payer(NamedTuple):
    """By whom allocated time is told. The columns of ``gpu_shares`` have the same names."""

    team: str
    project: str
    budget_code: str
    tier: str
    use_case: str
    model: str
    version: str


class ExchangeKind(NamedTuple):
    """What tells exchanges apart of which something could be saved; columns of ``ledger_entries``.

    Attributes: finish_reasons: JSON. cached_tokens_source: empty: nobody counted cached tokens.
    """

    team: str
    model: str
    version: str
    outcome: str
    finish_reasons: str
    cached_tokens_source: str


Named = TypeVar("Named", Payer, ExchangeKind)


class ServerExchanges(NamedTuple):
    """Of one server.

    Attributes:
        seen: as arrays; ``number`` is that of the entry.
        payer: place among the payers, or kinds, of each.
    """

    seen: SeenExchanges
    payer: Ints

    def computing(self, tokens: float) -> Self:
        """With so many tokens that a sequence computes in a step."""
        return self._replace(seen=self.seen._replace(computed=np.full(len(self.payer), tokens)))

    def with_work_of(self, other: SeenExchanges, payer: int) -> Self:
        """With others, which all have one payer."""
        added = np.full(len(other.number), payer, dtype=np.int64)
        return type(self)(self.seen.joined(other), np.concatenate((self.payer, added)))


class ReadExchanges(NamedTuple, Generic[Named]):
    """``servers``: by address; empty: exchanges whose server is not known. ``payers``: or kinds, of all servers."""

    servers: dict[str, ServerExchanges]
    payers: list[Named]


class FilesUnusable(Exception):
    """Files of entries cannot be read. The message says which, and why."""


class GatheredExchanges(Generic[Named]):
    """Parts of columns, until there are no more."""

    def __init__(self, named: type[Named]) -> None:
        self._named: type[Named] = named
        self._parts: list[list[Ints]] = []
        self._names: dict[str, int] = {}
        self.count = 0

    def take(self, numbers: Sequence[Ints], names: Sequence[str], of_each: Ints) -> None:
        """A part.

        Args:
            numbers: number of the entry, then ``NUMBERS``.
            names: server and payer as one text, each once. of_each: place among them.
        """
        for name in names:
            self._names.setdefault(name, len(self._names))
        places = np.array([self._names[name] for name in names], dtype=np.int64)
        self._parts.append([*numbers, places[of_each]])
        self.count += len(of_each)

    def exchanges(self) -> ReadExchanges[Named]:
        """All of them, by server."""
        if not self._parts:
            return ReadExchanges({}, [])
        *columns, named = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        self._parts.clear()
        split = [(server, self._named(*names)) for server, *names in (one.split(SEPARATOR) for one in self._names)]
        servers = {server: place for place, server in enumerate(sorted({server for server, _ in split}))}
        payers = {payer: place for place, payer in enumerate(sorted({payer for _, payer in split}))}
        of_server = np.array([servers[server] for server, _ in split], dtype=np.int64)[named]
        of_payer = np.array([payers[payer] for _, payer in split], dtype=np.int64)[named]
        order = np.argsort(of_server, kind="stable")
        borders = np.searchsorted(of_server[order], np.arange(len(servers) + 1))
        found = {}
        for server, place in servers.items():
            at = order[borders[place] : borders[place + 1]]
            found[server] = ServerExchanges(_seen([column[at] for column in columns]), of_payer[at])
        return ReadExchanges(found, list(payers))


def read_exchanges(
    connection: Connection, begin_us: int, end_us: int, told: Callable[[int], None] = lambda _: None
) -> ReadExchanges[Payer]:
    """All that ran between two times, or in part of it, by payer.

    Left out is what no model computed: requests that were refused before, or by the server itself.

    Args: told: is called with the number of entries that were read so far.
    """
    return read_exchanges_by(Payer, connection, (begin_us, end_us), told)


def read_exchanges_by(
    named: type[Named], connection: Connection, span_us: tuple[int, int], told: Callable[[int], None] = lambda _: None
) -> ReadExchanges[Named]:
    """As ``read_exchanges``, by payer or kind."""
    gathered = GatheredExchanges(named)
    streamed = connection.execution_options(stream_results=connection.dialect.name == "postgresql")  # SQLite does so
    for rows in streamed.execute(_query(named._fields, *span_us)).partitions(_ROWS_AT_ONCE):
        *numbers, of_names = zip(*rows, strict=True)
        names = {name: place for place, name in enumerate(set(of_names))}
        of_each = np.fromiter(map(names.__getitem__, of_names), np.int64, len(rows))
        gathered.take([np.array(column, dtype=np.int64) for column in numbers], list(names), of_each)
        told(gathered.count)
    return gathered.exchanges()


def _query(names: Sequence[str], begin_us: int, end_us: int) -> Select[Any]:
    first = func.coalesce(_E.first_token_at_us, UNKNOWN).label("first")
    numbers = [first if name == "first" else _E[name] for name in NUMBERS]
    refused_by_server = and_(_E.outcome == EntryOutcome.UPSTREAM_ERROR.value, _E.completion_tokens == 0)
    named: ColumnElement[str] = _E.server
    for name in names:
        named = named + SEPARATOR + _text(_E[name])
    return select(_E.number, *numbers, named).where(
        _E.started_at_us >= begin_us - LASTS_US_MAX,
        _E.started_at_us < end_us,
        _E.ended_at_us > begin_us,
        _E.sent_at_us < end_us,
        _E.outcome.not_in([one.value for one in NOT_REACHED]),
        not_(refused_by_server),
    )


def _text(column: Column[Any]) -> ColumnElement[str]:
    if isinstance(column.type, Text) and not column.nullable:
        return column
    return func.coalesce(cast(column, Text), "")


def _seen(columns: Sequence[Ints]) -> SeenExchanges:
    number, sent, first, ended, prompt, cached, written, choices = columns
    return SeenExchanges(
        number, sent, np.where(written > 0, first, ended), ended, prompt, cached, written, choices, np.ones(len(number))
    )
