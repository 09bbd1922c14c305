"""Samples in the store: a row an hour, added to again and again, and read by time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, insert, select, update

from extproc.allocation.server_samples import UNKNOWN, ServerSample, ServerSamples
from extproc.ledger.allocation.sample_tables import GPU_SERVERS, HOUR_US, SERVER_SAMPLES
from extproc.ledger.allocation.samples import SAMPLES_MAX, UnreadableSamples
from extproc.ledger.allocation.share_tables import GPU_DAYS
from extproc.ledger.allocation.stored_samples import (
    GpuFacts,
    ServerProcess,
    add_samples,
    forget_samples,
    last_facts,
    note_facts,
    note_unanswered,
    read_samples,
    sampled_servers,
    samples_around,
)
from extproc.ledger.store import LedgerStore
from tests.thorough import examples
from tests.unit.databases import ledger_in_memory

SERVER, OTHER = "10.0.0.7:8000", "vllm-7"
BEGIN_US = 500_000 * HOUR_US


def samples_at(*times_us: int, written: int = 0) -> ServerSamples:
    """Samples at times after the first hour began."""
    return ServerSamples.of([ServerSample(BEGIN_US + at_us, written=written + at_us) for at_us in times_us])


def rows(store: LedgerStore) -> dict[tuple[str, int], int]:
    """How many samples each row has; hours are counted from the first one."""
    with store.reading() as connection:
        query = select(SERVER_SAMPLES.c.server, SERVER_SAMPLES.c.hour_us, SERVER_SAMPLES.c.samples)
        return {(server, (hour - BEGIN_US) // HOUR_US): count for server, hour, count in connection.execute(query)}


def times(found: ServerSamples) -> list[int]:
    """After the first hour began."""
    return [at_us - BEGIN_US for at_us in found.at_us.tolist()]


def test_each_hour_of_a_server_is_a_row(store: LedgerStore) -> None:
    """However its samples come: some again, and some between others."""
    with store.writing() as connection:
        assert add_samples(connection, SERVER, samples_at(0, 15, HOUR_US - 1, HOUR_US, 3 * HOUR_US + 5)) == []
        assert add_samples(connection, SERVER, samples_at(7, 15, HOUR_US + 30)) == []
        assert add_samples(connection, OTHER, samples_at(9)) == []
        assert add_samples(connection, OTHER, samples_at()) == []
    assert rows(store) == {(SERVER, 0): 4, (SERVER, 1): 2, (SERVER, 3): 1, (OTHER, 0): 1}
    with store.reading() as connection:
        everything = read_samples(connection, SERVER, 0, BEGIN_US + 9 * HOUR_US)
        assert times(everything) == [0, 7, 15, HOUR_US - 1, HOUR_US, HOUR_US + 30, 3 * HOUR_US + 5]
        assert everything.written.tolist() == times(everything)
        part = read_samples(connection, SERVER, BEGIN_US + 7, BEGIN_US + HOUR_US)
        assert times(part) == [7, 15, HOUR_US - 1]
        assert times(read_samples(connection, "nobody", 0, 1 << 60)) == []


@settings(max_examples=examples(30), deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 5 * HOUR_US), max_size=6), max_size=6),
    st.integers(-HOUR_US, 6 * HOUR_US),
    st.integers(-HOUR_US, 6 * HOUR_US),
)
def test_what_was_added_is_read(parts: list[list[int]], begin_us: int, end_us: int) -> None:
    """In any parts, at any borders."""
    engine = ledger_in_memory()
    with engine.begin() as connection:
        for part in parts:
            add_samples(connection, SERVER, samples_at(*part))
        found = read_samples(connection, SERVER, BEGIN_US + begin_us, BEGIN_US + end_us)
        assert times(found) == sorted({one for part in parts for one in part if begin_us <= one < end_us})


def test_a_later_sample_of_one_time_counts(store: LedgerStore) -> None:
    """It is written again after a store that did not answer."""
    with store.writing() as connection:
        add_samples(connection, SERVER, samples_at(5, written=1))
        add_samples(connection, SERVER, samples_at(5, written=2))
        assert read_samples(connection, SERVER, 0, 1 << 60).written.tolist() == [7]


def test_a_row_is_bounded(store: LedgerStore) -> None:
    """If several processes ask against all expectation, the oldest of an hour go."""
    with store.writing() as connection:
        add_samples(connection, SERVER, samples_at(*range(SAMPLES_MAX)))
        add_samples(connection, SERVER, samples_at(*range(SAMPLES_MAX, SAMPLES_MAX + 10)))
        assert times(read_samples(connection, SERVER, 0, 1 << 60)) == list(range(10, SAMPLES_MAX + 10))


def test_a_row_of_another_release_stays_as_it_is(store: LedgerStore) -> None:
    """It is told, and other hours are stored; who reads it is told too."""
    with store.writing() as connection:
        add_samples(connection, SERVER, samples_at(5))
        connection.execute(update(SERVER_SAMPLES).values(content=b"\x02\x01\x01\x00\x00\x00later"))
        problems = add_samples(connection, SERVER, samples_at(7, HOUR_US))
        assert problems == [
            "gpus: samples of 10.0.0.7:8000 cannot be added: samples of format 2, and this release knows 1"
        ]
        assert times(read_samples(connection, SERVER, BEGIN_US + HOUR_US, 1 << 60)) == [HOUR_US]
        with pytest.raises(UnreadableSamples, match="format 2"):
            read_samples(connection, SERVER, 0, 1 << 60)
        around = samples_around(connection, SERVER, BEGIN_US, BEGIN_US + 2 * HOUR_US)
        assert times(around) == [HOUR_US]


def test_samples_around_a_time_go_on_to_the_next_ones_on_both_sides(store: LedgerStore) -> None:
    """However long nobody asked."""
    with store.writing() as connection:
        add_samples(connection, SERVER, samples_at(0, 10, 5 * HOUR_US, 20 * HOUR_US, 30 * HOUR_US))
        around = samples_around(connection, SERVER, BEGIN_US + 7 * HOUR_US, BEGIN_US + 9 * HOUR_US)
        assert times(around) == [5 * HOUR_US, 20 * HOUR_US]
        first = samples_around(connection, SERVER, BEGIN_US + 5, BEGIN_US + 20)
        assert times(first) == [0, 10, 5 * HOUR_US]
        assert times(samples_around(connection, "nobody", 0, 1 << 60)) == []


def test_servers_of_a_time(store: LedgerStore) -> None:
    """Also one that was asked only before and behind."""
    with store.writing() as connection:
        add_samples(connection, OTHER, samples_at(0, 9 * HOUR_US))
        add_samples(connection, SERVER, samples_at(5 * HOUR_US))

        def servers(first: int, last: int) -> list[str]:
            return sampled_servers(connection, BEGIN_US + first * HOUR_US, BEGIN_US + last * HOUR_US)

        assert servers(3, 4) == [OTHER]
        assert servers(3, 6) == [SERVER, OTHER]
        assert servers(10, 12) == []
        assert servers(-3, 0) == []


def test_old_rows_are_forgotten(store: LedgerStore) -> None:
    """Whole hours, that are over."""
    with store.writing() as connection:
        add_samples(connection, SERVER, samples_at(0, HOUR_US, 2 * HOUR_US))
        assert forget_samples(connection, BEGIN_US + 2 * HOUR_US - 1) == 1
        assert times(read_samples(connection, SERVER, 0, 1 << 60)) == [HOUR_US, 2 * HOUR_US]
        assert forget_samples(connection, BEGIN_US + 2 * HOUR_US) == 1


def test_gpus_of_a_server_are_noted_when_they_change(store: LedgerStore) -> None:
    """So that a bill of last month does not follow today's configuration."""
    two, four = GpuFacts("vllm-a:8000", 2, "H100", "h100"), GpuFacts("vllm-a:8000", 4, "H100", "h100")
    with store.writing() as connection:
        assert last_facts(connection, SERVER) is None
        for since_us, facts in ((5, two), (6, two), (9, four), (12, four), (20, two)):
            note_facts(connection, SERVER, facts, since_us)
        assert last_facts(connection, SERVER) == two
        query = select(GPU_SERVERS.c.since_us, GPU_SERVERS.c.gpus).order_by(GPU_SERVERS.c.since_us)
        assert [tuple(row) for row in connection.execute(query)] == [(5, 2), (9, 4), (20, 2)]
        note_facts(connection, SERVER, four, 20)
        assert connection.execute(select(func.count()).select_from(GPU_SERVERS)).scalar_one() == 3
        assert last_facts(connection, SERVER) == four


def noted(connection: Connection) -> list[tuple[int, int]]:
    """Since when which number of GPUs."""
    query = select(GPU_SERVERS.c.since_us, GPU_SERVERS.c.gpus).order_by(GPU_SERVERS.c.since_us)
    return [tuple(row) for row in connection.execute(query)]


TWO, FOUR = GpuFacts("vllm-a:8000", 2, "H100", ""), GpuFacts("vllm-a:8000", 4, "A100", "")
NOT_KNOWN = GpuFacts.unknown("vllm-a:8000")


@pytest.mark.parametrize(
    ("process", "since_us"),
    [
        (ServerProcess((90, 0), 100, 90), 100),  # the same one, of which nothing was known
        (ServerProcess((90, 0), 130, 90), 100),  # likewise; another process asked from then on
        (ServerProcess((120, 0), 120, 120), 120),  # one that began after it
        (ServerProcess((UNKNOWN, 0), 100, UNKNOWN), 100),
        (ServerProcess((UNKNOWN, 1), 130, UNKNOWN), 130),  # that does not say when it began: it may be another one
    ],
)
def test_what_becomes_known_of_a_process_holds_for_all_of_it(
    store: LedgerStore, process: ServerProcess, since_us: int
) -> None:
    """And for no other one at its address."""
    with store.writing() as connection:
        note_facts(connection, SERVER, TWO, 10)
        note_facts(connection, SERVER, NOT_KNOWN, 100, ServerProcess(process.key, 100, UNKNOWN))
        note_facts(connection, SERVER, FOUR, 140, process)
        assert [row for row in noted(connection) if row[1]] == [(10, 2), (since_us, 4)]


def test_what_a_process_had_is_not_replaced(store: LedgerStore) -> None:
    """The configuration said it; its pod says something else from now on."""
    process = ServerProcess((5, 0), 10, 5)
    with store.writing() as connection:
        note_facts(connection, SERVER, TWO, 10)
        note_facts(connection, SERVER, FOUR, 140, process)
        assert noted(connection) == [(10, 2), (140, 4)]


def test_until_a_pod_is_looked_up_only_its_own_past_is_known(store: LedgerStore) -> None:
    """Not that of the process before, which had the same address."""
    with store.writing() as connection:
        note_unanswered(connection, SERVER, "vllm-a:8000", 10, ServerProcess((5, 0), 10, 5))
        assert noted(connection) == [(10, 0)]
        note_facts(connection, SERVER, TWO, 30, ServerProcess((5, 0), 10, 5))
        note_unanswered(connection, SERVER, "vllm-a:8000", 40, ServerProcess((5, 0), 35, 5))
        assert noted(connection) == [(10, 2)]
        note_unanswered(connection, SERVER, "vllm-a:8000", 50, ServerProcess((45, 0), 45, 45))
        assert noted(connection) == [(10, 2), (45, 0)]


def test_days_since_then_are_read_again(store: LedgerStore) -> None:
    """Though the ledger has no new entries; until then they are as they were allocated."""
    with store.writing() as connection:
        for begin_us in (0, 100, 200):
            connection.execute(
                insert(GPU_DAYS).values(begin_us=begin_us, method="even_ps", end_us=begin_us + 100, entries=7)
            )
        note_facts(connection, SERVER, TWO, 150)
        query = select(GPU_DAYS.c.begin_us, GPU_DAYS.c.entries).order_by(GPU_DAYS.c.begin_us)
        assert [tuple(row) for row in connection.execute(query)] == [(0, 7), (100, -1), (200, -1)]
        connection.execute(update(GPU_DAYS).values(entries=8))
        note_facts(connection, SERVER, TWO, 160)  # which is nothing new
        assert {row.entries for row in connection.execute(query)} == {8}


def test_arrays_are_whole_numbers(store: LedgerStore) -> None:
    """Money is made of them."""
    with store.writing() as connection:
        add_samples(connection, SERVER, samples_at(5))
        assert {column.dtype for column in read_samples(connection, SERVER, 0, 1 << 60)} == {np.dtype(np.int64)}
