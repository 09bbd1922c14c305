"""Who decides: one process of all that ship to a store, in a term of its own.

The holder counts up its beat while it lives. Another process takes over when it has seen the same beat for some seconds
of its own monotonic clock, so no clock of the day counts, and none has to agree with another. Each decision names its
term in the transaction that writes it: a holder that was slow, and is none any more, changes nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, select, update

from extproc.ledger.rollouts.tables import LEADER

BEAT_S: Final = 1.0
TAKEN_OVER_S: Final = 4.0
"""After so long without a beat the holder is dead, or cannot write."""


class NotLeading(Exception):
    """Another process holds the term now."""


class LeaderRow(NamedTuple):
    """The row. Attributes: holder: empty: nobody."""

    holder: str
    term: int
    beat: int


class Leadership:
    """This process's part in who leads.

    Args: holder: names this process, unlike any other.
    """

    def __init__(self, holder: str) -> None:
        self._holder = holder
        self._seen: LeaderRow | None = None
        self._seen_s = 0.0
        self._beaten_s = float("-inf")
        self.term: int | None = None  # None: another process leads

    def may_lead(self, row: LeaderRow, now_s: float) -> bool:
        """Whether `keep` would have this process lead. Args: row: as it was just read."""
        if row != self._seen:
            self._seen, self._seen_s = row, now_s
        if row.holder == self._holder and row.term == self.term:
            return True
        self.term = None
        return not row.holder or now_s - self._seen_s >= TAKEN_OVER_S

    def keep(self, connection: Connection, now_s: float) -> bool:
        """Beat, or take over from who is dead, in a transaction that writes. Returns: whether this process leads.

        Args: now_s: of a monotonic clock.
        """
        row = leader_row(connection)
        if not self.may_lead(row, now_s):
            return False
        is_mine = row.term == self.term
        after = row._replace(beat=row.beat + 1) if is_mine else LeaderRow(self._holder, row.term + 1, 0)
        return self._change(connection, row, after, now_s)

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to look at who leads."""
        return now_s - self._beaten_s >= BEAT_S

    def resign(self, connection: Connection) -> None:
        """Let another process lead at once, in a transaction that writes."""
        if self.term is not None:
            held = (LEADER.c.holder == self._holder) & (LEADER.c.term == self.term)
            connection.execute(update(LEADER).where(held).values(holder=""))
            self.term = None

    def check(self, connection: Connection) -> None:
        """Hold the row in a transaction that writes a decision. Raises: NotLeading."""
        held = (LEADER.c.holder == self._holder) & (LEADER.c.term == self.term)
        if self.term is None or not connection.execute(update(LEADER).where(held).values(id=1)).rowcount:
            self.term = None
            raise NotLeading

    def _change(self, connection: Connection, before: LeaderRow, after: LeaderRow, now_s: float) -> bool:
        at = (LEADER.c.term == before.term) & (LEADER.c.beat == before.beat) & (LEADER.c.holder == before.holder)
        done = connection.execute(update(LEADER).where(at).values(after._asdict())).rowcount
        self._beaten_s = now_s
        self.term = after.term if done else None
        if done:
            self._seen, self._seen_s = after, now_s
        return bool(done)


def leader_row(connection: Connection) -> LeaderRow:
    """Who leads."""
    return LeaderRow(*connection.execute(select(*(LEADER.c[name] for name in LeaderRow._fields))).one())
