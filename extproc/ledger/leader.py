"""Who acts for all: one process of all that ship to a store, in a term of its own.

The holder counts up its beat while it lives. Another process takes over when it has seen the same beat for some seconds
of its own monotonic clock, so no clock of the day counts, and none has to agree with another. Each decision names its
term in the transaction that writes it: a holder that was slow, and is none any more, changes nothing.

Each matter that somebody leads has a table of its own, with one row.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final, NamedTuple, Protocol

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text, select, update

BEAT_S: Final = 1.0
TAKEN_OVER_S: Final = 4.0
"""After so long without a beat the holder is dead, or cannot write."""
LOOK_S: Final = 1.0
"""Between two looks of a process that does not lead at who does."""


def leader_table(name: str, metadata: MetaData) -> Table:
    """The table of a matter. Its migration adds the row: nobody, in term 0."""
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),  # 1
        Column("holder", Text, nullable=False),  # of the process that acts; empty: nobody
        Column("term", BigInteger, nullable=False),  # one more with each new holder
        Column("beat", BigInteger, nullable=False),  # one more while the holder lives
    )


class Transactions(Protocol):
    """Of a store."""

    def reading(self) -> AbstractContextManager[Connection]:
        """One that reads."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """One that writes."""
        ...


class NotLeading(Exception):
    """Another process holds the term now."""


class LeaderRow(NamedTuple):
    """The row. Attributes: holder: empty: nobody."""

    holder: str
    term: int
    beat: int


class Leadership:
    """This process's part in who leads.

    Args:
        table: of the matter.
        holder: names this process, unlike any other.
        beat_s: between two beats.
        taken_over_s: after so long without one another process leads.
    """

    def __init__(self, table: Table, holder: str, beat_s: float = BEAT_S, taken_over_s: float = TAKEN_OVER_S) -> None:
        self._table = table
        self._holder = holder
        self._beat_s = beat_s
        self._taken_over_s = taken_over_s
        self._seen: LeaderRow | None = None
        self._seen_s = 0.0
        self._beaten_s = self._looked_s = float("-inf")
        self.term: int | None = None  # None: another process leads

    def leads(self, store: Transactions, now_s: float) -> bool:
        """Whether this process leads; it beats, and looks whether it is to lead, when it is time. Raises: StoreFailed.

        Args: now_s: of a monotonic clock.
        """
        leads = self.term is not None
        if (leads and not self.is_due(now_s)) or (not leads and now_s - self._looked_s < LOOK_S):
            return leads
        self._looked_s = now_s
        with store.reading() as connection:
            row = leader_row(connection, self._table)
        if not self.may_lead(row, now_s):
            return False
        with store.writing() as connection:
            return self.keep(connection, now_s)

    def may_lead(self, row: LeaderRow, now_s: float) -> bool:
        """Whether `keep` would have this process lead. Args: row: as it was just read."""
        if row != self._seen:
            self._seen, self._seen_s = row, now_s
        if row.holder == self._holder and row.term == self.term:
            return True
        self.term = None
        return not row.holder or now_s - self._seen_s >= self._taken_over_s

    def keep(self, connection: Connection, now_s: float) -> bool:
        """Beat, or take over from who is dead, in a transaction that writes. Returns: whether this process leads.

        Args: now_s: of a monotonic clock.
        """
        row = leader_row(connection, self._table)
        if not self.may_lead(row, now_s):
            return False
        is_mine = row.term == self.term
        after = row._replace(beat=row.beat + 1) if is_mine else LeaderRow(self._holder, row.term + 1, 0)
        return self._change(connection, row, after, now_s)

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to look at who leads."""
        return now_s - self._beaten_s >= self._beat_s

    def resign(self, connection: Connection) -> None:
        """Let another process lead at once, in a transaction that writes."""
        if self.term is not None:
            columns = self._table.c
            held = (columns.holder == self._holder) & (columns.term == self.term)
            connection.execute(update(self._table).where(held).values(holder=""))
            self.term = None

    def check(self, connection: Connection) -> None:
        """Hold the row in a transaction that writes a decision. Raises: NotLeading."""
        columns = self._table.c
        held = (columns.holder == self._holder) & (columns.term == self.term)
        if self.term is None or not connection.execute(update(self._table).where(held).values(id=1)).rowcount:
            self.term = None
            raise NotLeading

    def _change(self, connection: Connection, before: LeaderRow, after: LeaderRow, now_s: float) -> bool:
        columns = self._table.c
        at = (columns.term == before.term) & (columns.beat == before.beat) & (columns.holder == before.holder)
        done = connection.execute(update(self._table).where(at).values(after._asdict())).rowcount
        self._beaten_s = now_s
        self.term = after.term if done else None
        if done:
            self._seen, self._seen_s = after, now_s
        return bool(done)


def leader_row(connection: Connection, table: Table) -> LeaderRow:
    """Who leads."""
    return LeaderRow(*connection.execute(select(*(table.c[name] for name in LeaderRow._fields))).one())
