"""The revisions of versions that were seen, with the windows that they are compared with once these are settled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from sqlalchemy import Connection, delete, select

from extproc.ledger.quality.sums import SeriesName, SignalSums
from extproc.ledger.quality.tables import SERIES
from extproc.ledger.slots import insert_into
from extproc.statistics.sums import BlockSums

IDLE_BLOCKS_MAX: Final = 10
"""After so many blocks without an answer of it, a revision gives way to an older one of its version."""


@dataclass(frozen=True, slots=True)
class SeenSeries:
    """Attributes: first_block, last_block: that had answers of it. window_of: of which settings the window is."""

    name: SeriesName
    first_block: int
    last_block: int
    window_of: str = ""
    window: SignalSums | None = None


SeenByName = Mapping[SeriesName, SeenSeries]


def seen_series(connection: Connection) -> dict[SeriesName, SeenSeries]:
    """All that have sums."""
    found = {}
    for row in connection.execute(select(SERIES)).mappings():
        name = SeriesName(*(row[one] for one in SeriesName._fields))
        window = _window_of(row["window"]) if row["window_of"] else None
        found[name] = SeenSeries(name, row["first_block"], row["last_block"], row["window_of"], window)
    return found


def with_block(seen: SeenByName, names: Iterable[SeriesName], block: int) -> dict[SeriesName, SeenSeries]:
    """What is known with one more block that has answers of some."""
    more = {name: replace(seen.get(name) or SeenSeries(name, block, block), last_block=block) for name in names}
    return {**seen, **more}


def store_series(connection: Connection, changed: Iterable[SeenSeries]) -> None:
    """Store what has changed, in a transaction that writes."""
    rows = [_row(one) for one in changed]
    if rows:
        statement = insert_into(connection, SERIES)
        keys = SERIES.primary_key.columns.keys()
        more = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=more), rows)


def forget_series(connection: Connection, names: Iterable[SeriesName]) -> None:
    """Delete those that have no sums."""
    for name in names:
        conditions = [SERIES.c[one] == value for one, value in name._asdict().items()]
        connection.execute(delete(SERIES).where(*conditions))


def compared_now(seen: SeenByName, in_block: Collection[SeriesName]) -> list[SeriesName]:
    """Of each version with answers in a block the revision that is compared: the newest that still answers."""
    found: dict[tuple[str, str], SeenSeries] = {}
    newest = max((one.last_block for one in seen.values()), default=0)
    for one in seen.values():
        if newest - one.last_block <= IDLE_BLOCKS_MAX:
            before = found.get(one.name[:2])
            if before is None or _age(before) < _age(one):
                found[one.name[:2]] = one
    return sorted(one.name for one in found.values() if one.name in in_block)


def version_before(seen: SeenByName, name: SeriesName) -> SeriesName | None:
    """The revision of the same model that was first seen last before this one."""
    own = _age(seen[name])
    earlier = [one for one in seen.values() if one.name.model == name.model and _age(one) < own]
    return max(earlier, key=_age).name if earlier else None


def _age(one: SeenSeries) -> tuple[int, SeriesName]:
    return one.first_block, one.name


def _row(one: SeenSeries) -> dict[str, Any]:
    window = {
        signal: {stratum: [sums.count, sums.total, sums.squares] for stratum, sums in by_stratum.items()}
        for signal, by_stratum in (one.window or {}).items()
    }
    return {
        **one.name._asdict(),
        "first_block": one.first_block,
        "last_block": one.last_block,
        "window_of": one.window_of,
        "window": orjson.dumps(window).decode(),
    }


def _window_of(text: str) -> SignalSums:
    tree = orjson.loads(text)
    return {
        signal: {stratum: BlockSums(*sums) for stratum, sums in by_stratum.items()}
        for signal, by_stratum in tree.items()
    }
