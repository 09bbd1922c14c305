"""Sums of a rollout are those of the entries: in any order, by any batches, processes and kills, once each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, delete, event, select

from extproc.domain.rollout_gates import GATES
from extproc.domain.rollouts import BUCKETS, UNITS, Arm, RolloutArm
from extproc.ledger.entry import EntryOutcome, LedgerEntry
from extproc.ledger.rollouts.tables import EVENTS, LEFT_OUT, SUMS, UNITS_SEEN
from extproc.ledger.schema import ENTRIES, SPOOLS, row_of
from extproc.ledger.store import LedgerStore
from extproc.rollout.gates import LEFT_OUT_GATE, SAYS_NOTHING, left_out_as, observed_in
from tests.thorough import examples, share_of
from tests.unit.databases import new_ledger
from tests.unit.ledger.crashes import ShipperInTurn, killed_at_line, sink_of
from tests.unit.ledger.records import record_of
from tests.unit.ledger.samples import entry

RATES = frozenset(gate.name for gate in GATES if gate.is_rate)
LINES_MAX = 9_000
Rows = dict[tuple[Any, ...], tuple[Any, ...]]
Part = tuple[int, str]


def rows_of(store: LedgerStore, table: Table) -> Rows:
    """The rows of a table, by key."""
    keys = len(table.primary_key.columns)
    return {tuple(row.values())[:keys]: tuple(row.values())[keys:] for row in store.rows(select(table))}


def expected_sums(entries: Iterable[LedgerEntry]) -> Rows:
    """What entries add up to, computed here."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for one in entries:
        if one.rollout:
            for gate, values in observed_in(row_of(one)):
                place = (one.rollout, one.rollout_step, one.arm, gate, one.unit % BUCKETS)
                sums = found.setdefault(place, [0, 0.0, 0.0])
                for at, value in enumerate(values):
                    sums[at] += value
    return {place: tuple(sums) for place, sums in found.items()}


def parts_by_unit(entries: Iterable[LedgerEntry]) -> tuple[dict[Any, list[Part]], dict[Any, list[Part]]]:
    """Steps and arms in which a unit was seen, and had an event of a gate, in the order of the entries."""
    units: dict[Any, list[Part]] = {}
    events: dict[Any, list[Part]] = {}
    for one in entries:
        if one.rollout:
            part = one.rollout_step, one.arm
            units.setdefault((one.rollout, one.unit), []).append(part)
            if left_out_as(row_of(one)) in SAYS_NOTHING:
                events.setdefault((one.rollout, LEFT_OUT_GATE, one.unit), []).append(part)
            for gate, (_, total, _) in observed_in(row_of(one)):
                if gate in RATES and total:
                    events.setdefault((one.rollout, gate, one.unit), []).append(part)
    return units, events


def counted(entries: Iterable[LedgerEntry]) -> Counter[tuple[Any, ...]]:
    """Exchanges that are left out, by why."""
    reasons = [(one, left_out_as(row_of(one))) for one in entries if one.rollout]
    return Counter((one.rollout, one.rollout_step, one.arm, reason) for one, reason in reasons if reason)


def assert_sums_of(store: LedgerStore, entries: Sequence[LedgerEntry], note: str = "") -> None:
    """All tables say what the entries say, whatever their order was."""
    stored, expected = rows_of(store, SUMS), expected_sums(entries)
    assert stored.keys() == expected.keys(), note
    for place, sums in stored.items():
        assert sums == pytest.approx(expected[place], rel=1e-9, abs=1e-9), note
    assert {place: one for place, (one,) in rows_of(store, LEFT_OUT).items()} == counted(entries), note
    for table, parts in zip((UNITS_SEEN, EVENTS), parts_by_unit(entries), strict=True):
        found = rows_of(store, table)
        assert found.keys() == parts.keys(), note
        assert all(part in parts[place] for place, part in found.items()), note


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "rollout": st.sampled_from(["", "ro-1", "ro-2"]),
    "rollout_step": st.integers(0, 3),
    "arm": st.sampled_from([arm.value for arm in Arm]),
    "unit": st.sampled_from([0, 1, BUCKETS, UNITS - 1]),
    "outcome": st.sampled_from(list(EntryOutcome)),
    "chosen": st.sampled_from(["", "", "tiny/v1"]),
    "findings": st.sampled_from([{}, {"pii/response/EMAIL": 1}]),
    "signals": st.fixed_dictionaries({}, optional={"refused": st.just([1, 2]), "length": st.floats(1, 1e6)}),
}
ANY_ENTRIES = st.lists(st.fixed_dictionaries(VALUES), max_size=12).map(
    lambda several: [entry(exchange=f"e-{number}", **values) for number, values in enumerate(several)]
)


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(entries=ANY_ENTRIES, data=st.data())
def test_sums_are_those_of_the_entries(tmp_path_factory: pytest.TempPathFactory, entries: Any, data: Any) -> None:
    """For any order and batches, and batches that come twice; a unit has the part in which it came first."""
    store = new_ledger(tmp_path_factory.mktemp("store"))
    order = data.draw(st.permutations(entries))
    left = list(order)
    while left:
        size = data.draw(st.integers(1, len(left)))
        for _ in range(data.draw(st.integers(1, 2))):
            store.add(left[:size])
        left = left[size:]
    assert_sums_of(store, order)
    units, events = parts_by_unit(order)
    assert rows_of(store, UNITS_SEEN) == {place: parts[0] for place, parts in units.items()}
    assert rows_of(store, EVENTS) == {place: parts[0] for place, parts in events.items()}
    store.close()


def test_a_unit_has_one_first_event_for_each_gate(store: LedgerStore) -> None:
    """A second one is no coin: it neither counts nor moves the first, in whatever step and arm it is."""
    first = entry(exchange="1", chosen="", arm="stable", rollout_step=1, signals={"refused": [1, 1]}, findings={})
    later = entry(exchange="2", chosen="", arm="canary", rollout_step=2, signals={"refused": [1, 1], "empty": [1, 1]})
    for one in (first, later, first):
        store.add([one])
    unit = first.unit
    assert rows_of(store, EVENTS) == {
        ("ro-1", "refusal", unit): (1, "stable"),
        ("ro-1", "empty", unit): (2, "canary"),
        ("ro-1", "finding", unit): (2, "canary"),
    }
    assert rows_of(store, UNITS_SEEN) == {("ro-1", unit): (1, "stable")}


def test_several_processes_add_at_once(url: str, store: LedgerStore) -> None:
    """None waits for another for ever, and nothing is lost, though they add to the same rows in different orders."""
    arms = [arm.value for arm in Arm]
    entries = [
        entry(
            exchange=f"e-{number}",
            chosen="",
            rollout=f"ro-{number % 2}",
            arm=arms[number % 3 % 2],
            unit=number * 37 % 5,
            signals={"refused": [number % 2, 1], "empty": [1, 1], "length": 2.0},
        )
        for number in range(200)
    ]

    def add(several: list[LedgerEntry]) -> None:
        other = LedgerStore(url, Path("/"))
        for start in range(0, len(several), 10):
            other.add(several[max(start - 3, 0) : start + 10])
        other.close()

    threads = [Thread(target=add, args=(several,)) for several in (entries, entries[::-1])]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert store.count() == len(entries)
    assert_sums_of(store, entries)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # killed in a generator
def test_a_shipper_that_is_killed_at_any_line_counts_each_exchange_once(tmp_path: Path) -> None:
    """The entries, the sums and the place are one transaction."""
    sink = sink_of(tmp_path / "spool")
    for number, name in enumerate("abc"):
        record = record_of(
            name, arm=RolloutArm("ro-1", 1, Arm.CANARY, number % 2), findings={("g", "response", "K"): 1}
        )
        sink.exchange_sent(record)
        sink.exchange_ended(record)
    assert sink.turn()
    store, last, unkilled = LedgerStore("sqlite:///ledger.db", tmp_path), 0, 0
    for line in share_of(range(LINES_MAX), 13, os.getpid()):
        killed = killed_at_line(line, ShipperInTurn(tmp_path / "spool", store).ship)
        assert_sums_of(store, known(store), f"killed at line {line}")
        ShipperInTurn(tmp_path / "spool", store).ship()
        assert len(known(store)) == 3
        assert_sums_of(store, known(store), f"killed at line {line}, and shipped again")
        last, unkilled = line, 0 if killed else unkilled + 1
        if unkilled == 3:  # one alone may have been killed where nobody hears of it, in a generator
            break
        with store.writing() as connection:
            for table in (ENTRIES, SPOOLS, SUMS, EVENTS, UNITS_SEEN, LEFT_OUT):
                connection.execute(delete(table))
    assert 200 < last < LINES_MAX - 10
    store.close()
    sink.close()


def known(store: LedgerStore) -> list[LedgerEntry]:
    """The entries of a store."""
    return [one for one in map(store.get, "abc") if one is not None]


@pytest.mark.parametrize(
    "changed", [{"arm": ""}, {"arm": "other"}, {"rollout_step": -1}, {"unit": UNITS}, {"unit": -1}]
)
def test_what_is_no_part_in_a_rollout_counts_nothing(tmp_path: Path, changed: dict[str, Any]) -> None:
    """A damaged spool stops nothing."""
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    store.add([entry(**changed)])
    assert store.count() == 1
    assert [rows_of(store, table) for table in (SUMS, EVENTS, UNITS_SEEN, LEFT_OUT)] == [{}, {}, {}, {}]
    store.close()


def test_entries_without_a_rollout_cost_no_statement(store: LedgerStore) -> None:
    """And a batch with one costs one for each table."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "rollout_" in statement and "INTO ledger_entries" not in statement:
            statements.append(statement.split()[2])

    event.listen(store._database._engine, "before_cursor_execute", note)
    store.add([entry(exchange=f"{number}", rollout="", rollout_step=0, arm="", unit=0) for number in range(50)])
    assert statements == []
    store.add([entry(exchange=f"x{number}", unit=number, chosen="x" * (number % 2)) for number in range(50)])
    assert statements == ["rollout_sums", "rollout_events", "rollout_units", "rollout_left_out"]
