"""Sums are those of the entries: in any order, by any batches, workers and kills, once each."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select

from extproc.domain.signals import RATES, REFUSED, VALUES, AnswerSignals
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.places import SpoolPlace
from extproc.ledger.quality.adding import ANSWERS, OF_OTHERS, SumsPlace, sums_of
from extproc.ledger.quality.blocks import blocks_row, close_block, take_block
from extproc.ledger.quality.sums import READ, move_to_read
from extproc.ledger.quality.tables import STRATA, SUMS
from extproc.ledger.schema import ENTRIES, SPOOLS, row_of
from extproc.ledger.store import LedgerStore
from tests.thorough import examples, share_of
from tests.unit.databases import new_ledger
from tests.unit.ledger.crashes import ShipperInTurn, killed_at_line, sink_of
from tests.unit.ledger.records import record_of
from tests.unit.ledger.samples import NOON_US, entry

HOUR_US = 3_600_000_000
LINES_MAX = 6_000
Sums = dict[SumsPlace, tuple[float, float, float]]


def stored(store: LedgerStore) -> Sums:
    """All sums of a store, whatever their block."""
    found: dict[SumsPlace, list[float]] = {}
    for row in store.rows(select(SUMS)):
        one = found.setdefault(SumsPlace(*(row[name] for name in SumsPlace._fields)), [0.0, 0.0, 0.0])
        for place, name in enumerate(("count", "total", "squares")):
            one[place] += row[name]
    return {place: (one[0], one[1], one[2]) for place, one in found.items()}


def expected(entries: Iterable[LedgerEntry]) -> Sums:
    """The sums of entries, computed here."""
    found: Sums = {}
    for one in entries:
        values: dict[str, tuple[float, float, float]] = {ANSWERS: (1, 0, 0)} if one.signals else {}
        for name, value in one.signals.items():
            if isinstance(value, list):
                values[name] = (value[1], value[0], value[0])
            elif value > 0:
                values[name] = (1, math.log(value), math.log(value) ** 2)
        for name, more in values.items():
            hour_us = one.ended_at_us - one.ended_at_us % HOUR_US
            series = (one.model, one.version, one.fingerprint, one.prompt_fingerprint)
            place = SumsPlace(*series, hour_us, one.route, one.team, name)
            before = found.get(place, (0.0, 0.0, 0.0))
            found[place] = (before[0] + more[0], before[1] + more[1], before[2] + more[2])
    return found


def alike(one: Sums, another: Sums) -> bool:
    """Counts and rates exactly, logarithms but for rounding."""
    return one.keys() == another.keys() and all(
        one[place][0] == another[place][0] and one[place][1:] == pytest.approx(another[place][1:], rel=1e-9, abs=1e-9)
        for place in one
    )


SIGNALS = st.fixed_dictionaries(
    {},
    optional={
        "refused": st.tuples(st.integers(0, 2), st.integers(2, 3)).map(list),
        "bad_call": st.just([1, 4]),
        "length": st.floats(0, 1e6, allow_subnormal=False),
        "similarity": st.sampled_from([0.0, 0.25, 1.0]),
    },
)
VALUES_OF_ENTRY: dict[str, st.SearchStrategy[Any]] = {
    "signals": SIGNALS,
    "team": st.sampled_from(["search", "hr", ""]),
    "route": st.sampled_from(["", "night"]),
    "version": st.sampled_from(["v1", "v2"]),
    "ended_at_us": st.integers(NOON_US, NOON_US + 3 * HOUR_US),
}
ANY_ENTRIES = st.lists(st.fixed_dictionaries(VALUES_OF_ENTRY), max_size=12).map(
    lambda several: [entry(exchange=f"e-{number}", **values) for number, values in enumerate(several)]
)


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(entries=ANY_ENTRIES, data=st.data())
def test_sums_are_those_of_the_entries(tmp_path_factory: pytest.TempPathFactory, entries: Any, data: Any) -> None:
    """For any order and batches, with blocks closed and read in between, and batches that come twice."""
    store = new_ledger(tmp_path_factory.mktemp("store"))
    store.strata_max = 99
    order = data.draw(st.permutations(entries))
    while order:
        size = data.draw(st.integers(1, len(order)))
        for _ in range(data.draw(st.integers(1, 2))):
            store.add(order[:size])
        order = order[size:]
        if data.draw(st.booleans()):
            with store.writing() as connection:
                blocks = blocks_row(connection)
                close_block(connection, blocks, NOON_US)
                move_to_read(connection, blocks.open_block)
    assert alike(stored(store), expected(entries))
    store.close()


def test_several_processes_add_at_once(url: str, store: LedgerStore) -> None:
    """None waits for another for ever, and nothing is lost; blocks are closed meanwhile."""
    entries = [
        entry(exchange=f"e-{number}", team=f"t{number % 5}", signals={"refused": [number % 2, 1], "length": 2.0})
        for number in range(200)
    ]

    def add(first: int) -> None:
        other = LedgerStore(url, Path("/"))
        other.strata_max = 99
        for start in range(first, len(entries), 20):
            other.add(entries[start : start + 10] + entries[max(start - 3, 0) : start])
            with other.writing() as connection:
                found = blocks_row(connection)
                close_block(connection, found, NOON_US)
                if found.closed is not None and take_block(connection, found.closed):
                    move_to_read(connection, found.closed)
        other.close()

    threads = [Thread(target=add, args=(first,)) for first in (0, 10)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert store.count() == len(entries)
    assert alike(stored(store), expected(entries))
    with store.reading() as connection:
        read = blocks_row(connection).read_block
    assert read > 3
    late = select(SUMS.c.block).where((SUMS.c.block != READ) & (SUMS.c.block <= read))
    assert store.rows(late) == [], "added to a block that was read"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # killed in a generator
def test_a_shipper_that_is_killed_at_any_line_counts_each_answer_once(tmp_path: Path) -> None:
    """The entries, the sums and the place are one transaction."""
    sink = sink_of(tmp_path / "spool")
    for name in "abc":
        record = record_of(name, signals=signals_of(refused=name == "b"))
        sink.exchange_sent(record)
        sink.exchange_ended(record)
    assert sink.turn()
    store, last, unkilled = opened(tmp_path), 0, 0
    for line in share_of(range(LINES_MAX), 19, os.getpid()):
        killed = killed_at_line(line, ShipperInTurn(tmp_path / "spool", store).ship)
        assert alike(stored(store), expected(known(store))), f"killed at line {line}"
        ShipperInTurn(tmp_path / "spool", store).ship()
        assert len(known(store)) == 3
        assert alike(stored(store), expected(known(store))), f"killed at line {line}, and shipped again"
        last, unkilled = line, 0 if killed else unkilled + 1
        if unkilled == 3:  # one alone may have been killed where nobody hears of it, in a generator
            break
        with store.writing() as connection:
            for table in (ENTRIES, SPOOLS, SUMS, STRATA):
                connection.execute(delete(table))
    assert 200 < last < LINES_MAX - 10
    store.close()
    sink.close()


def known(store: LedgerStore) -> list[LedgerEntry]:
    """The entries of a store."""
    return [one for one in map(store.get, "abc") if one is not None]


def opened(folder: Path) -> LedgerStore:
    """A store with sums."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    store.strata_max = 99
    return store


def signals_of(refused: bool) -> AnswerSignals:
    """Of an answer."""
    signals = AnswerSignals()
    signals.judge(REFUSED, refused)
    signals.values["length"] = 12.0
    return signals


def test_no_signal_has_the_name_of_the_count() -> None:
    """Which is in the same column."""
    assert ANSWERS not in {one.name for one in (*RATES, *VALUES)}


@pytest.mark.parametrize(
    "signals",
    [
        {"refused": [2, 1]},
        {"refused": [-1, 1]},
        {"refused": [0, 0]},
        {"refused": [True, True]},
        {"refused": [0.5, 1]},
        {"refused": 1.0},
        {"refused": [1]},
        {"refused": [1, 1 << 40]},
        {"length": 0.0},
        {"length": -1.0},
        {"length": float("nan")},
        {"length": float("inf")},
        {"length": "7"},
        {"length": [1, 1]},
        {"length": None},
        {"of_another_release": [1, 1]},
    ],
)
def test_what_is_no_number_counts_as_an_answer_alone(signals: Mapping[str, Any]) -> None:
    """A damaged spool stops nothing, and a value of 0 has no logarithm."""
    assert {place.signal for place in sums_of([row_of(entry(signals=signals))])} == {ANSWERS}


def test_strata_beyond_the_maximum_are_counted_together(store: LedgerStore) -> None:
    """Those that came first keep sums of their own."""
    store.strata_max = 2
    for number, team in enumerate(["a", "b", "c", "a", "d"]):
        store.add([entry(exchange=f"{number}", team=team)])
    found = {(place.route, place.team): size[0] for place, size in stored(store).items() if place.signal == ANSWERS}
    assert found == {("night", "a"): 2, ("night", "b"): 1, OF_OTHERS: 2}
    assert len(store.rows(select(STRATA))) == 2


def test_without_drift_there_are_no_sums(store: LedgerStore) -> None:
    """Who does not ask for them pays nothing."""
    store.add([entry()])
    assert stored(store) == {}


def test_a_batch_adds_its_sums_in_few_statements(store: LedgerStore) -> None:
    """However many answers it has: the open block, the strata, one insert of all rows; and new strata once."""
    store.strata_max = 8
    statements: list[str] = []
    listen = store._database._engine

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "quality" in statement:
            statements.append(statement.split()[0])

    event.listen(listen, "before_cursor_execute", note)
    store.add_of_spool([entry(exchange=f"{number}", team=f"t{number % 3}") for number in range(300)], SpoolPlace("p"))
    first = list(statements)
    statements.clear()
    store.add_of_spool([entry(exchange=f"x{number}", team=f"t{number % 3}") for number in range(300)], SpoolPlace("p"))
    assert first.count("INSERT") == 2
    assert statements == ["SELECT", "SELECT", "INSERT"]
