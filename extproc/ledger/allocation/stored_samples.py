"""Samples of servers in the database of the ledger: a row for each server and hour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

from sqlalchemy import Connection, delete, func, select, update

from extproc.allocation.server_samples import UNKNOWN, ServerSamples
from extproc.ledger.allocation.sample_tables import GPU_SERVERS, HOUR_US, SERVER_SAMPLES
from extproc.ledger.allocation.samples import SAMPLES_MAX, UnreadableSamples, decode_samples, encode_samples
from extproc.ledger.allocation.share_tables import GPU_DAYS, TO_READ_AGAIN
from extproc.ledger.slots import insert_into


class GpuFacts(NamedTuple):
    """What the configuration has of a server, or its pod says.

    Attributes:
        gpus: 0: not known, nor is their kind.
        price: name of a price; empty: that of its kind.
    """

    endpoint: str
    gpus: int
    kind: str
    price: str

    @classmethod
    def unknown(cls, endpoint: str) -> Self:
        """Of a server whose pod says nothing."""
        return cls(endpoint, 0, "", "")


class ServerProcess(NamedTuple):
    """A process of a server, as its samples show it.

    Attributes:
        key: no other process of the server has it.
        since_us: its first sample, or when it started if that was seen. [us since 1970]
        start_us: when it started, by its own clock; ``UNKNOWN``: it does not say.
    """

    key: tuple[int, int]
    since_us: int
    start_us: int

    def ran_at(self, time_us: int) -> bool:
        """Whether it ran before its first sample, at a time at which its address had some process."""
        return UNKNOWN < self.start_us <= time_us


def add_samples(connection: Connection, server: str, samples: ServerSamples) -> list[str]:
    """Add samples to the rows of their hours, in a transaction that writes; of one time the later one counts.

    Returns: sentences about rows that cannot be changed: another release wrote them, or they are damaged. They stay.
    """
    problems = []
    for hour_us, part in _by_hour(samples):
        try:
            _add_to_hour(connection, server, hour_us, part)
        except UnreadableSamples as unreadable:
            problems.append(f"gpus: samples of {server} cannot be added: {unreadable}")
    return problems


def read_samples(
    connection: Connection, server: str, begin_us: int, end_us: int, *, skips_unreadable: bool = False
) -> ServerSamples:
    """The samples of a server between two times. Raises: UnreadableSamples.

    Args: skips_unreadable: a row that cannot be read is a gap.
    """
    rows = SERVER_SAMPLES.c
    query = select(rows.content).where(rows.server == server, rows.hour_us > begin_us - HOUR_US, rows.hour_us < end_us)
    found = []
    for content in connection.execute(query.order_by(rows.hour_us)).scalars():
        try:
            found.append(decode_samples(content))
        except UnreadableSamples:
            if not skips_unreadable:
                raise
    return ServerSamples.joined(found).between(begin_us, end_us)


def samples_around(connection: Connection, server: str, begin_us: int, end_us: int) -> ServerSamples:
    """Those between two times, with the rows before and behind, however far away: a server whose process is the same
    in both was there meanwhile. A row that cannot be read is a gap; the process that asks has told it.
    """
    rows = SERVER_SAMPLES.c
    first, last = begin_us - begin_us % HOUR_US, end_us - end_us % HOUR_US
    before = select(func.max(rows.hour_us)).where(rows.server == server, rows.hour_us < first)
    behind = select(func.min(rows.hour_us)).where(rows.server == server, rows.hour_us > last)
    earliest, latest = connection.execute(before).scalar(), connection.execute(behind).scalar()
    begin = first if earliest is None else earliest
    end = (last if latest is None else latest) + HOUR_US
    return read_samples(connection, server, begin, end, skips_unreadable=True)


def sampled_servers(connection: Connection, begin_us: int, end_us: int) -> list[str]:
    """Servers of which there is any sample that may say something of a time, in order."""
    rows = SERVER_SAMPLES.c
    spans = select(rows.server, func.min(rows.hour_us), func.max(rows.hour_us)).group_by(rows.server)
    return [
        server
        for server, first, last in connection.execute(spans.order_by(rows.server))
        if first < end_us and last + HOUR_US > begin_us
    ]


def forget_samples(connection: Connection, before_us: int) -> int:
    """Delete rows of hours that ended before a time, in a transaction that writes. Returns: how many."""
    return connection.execute(delete(SERVER_SAMPLES).where(SERVER_SAMPLES.c.hour_us <= before_us - HOUR_US)).rowcount


def note_facts(
    connection: Connection, server: str, facts: GpuFacts, since_us: int, process: ServerProcess | None = None
) -> None:
    """Note which GPUs a server has, if that is new, in a transaction that writes.

    Args: since_us: from when on. process: that has them, if its pod says so: it had the same all its life, so they
        replace what was not known of it.
    """
    last_us, last = _last_row(connection, server)
    if last == facts:
        return
    if process is not None:
        if last is None or last.gpus:
            since_us = process.since_us if process.since_us > last_us else since_us
        else:
            since_us = last_us if process.ran_at(last_us) else max(process.since_us, last_us)
    values = {"server": server, "since_us": since_us, **facts._asdict()}
    statement = insert_into(connection, GPU_SERVERS).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["server", "since_us"], set_=values))
    # What was allocated from then on is read again, though the ledger may have no new entries.
    connection.execute(update(GPU_DAYS).where(GPU_DAYS.c.end_us > since_us).values(entries=TO_READ_AGAIN))


def note_unanswered(connection: Connection, server: str, endpoint: str, since_us: int, process: ServerProcess) -> None:
    """Note that nobody has said yet which GPUs a process has, in a transaction that writes.

    What was known of it before stays. What was known of another process at its address does not.
    """
    last_us, last = _last_row(connection, server)
    if last is None or not process.ran_at(last_us):
        note_facts(connection, server, GpuFacts.unknown(endpoint), since_us, process)


def last_facts(connection: Connection, server: str) -> GpuFacts | None:
    """Which GPUs a server has, as far as is known; None: it was never asked."""
    return _last_row(connection, server)[1]


def _last_row(connection: Connection, server: str) -> tuple[int, GpuFacts | None]:
    columns = GPU_SERVERS.c
    query = select(columns.since_us, columns.endpoint, columns.gpus, columns.kind, columns.price)
    row = connection.execute(query.where(columns.server == server).order_by(columns.since_us.desc()).limit(1)).first()
    return (UNKNOWN, None) if row is None else (row.since_us, GpuFacts(*row[1:]))


def _by_hour(samples: ServerSamples) -> Iterator[tuple[int, ServerSamples]]:
    hours = samples.at_us - samples.at_us % HOUR_US
    for hour_us in sorted(set(hours.tolist())):
        yield hour_us, samples.between(hour_us, hour_us + HOUR_US)


def _add_to_hour(connection: Connection, server: str, hour_us: int, samples: ServerSamples) -> None:
    """Raises: UnreadableSamples."""
    rows = SERVER_SAMPLES.c
    query = select(rows.content).where(rows.server == server, rows.hour_us == hour_us).with_for_update()
    stored = connection.execute(query).scalar_one_or_none()
    if stored is not None:
        samples = ServerSamples.joined([decode_samples(stored), samples])
    first = max(len(samples.at_us) - SAMPLES_MAX, 0)  # of two processes that both ask, against all expectation
    samples = ServerSamples(*(column[first:] for column in samples))
    changed = {"samples": len(samples.at_us), "content": encode_samples(samples)}
    values = {"server": server, "hour_us": hour_us, **changed}
    statement = insert_into(connection, SERVER_SAMPLES).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["server", "hour_us"], set_=changed))
