"""Adds up signals of answers, in the transaction of their entries: each answer is in the sums once.

What is added goes into the block that is open. A closed block gets nothing more: who adds holds the row that names the
open block, and who closes it waits for that. So it does not matter how late an entry comes, nor whose clock is right.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, insert, select, text

from extproc.domain.signals import RATES, VALUES
from extproc.ledger.quality.tables import BLOCKS, STRATA, SUMS
from extproc.ledger.slots import insert_into

HOUR_US: Final = 3_600_000_000
ANSWERS: Final = "answers"
"""In place of a signal: how many entries had signals."""
OF_OTHERS: Final = ("*", "*")
"""Route and team of the sums of all that have none of their own: no route has that name."""
_RATES: Final = frozenset(rate.name for rate in RATES)
_VALUES: Final = frozenset(value.name for value in VALUES)
_JUDGED_MAX: Final = 1 << 31
_LOCK: Final = 0x6C6C6C73  # arbitrary advisory lock number: no two PostgreSQL sessions add strata at once


class SumsPlace(NamedTuple):
    """The row of a sum, apart from its block."""

    model: str
    version: str
    fingerprint: str
    prompt_fingerprint: str
    hour_us: int
    route: str
    team: str
    signal: str


@dataclass(frozen=True, slots=True)
class AddedSums:
    """What ``BlockSums`` has, of rates or of logarithms. The columns have the same names."""

    count: int
    total: float
    squares: float

    def plus(self, more: AddedSums) -> AddedSums:
        """Of the answers of both."""
        return AddedSums(self.count + more.count, self.total + more.total, self.squares + more.squares)


_NOTHING: Final = AddedSums(0, 0.0, 0.0)
SIZE: Final = tuple(one.name for one in fields(AddedSums))


def sums_of(rows: Iterable[Mapping[str, Any]]) -> dict[SumsPlace, AddedSums]:
    """The sums of entries. Args: rows: of ``ledger_entries``."""
    sums: dict[SumsPlace, AddedSums] = {}
    for row in rows:
        if not row["signals"]:
            continue
        hour_us = row["ended_at_us"] // HOUR_US * HOUR_US
        series = (row["model"], row["version"], row["fingerprint"], row["prompt_fingerprint"])
        for signal, one in _values_of(row["signals"]):
            place = SumsPlace(*series, hour_us, row["route"], row["team"], signal)
            sums[place] = sums.get(place, _NOTHING).plus(one)
    return sums


def _values_of(signals: Mapping[str, Any]) -> Iterator[tuple[str, AddedSums]]:
    """Of one entry by signal. What another release has written, or is no number, does not count."""
    yield ANSWERS, AddedSums(1, 0.0, 0.0)
    for name, value in signals.items():
        if name in _RATES and isinstance(value, list) and list(map(type, value)) == [int, int]:
            hits, judged = value
            if 0 <= hits <= judged < _JUDGED_MAX and judged:
                yield name, AddedSums(judged, float(hits), float(hits))
        elif name in _VALUES and type(value) in (int, float) and 0 < value < math.inf:
            log = math.log(value)
            yield name, AddedSums(1, log, log * log)


def add_to_sums(connection: Connection, rows: Iterable[Mapping[str, Any]], strata_max: int) -> None:
    """Count entries that were stored in this transaction. Args: rows: of ``ledger_entries``."""
    add_sums(connection, sums_of(rows), strata_max)


def add_sums(connection: Connection, sums: Mapping[SumsPlace, AddedSums], strata_max: int) -> None:
    """Add sums to the open block, in a transaction that writes."""
    if not sums:
        return
    block = connection.execute(select(BLOCKS.c.open_block).with_for_update(read=True)).scalar_one()
    apart = _strata_apart(connection, {(one.route, one.team) for one in sums}, strata_max)
    placed: defaultdict[SumsPlace, AddedSums] = defaultdict(lambda: _NOTHING)
    for place, one in sums.items():
        route, team = (place.route, place.team) if (place.route, place.team) in apart else OF_OTHERS
        at = place._replace(route=route, team=team)
        placed[at] = placed[at].plus(one)
    # In one order, so that no two processes wait for each other.
    values = [{"block": block, **place._asdict(), **asdict(one)} for place, one in sorted(placed.items())]
    connection.execute(adding(insert_into(connection, SUMS)), values)


def adding(statement: Any) -> Any:
    """An insert into the sums that adds to what is there."""
    more = {name: SUMS.c[name] + statement.excluded[name] for name in SIZE}
    return statement.on_conflict_do_update(index_elements=SUMS.primary_key.columns.keys(), set_=more)


def _strata_apart(connection: Connection, wanted: set[tuple[str, str]], strata_max: int) -> set[tuple[str, str]]:
    """The strata that have sums of their own; those that are wanted get a place while there is one."""
    known = _strata(connection)
    if wanted <= known or len(known) >= strata_max:
        return known
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        known = _strata(connection)
    new = sorted(wanted - known)[: max(strata_max - len(known), 0)]
    if new:
        connection.execute(insert(STRATA), [{"route": route, "team": team} for route, team in new])
    return known | set(new)


def _strata(connection: Connection) -> set[tuple[str, str]]:
    return {(route, team) for route, team in connection.execute(select(STRATA.c.route, STRATA.c.team))}
