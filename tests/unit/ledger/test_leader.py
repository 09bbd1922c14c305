"""Who decides: one process at a time, and none that was thought dead."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Table

from extproc.ledger.allocation.sample_tables import SAMPLING_LEADER
from extproc.ledger.allocation.share_tables import ALLOCATION_LEADER
from extproc.ledger.leader import BEAT_S, TAKEN_OVER_S, Leadership, NotLeading, leader_row
from extproc.ledger.rollouts.tables import LEADER
from extproc.ledger.store import LedgerStore
from tests.thorough import examples
from tests.unit.databases import ledger_in_memory

MATTERS = (LEADER, SAMPLING_LEADER, ALLOCATION_LEADER)


@pytest.fixture(params=MATTERS, ids=lambda table: str(table.name))
def matter(request: pytest.FixtureRequest) -> Table:
    """Of which somebody is the leader."""
    table: Table = request.param
    return table


def keep(store: LedgerStore, process: Leadership, now_s: float) -> bool:
    """As a process does when it is due."""
    with store.writing() as connection:
        return process.keep(connection, now_s)


def test_the_first_one_leads_while_it_beats(store: LedgerStore, matter: Table) -> None:
    """Another one watches."""
    first, second = Leadership(matter, "one"), Leadership(matter, "two")
    assert keep(store, first, 0.0)
    for second_s in range(30):
        assert keep(store, first, second_s)
        assert not keep(store, second, 1_000.0 + second_s)  # its clock is another one
    with store.reading() as connection:
        assert leader_row(connection, matter)[:2] == ("one", 1)


def test_a_dead_one_is_replaced(store: LedgerStore, matter: Table) -> None:
    """After some seconds of the watcher's own clock, in a new term; the dead one then decides nothing."""
    first, second = Leadership(matter, "one"), Leadership(matter, "two")
    assert keep(store, first, 0.0)
    assert not keep(store, second, 50.0)
    assert not keep(store, second, 50.0 + TAKEN_OVER_S - 0.1)
    assert keep(store, second, 50.0 + TAKEN_OVER_S)
    with pytest.raises(NotLeading), store.writing() as connection:
        first.check(connection)
    assert not keep(store, first, 100.0)
    with store.writing() as connection:
        second.check(connection)
        assert leader_row(connection, matter)[:2] == ("two", 2)


def test_one_that_ends_is_replaced_at_once(store: LedgerStore, matter: Table) -> None:
    """It says so."""
    first, second = Leadership(matter, "one"), Leadership(matter, "two")
    assert keep(store, first, 0.0)
    with store.writing() as connection:
        first.resign(connection)
    assert keep(store, second, 0.0)
    assert first.term is None


def test_it_beats_once_a_second(store: LedgerStore, matter: Table) -> None:
    """Each beat is a transaction."""
    process = Leadership(matter, "one")
    assert process.is_due(0.0)
    keep(store, process, 0.0)
    assert not process.is_due(BEAT_S / 2)
    assert process.is_due(BEAT_S)


def test_two_matters_have_leaders_of_their_own(store: LedgerStore) -> None:
    """Who decides rollouts need not ask model servers."""
    deciding, asking = (Leadership(table, "one") for table in (LEADER, SAMPLING_LEADER))
    assert keep(store, deciding, 0.0)
    assert keep(store, Leadership(SAMPLING_LEADER, "two"), 0.0)
    assert not keep(store, asking, 0.0)
    assert keep(store, deciding, 1.0)


def test_a_matter_that_needs_no_haste_beats_more_slowly(store: LedgerStore, matter: Table) -> None:
    """And is taken over later."""
    first, second = Leadership(matter, "one", 5.0, 20.0), Leadership(matter, "two", 5.0, 20.0)
    assert keep(store, first, 0.0)
    assert not first.is_due(4.9)
    assert not keep(store, second, 100.0)
    assert not keep(store, second, 119.9)
    assert keep(store, second, 120.0)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 6)), max_size=40))
def test_no_two_decide_in_one_term(moves: list[tuple[int, float]]) -> None:
    """Whoever does what when, and however their clocks differ: a decision needs the newest term, which one has."""
    engine = ledger_in_memory()
    processes, clocks = [Leadership(MATTERS[0], name) for name in "abc"], [0.0, 500.0, 9_000.0]
    with engine.begin() as connection:
        terms: dict[int, int] = {}
        for who, pause_s in moves:
            clocks[who] += pause_s
            if processes[who].keep(connection, clocks[who]):
                term = processes[who].term
                assert term is not None
                assert terms.setdefault(term, who) == who
            for other, process in enumerate(processes):
                may = process.term is not None and process.term == leader_row(connection, MATTERS[0]).term
                assert not may or terms[process.term or 0] == other
