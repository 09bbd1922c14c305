"""Shipping: nothing is lost and nothing is twice, wherever processes are killed; damage is told and kept aside."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from extproc.database.engine import StoreFailed
from extproc.ledger.backlog import oldest_unshipped_s
from extproc.ledger.entry import EntryOutcome
from extproc.ledger.segments import segment_file, segments_of
from extproc.ledger.shipper import DAMAGED
from extproc.ledger.sink import LedgerSink
from extproc.ledger.spool import OPEN, process_folders
from tests.thorough import examples, share_of
from tests.unit.ledger.crashes import MemoryStore, ShipperInTurn, kill, killed_at_line, sink_of
from tests.unit.ledger.records import record_of

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # killed in a generator
DIED, COMPLETED = EntryOutcome.PROCESSOR_DIED, EntryOutcome.COMPLETED


def ended(sink: LedgerSink, *exchanges: str) -> None:
    """Exchanges that were completed, and are in the spool."""
    for exchange in exchanges:
        record = record_of(exchange)
        sink.exchange_sent(record)
        sink.exchange_ended(record)
    assert sink.turn()


class AnyCrash(RuleBasedStateMachine):
    """Processors and shippers that are killed at any line, in any order."""

    sinks = Bundle("sinks")
    exchanges = Bundle("exchanges")

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="ledger-"))
        self.store = MemoryStore(entries_max=2)
        self.shipper = ShipperInTurn(self.root, self.store)
        self.number = 0
        self.alive: list[LedgerSink] = []
        self.open: dict[str, LedgerSink] = {}
        self.expected: dict[str, EntryOutcome] = {}
        self.small = patch("extproc.ledger.spool.SEGMENT_BYTES", 1_500)
        self.small.start()

    def teardown(self) -> None:
        """In the end everything is stored, once, and every folder is gone."""
        try:
            for sink in self.alive:
                kill(sink)
            for exchange in self.open:
                self.expected[exchange] = DIED
            self.shipper.ship()
            self.shipper.ship()
            assert outcomes(self.store) == self.expected
            assert list(process_folders(self.root)) == []
            for place in self.store.known_places.values():
                assert (place.sequence, place.damaged) == (place.entries + place.repeated, 0)
        finally:
            self.small.stop()
            shutil.rmtree(self.root)

    def is_killed(self, sink: LedgerSink) -> None:
        """What it had open is an entry of its own from now on."""
        kill(sink)
        self.alive.remove(sink)
        for exchange in [name for name, owner in self.open.items() if owner is sink]:
            del self.open[exchange]
            self.expected[exchange] = DIED

    @rule(target=sinks)
    def start(self) -> LedgerSink:
        """A processor."""
        sink = sink_of(self.root, open_max=64)
        self.alive.append(sink)
        return sink

    @rule(target=exchanges, sink=sinks)
    def begin(self, sink: LedgerSink) -> str:
        """An exchange."""
        self.number += 1
        exchange = f"x-{self.number}"
        if sink in self.alive:
            sink.exchange_sent(record_of(exchange))
            self.open[exchange] = sink
        return exchange

    @rule(exchange=consumes(exchanges))
    def end(self, exchange: str) -> None:
        """It is completed, where its processor lives."""
        sink = self.open.pop(exchange, None)
        if sink is not None:
            sink.exchange_ended(record_of(exchange))
            self.expected[exchange] = COMPLETED

    @rule(sink=sinks)
    def turn(self, sink: LedgerSink) -> None:
        """Its thread looks at the queue."""
        if sink in self.alive:
            sink.turn()

    @rule(sink=sinks, line=st.integers(0, 120))
    def turn_and_die(self, sink: LedgerSink, line: int) -> None:
        """It is killed meanwhile."""
        if sink in self.alive and killed_at_line(line, sink.turn):
            self.is_killed(sink)

    @rule(sink=consumes(sinks))
    def die(self, sink: LedgerSink) -> None:
        """It is killed."""
        if sink in self.alive:
            self.is_killed(sink)

    @rule(sink=consumes(sinks))
    def stop(self, sink: LedgerSink) -> None:
        """It drains: what it has open ends as if its clients had left."""
        if sink in self.alive:
            for exchange in [name for name, owner in self.open.items() if owner is sink]:
                self.end(exchange)
            sink.close()
            self.alive.remove(sink)

    @rule()
    def ship(self) -> None:
        """All of it."""
        self.shipper.ship()

    @rule(line=st.integers(0, 600))
    def ship_and_die(self, line: int) -> None:
        """The shipper is killed, and another one starts."""
        if killed_at_line(line, self.shipper.ship):
            self.shipper = ShipperInTurn(self.root, self.store)

    @invariant()
    def nothing_is_there_that_has_not_ended(self) -> None:
        """And each entry says how it ended."""
        for name, entry in self.store.entries.items():
            assert self.expected.get(name) == entry.outcome, name


AnyCrash.TestCase.settings = settings(max_examples=examples(40), stateful_step_count=30, deadline=None)
TestAnyCrash = AnyCrash.TestCase


def outcomes(store: MemoryStore) -> dict[str, EntryOutcome]:
    """What is stored."""
    return {name: entry.outcome for name, entry in store.entries.items()}


def busy_at(root: Path) -> LedgerSink:
    """A processor with an exchange in the spool, two that have ended, and one that is open."""
    sink = sink_of(root, open_max=16)
    ended(sink, "a")
    for name in "bcd":
        sink.exchange_sent(record_of(name))
    for name in "bc":
        sink.exchange_ended(record_of(name))
    return sink


ALL_ONCE = {"a": COMPLETED, "b": COMPLETED, "c": COMPLETED, "d": DIED}
LINES_MAX = 6_000


def test_a_processor_may_be_killed_at_every_line_of_its_thread(tmp_path: Path) -> None:
    """Each line in turn; whatever had ended is stored as it ended."""
    for line in range(LINES_MAX):
        root, store = tmp_path / str(line), MemoryStore()
        sink = busy_at(root)
        came_so_far = killed_at_line(line, sink.turn)
        kill(sink)
        ShipperInTurn(root, store).ship()
        assert outcomes(store) == ALL_ONCE, line
        if not came_so_far:
            break
    assert 40 < line < LINES_MAX


def test_a_shipper_may_be_killed_at_every_line(tmp_path: Path) -> None:
    """While it recovers a killed processor, stores, and removes what is stored."""
    last = 0
    for line in share_of(range(LINES_MAX), 29, os.getpid()):
        root, store = tmp_path / str(line), MemoryStore()
        sink = busy_at(root)
        kill(sink)
        came_so_far = killed_at_line(line, ShipperInTurn(root, store).ship)
        again = ShipperInTurn(root, store)
        again.ship()
        assert outcomes(store) == ALL_ONCE, line
        assert list(process_folders(root)) == []
        (place,) = store.known_places.values()
        assert (place.sequence, place.damaged) == (place.entries + place.repeated, 0)
        last = line
        if not came_so_far:
            break
    assert 200 < last < LINES_MAX - 10


# --- damage --------------------------------------------------------------------------------------------------------


@pytest.fixture
def store() -> MemoryStore:
    """Where the entries go."""
    return MemoryStore()


def damage(folder: Path, old: bytes, new: bytes) -> None:
    """Change bytes of the last segment."""
    file = segment_file(folder, segments_of(folder)[-1])
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new, 1))


@pytest.mark.parametrize("struck", ["a", "b", "c"])
def test_a_flipped_bit_costs_one_entry_and_is_told(tmp_path: Path, store: MemoryStore, struck: str) -> None:
    """The segment is kept, as it may still say something to a person."""
    sink = sink_of(tmp_path)
    ended(sink, "a", "b", "c")
    damage(sink.folder, f'[["{struck}",'.encode(), f'[["{chr(ord(struck) ^ 2)}",'.encode())
    sink.close()
    shipper = ShipperInTurn(tmp_path, store)
    shipper.ship()
    assert sorted(store.entries) == sorted({"a", "b", "c"} - {struck})
    told = shipper.take()
    assert (told.stored, told.damaged, told.repeated) == (2, 1, 0)
    assert told.problems == [f"{sink.folder.name}: segment 1 has 1 damaged records"]
    assert [file.name for file in (tmp_path / DAMAGED).iterdir()] == [f"{sink.folder.name}-0000000001.seg"]
    (place,) = store.known_places.values()
    assert (place.sequence, place.entries, place.damaged) == (3, 2, 1)


def test_damage_in_a_segment_that_grows_is_noticed_with_the_next_record(tmp_path: Path, store: MemoryStore) -> None:
    """By the gap in the numbers; no entry is counted twice."""
    sink = sink_of(tmp_path)
    ended(sink, "a", "b")
    damage(sink.folder, b'[["b",', b'[["c",')
    shipper = ShipperInTurn(tmp_path, store)
    shipper.ship()
    assert shipper.take().damaged == 0
    ended(sink, "d")
    shipper.ship()
    assert shipper.take().damaged == 1
    assert sorted(store.entries) == ["a", "d"]
    sink.close()


def test_a_damaged_head_costs_nothing(tmp_path: Path, store: MemoryStore) -> None:
    """The names of this release are taken."""
    sink = sink_of(tmp_path)
    ended(sink, "a")
    damage(sink.folder, b'"begin":', b'"bEgin":')
    sink.close()
    ShipperInTurn(tmp_path, store).ship()
    assert list(store.entries) == ["a"]


def test_a_torn_tail_is_told_and_its_exchange_is_in_its_slot(tmp_path: Path, store: MemoryStore) -> None:
    """The process was killed while it wrote the line."""
    sink = sink_of(tmp_path)
    ended(sink, "a")
    record = record_of("b")
    sink.exchange_sent(record)
    sink.exchange_ended(record)
    kill(sink)
    file = segment_file(sink.folder, 1)
    file.write_bytes(file.read_bytes() + b'12345678 2 [["b",17')
    shipper = ShipperInTurn(tmp_path, store)
    shipper.ship()
    assert outcomes(store) == {"a": COMPLETED, "b": COMPLETED}
    told = shipper.take()
    assert (told.torn_tails, told.damaged) == (1, 0)
    assert told.problems == [f"{sink.folder.name}: a segment ends with half a record"]


def test_slots_that_cannot_be_read_are_told(tmp_path: Path, store: MemoryStore) -> None:
    """Of a disk that was damaged; the others are entries."""
    sink = sink_of(tmp_path)
    for name in "ab":
        sink.exchange_sent(record_of(name))
    kill(sink)
    file = sink.folder / OPEN
    file.write_bytes(file.read_bytes().replace(b'["a",', b'{"a",', 1))
    shipper = ShipperInTurn(tmp_path, store)
    shipper.ship()
    assert list(store.entries) == ["b"]
    assert shipper.take().problems == [f"{sink.folder.name}: 1 open exchanges could not be read"]


def test_a_spool_of_a_newer_release_is_read_as_far_as_it_is_known(tmp_path: Path, store: MemoryStore) -> None:
    """And that is told."""
    sink = sink_of(tmp_path)
    with patch("extproc.ledger.spool._FIELDS", sink._writer._fields._replace(format=9)):
        sink._writer._fields = sink._writer._fields._replace(format=9)
        ended(sink, "a")
    sink.close()
    shipper = ShipperInTurn(tmp_path, store)
    shipper.ship()
    assert list(store.entries) == ["a"]
    assert shipper.take().problems == [
        f"{sink.folder.name}: a newer release wrote it; what this one does not know is left out"
    ]


# --- a store that is gone ------------------------------------------------------------------------------------------


def test_a_store_that_is_gone_loses_nothing(tmp_path: Path, store: MemoryStore) -> None:
    """What waits grows older, and is stored when it is back."""
    sink = sink_of(tmp_path)
    shipper = ShipperInTurn(tmp_path, store)
    ended(sink, "a")
    shipper.ship()
    store.failing = StoreFailed("gone", may_pass=True)
    for name in "bcd":
        ended(sink, name)
        with pytest.raises(StoreFailed):
            shipper.ship()
    ended_s = sink._wall_offset_ns / 1e9 + record_of("b").ended_ns / 1e9
    assert oldest_unshipped_s(tmp_path, shipper.place_stored, ended_s + 3_600) == pytest.approx(3_600, abs=0.01)
    store.failing = None
    shipper.ship()
    assert sorted(store.entries) == list("abcd")
    assert oldest_unshipped_s(tmp_path, shipper.place_stored, ended_s + 3_600) == 0
    sink.close()


def test_what_is_stored_is_removed_but_for_the_last_segment(
    tmp_path: Path, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk is not filled by what is stored; the numbers go on."""
    monkeypatch.setattr("extproc.ledger.spool.SEGMENT_BYTES", 600)
    sink = sink_of(tmp_path)
    shipper = ShipperInTurn(tmp_path, store)
    for name in "abcd":
        ended(sink, name)
    assert segments_of(sink.folder) == [1, 2, 3, 4]  # each is begun when the one before is full
    shipper.ship()
    shipper.ship()
    assert segments_of(sink.folder) == [4]
    sink.close()
    shipper.ship()
    assert (sorted(store.entries), list(process_folders(tmp_path))) == (list("abcd"), [])
