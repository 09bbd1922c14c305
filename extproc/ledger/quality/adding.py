"""Adds up signals of answers, in the transaction of their entries: each answer is in the sums once.

What is added goes into the block that is open. A closed block gets nothing more: who adds holds the row that names the
open block, and who closes it waits for that. So it does not matter how late an entry comes, nor whose clock is right.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
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
_NUMBERS: Final = (int, float)
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
    by_stratum: dict[tuple[Any, ...], dict[str, list[float]]] = {}
    for row in rows:
        if row["signals"]:
            hour_us = row["ended_at_us"] // HOUR_US * HOUR_US
            series = row["model"], row["version"], row["fingerprint"], row["prompt_fingerprint"]
            _add_values(by_stratum.setdefault((*series, hour_us, row["route"], row["team"]), {}), row["signals"])
    return {
        SumsPlace._make((*stratum, signal)): AddedSums(int(count), total, squares)
        for stratum, by_signal in by_stratum.items()
        for signal, (count, total, squares) in by_signal.items()
    }


def _add_values(sums: dict[str, list[float]], signals: Mapping[str, Any]) -> None:
    """Those of one entry. What another release has written, or is no number, does not count.

    There are a dozen for each entry, so the sums are lists.
    """
    sums.setdefault(ANSWERS, [0, 0.0, 0.0])[0] += 1
    for name, value in signals.items():
        if name in _RATES and type(value) is list and len(value) == 2:
            hits, judged = value
            if type(hits) is type(judged) is int and 0 <= hits <= judged < _JUDGED_MAX and judged:
                one = sums.setdefault(name, [0, 0.0, 0.0])
                one[0] += judged
                one[1] += hits
                one[2] += hits
        elif name in _VALUES and type(value) in _NUMBERS and 0 < value < math.inf:
            log = math.log(value)
            one = sums.setdefault(name, [0, 0.0, 0.0])
            one[0] += 1
            one[1] += log
            one[2] += log * log


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
