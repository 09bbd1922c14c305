"""What the process that decides has seen of a mesh's object, in the store: so another one goes on from there."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from extproc.ledger.rollouts.tables import TRAFFIC
from extproc.ledger.slots import insert_into


class TrafficSeen(NamedTuple):
    """The weights of a rollout's object, as they were seen last.

    Attributes:
        share: of the canary, from 0 to 1, as this rollout has written it; None: it has not been written yet.
        measures: whether it has been there for so long that exchanges can be compared.
        problem: why it cannot be read or written, as sentences; empty: nothing is wrong.
    """

    share: float | None = None
    measures: bool = False
    problem: str = ""


def traffic_seen(connection: Connection) -> dict[str, TrafficSeen]:
    """By the ids of rollouts; one that is missing was not seen at all."""
    columns = (TRAFFIC.c[name] for name in ("rollout", *TrafficSeen._fields))
    return {
        rollout: TrafficSeen(share, bool(measures), problem)
        for rollout, share, measures, problem in connection.execute(select(*columns))
    }


def note_traffic(connection: Connection, rollout: str, seen: TrafficSeen) -> None:
    """Keep what was seen, in a transaction that writes."""
    values = seen._asdict() | {"measures": int(seen.measures)}
    insert = insert_into(connection, TRAFFIC).values(rollout=rollout, **values)
    connection.execute(insert.on_conflict_do_update(index_elements=["rollout"], set_=values))
