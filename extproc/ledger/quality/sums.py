"""The sums of answers, as detectors read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, func, select, text

from extproc.domain.signals import RATES, VALUES
from extproc.ledger.quality.adding import ANSWERS, OF_OTHERS, SIZE, SumsPlace, adding
from extproc.ledger.quality.tables import SUMS
from extproc.ledger.slots import insert_into
from extproc.statistics.references import SignalKind
from extproc.statistics.strata import OTHERS
from extproc.statistics.sums import BlockSums

READ: Final = 0
"""The block of all that was read."""
SIGNAL_KINDS: Final[Mapping[str, SignalKind]] = {
    **{rate.name: SignalKind.RATE for rate in RATES},
    **{value.name: SignalKind.LOG for value in VALUES},
}
SignalSums = Mapping[str, Mapping[str, BlockSums]]
"""By signal and stratum."""


class SeriesName(NamedTuple):
    """A revision of a version."""

    model: str
    version: str
    fingerprint: str
    prompt_fingerprint: str


def stratum_name(route: str, team: str) -> str:
    """As alarms name it: a route has no blanks."""
    return OTHERS if (route, team) == OF_OTHERS else f"{route or '-'} {team or '-'}"


def sums_where(connection: Connection, *conditions: Any) -> dict[str, dict[str, BlockSums]]:
    """Sums by signal and stratum."""
    columns = SUMS.c.signal, SUMS.c.route, SUMS.c.team
    size = [func.sum(SUMS.c[name]) for name in SIZE]
    found: dict[str, dict[str, BlockSums]] = {}
    for signal, route, team, *numbers in connection.execute(
        select(*columns, *size).where(*conditions).group_by(*columns)
    ):
        found.setdefault(signal, {})[stratum_name(route, team)] = BlockSums(*map(float, numbers))
    return found


def is_of(series: SeriesName) -> Any:
    """The condition that sums are of a series."""
    conditions = [SUMS.c[name] == value for name, value in series._asdict().items()]
    return conditions[0] & conditions[1] & conditions[2] & conditions[3]


def hours_of_block(connection: Connection, block: int) -> dict[SeriesName, list[int]]:
    """The revisions that have answers in a block, and the hours of these."""
    columns = [SUMS.c[name] for name in (*SeriesName._fields, "hour_us")]
    found: dict[SeriesName, list[int]] = {}
    query = select(*columns).where((SUMS.c.block == block) & (SUMS.c.signal == ANSWERS)).distinct().order_by(*columns)
    for *series, hour_us in connection.execute(query):
        found.setdefault(SeriesName(*series), []).append(hour_us)
    return found


def move_to_read(connection: Connection, block: int) -> None:
    """Add the sums of a block to those that were read."""
    places = [SUMS.c[name] for name in SumsPlace._fields]
    size = [SUMS.c[name] for name in SIZE]
    rows = select(text(str(READ)), *places, *size).where(SUMS.c.block == block)
    columns = ["block", *SumsPlace._fields, *SIZE]
    connection.execute(adding(insert_into(connection, SUMS).from_select(columns, rows)))
    connection.execute(delete(SUMS).where(SUMS.c.block == block))


def others_in(connection: Connection, block: int) -> int:
    """How many answers of a block are of strata without sums of their own."""
    of_others = (SUMS.c.block == block) & (SUMS.c.signal == ANSWERS) & (SUMS.c.route == OF_OTHERS[0])
    return int(connection.execute(select(func.coalesce(func.sum(SUMS.c.count), 0)).where(of_others)).scalar_one())
