"""The laws of every sink: nothing is lost, nothing is twice, wherever processes are killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from extproc.config.ledger import Ledger
from extproc.ledger.entry_sink import SinkFailed
from extproc.ledger.segments import segments_of
from extproc.ledger.sink import LedgerSink
from extproc.ledger.sinks import DATABASE, FURTHER
from extproc.ledger.spool import process_folders
from tests.thorough import examples, share_of
from tests.unit.ledger.crashes import MemoryStore, ShipperInTurn, kill, killed_at_line, sink_of
from tests.unit.ledger.records import record_of
from tests.unit.ledger.sink_cases import TARGETS, Database, Target

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # killed in a generator
LINES_MAX = 20_000


def test_every_sink_has_its_laws_tried() -> None:
    """A new row of ``sinks`` needs one in ``sink_cases``, and a section."""
    assert set(TARGETS) == {DATABASE, *FURTHER}
    assert set(FURTHER) <= set(Ledger.model_fields)


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """One of all."""
    with TARGETS[request.param](tmp_path) as target:
        yield target


def ended(sink: LedgerSink, *exchanges: str) -> None:
    """Exchanges in the spool."""
    for exchange in exchanges:
        record = record_of(exchange)
        sink.exchange_sent(record)
        sink.exchange_ended(record)
    assert sink.turn()


def ship(root: Path, target: Target, **how: Any) -> None:
    """A shipper process that starts, ships, and ends."""
    sink = target.opened(root)
    shipper = ShipperInTurn(root, sink)
    shipper.ship(**how)
    sink.close()
    shipper.folders.close()


@pytest.mark.parametrize("kind", TARGETS)
def test_a_shipper_may_be_killed_at_every_line(kind: str, tmp_path: Path) -> None:
    """From the opening of the sink to the removal of what it has. What readers see meanwhile is whole, and once."""
    last = 0
    for line in share_of(range(LINES_MAX), 83, os.getpid()):
        folder, root = tmp_path / str(line), tmp_path / str(line) / "spool"
        root.mkdir(parents=True)
        with TARGETS[kind](folder) as target:
            sink = sink_of(root, open_max=16)
            ended(sink, "a")
            ship(root, target, now=True)
            for name in "bcd":
                sink.exchange_sent(record_of(name))
            sink.exchange_ended(record_of("c"))
            kill(sink)
            came_so_far = killed_at_line(line, partial(ship, root, target, now=True))
            assert target.held() in (list("a"), list("abcd")), line
            ship(root, target, now=True)
            assert target.held() == list("abcd"), line
            assert list(process_folders(root)) == [], line
        shutil.rmtree(folder)
        last = line
        if not came_so_far:
            break
    assert 250 < last < LINES_MAX - 50


class AnyCrash(RuleBasedStateMachine):
    """Processors and shippers that are killed at any line, in any order, with one sink next to a database."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="sinks-"))
        self.undo.callback(shutil.rmtree, self.folder)
        self.root = self.folder / "spool"
        self.root.mkdir()
        self.undo.enter_context(patch("extproc.ledger.spool.SEGMENT_BYTES", 1_500))
        self.target: Target = self.undo.enter_context(TARGETS[self.kind](self.folder))
        self.store = MemoryStore(entries_max=2)
        self.number = 0
        self.expected: list[str] = []
        self.sink = sink_of(self.root, open_max=16)
        self.begin()

    def begin(self) -> None:
        """A shipper starts."""
        self.shipper = ShipperInTurn(self.root, self.store, self.target.opened(self.root))

    def teardown(self) -> None:
        """In the end the sink has everything once, and the spool is empty."""
        try:
            kill(self.sink)
            self.shipper.ship(now=True)
            assert self.target.held() == sorted(self.expected) == sorted(self.store.entries)
            assert list(process_folders(self.root)) == []
        finally:
            self.shipper.sinks[1].close()
            self.shipper.folders.close()
            self.undo.close()

    @rule(count=st.integers(1, 5))
    def end(self, count: int) -> None:
        """Exchanges."""
        for _ in range(count):
            self.number += 1
            self.expected.append(f"x-{self.number}")
            self.sink.exchange_sent(record_of(self.expected[-1]))
            self.sink.exchange_ended(record_of(self.expected[-1]))
        self.sink.turn()

    @rule()
    def replace_processor(self) -> None:
        """One is killed with an exchange in flight, and another one starts."""
        self.number += 1
        self.expected.append(f"x-{self.number}")
        self.sink.exchange_sent(record_of(self.expected[-1]))
        kill(self.sink)
        self.sink = sink_of(self.root, open_max=16)

    @rule(now=st.booleans())
    def ship(self, now: bool) -> None:
        """All of it."""
        self.shipper.ship(now=now)

    @rule(line=st.integers(0, 900), now=st.booleans())
    def ship_and_die(self, line: int, now: bool) -> None:
        """The shipper is killed, and another one starts."""
        held = dict(self.shipper.folders._gone)
        if killed_at_line(line, lambda: self.shipper.ship(now=now)):
            for lock in held.values():
                lock.close()
            self.begin()

    @rule(line=st.integers(0, 300))
    def begin_and_die(self, line: int) -> None:
        """It is killed at its start."""
        self.shipper.folders.close()
        killed_at_line(line, self.begin)
        self.begin()

    @invariant()
    def nothing_is_twice(self) -> None:
        """Nor is anything there that was not in the spool."""
        held = self.target.held()
        assert len(held) == len(set(held))
        assert set(held) <= set(self.expected)


@pytest.mark.parametrize("kind", TARGETS)
def test_any_crash(kind: str) -> None:
    """The machine with each sink."""
    machine = type(f"AnyCrashOf_{kind}", (AnyCrash,), {"kind": kind})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples(8), stateful_step_count=20, deadline=None)
    )


def test_an_exchange_that_comes_twice_is_held_once(target: Target, tmp_path: Path) -> None:
    """Where a disk failed in mid-write, or a processor was killed between a line and its slot; also with a new sink."""
    root = tmp_path / "spool"
    sink = sink_of(root)
    ended(sink, "a", "b")
    ended(sink, "b", "c")
    ship(root, target, now=True)
    ended(sink, "c", "d")
    ship(root, target, now=True)
    assert target.held() == list("abcd")
    sink.close()


def test_segments_stay_until_the_slowest_sink_has_them(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spool's bound counts them; what is stored everywhere is removed."""
    monkeypatch.setattr("extproc.ledger.spool.SEGMENT_BYTES", 600)
    root, store = tmp_path / "spool", MemoryStore()
    sink = sink_of(root)
    opened = target.opened(root)
    shipper = ShipperInTurn(root, store, opened)
    for name in "abcd":
        ended(sink, name)
    store.failing = SinkFailed("gone")
    with pytest.raises(SinkFailed, match="gone"):
        shipper.ship()
    shipper.shippers[1].ship(now=True)
    assert target.held() == list("abcd")
    shipper.folders.remove_stored([one.place_stored for one in shipper.shippers])
    assert segments_of(sink.folder) == [1, 2, 3, 4]
    store.failing = None
    shipper.ship()
    assert segments_of(sink.folder) == [4]
    sink.close()
    shipper.ship(now=True)
    assert list(process_folders(root)) == []
    opened.close()


def test_a_sink_that_is_added_later_begins_with_what_the_spool_has(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries that were removed before are not damage."""
    monkeypatch.setattr("extproc.ledger.spool.SEGMENT_BYTES", 600)
    root = tmp_path / "spool"
    sink = sink_of(root)
    ended(sink, "a")
    ended(sink, "b")
    ended(sink, "c")
    first = ShipperInTurn(root, MemoryStore())
    first.ship()
    first.folders.close()
    assert segments_of(sink.folder) == [3]
    ship(root, target, now=True)
    assert target.held() == ["c"]
    if not isinstance(target, Database):  # it is the first one of every ledger
        place = target.opened(root).place_of(sink.folder.name)
        assert (place.sequence, place.skipped, place.entries, place.damaged) == (3, 2, 1, 0)
    sink.close()
