"""Long work in turns: who has the least claim goes first, who is not awaited any more does not go at all."""

from __future__ import annotations

import threading
import time

import pytest

from extproc.domain.pace import Abandoned, TextTooCostly
from extproc.server.transport.turns import Turn, Turns

PLENTY_NS = 60_000_000_000
WAIT_S_MAX = 10.0


def burn(ns: int) -> None:
    """Use the processor."""
    end_ns = time.thread_time_ns() + ns
    while time.thread_time_ns() < end_ns:
        sum(range(100))


class Worker(threading.Thread):
    """Does some slices of work, and notes when it has done."""

    def __init__(
        self, name: str, turns: Turns, done: list[str], slices: int, slice_ns: int = 3_000_000, size_bytes: int = 0
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.turn = Turn(turns, PLENTY_NS, size_bytes)
        self.begun = threading.Event()
        self.may_go_on = threading.Event()
        self._turns, self._done, self._slices, self._slice_ns = turns, done, slices, slice_ns

    def run(self) -> None:
        """All slices, unless it is abandoned."""
        try:
            with self._turns.taken(self.turn):
                self.begun.set()
                assert self.may_go_on.wait(WAIT_S_MAX)
                for _ in range(self._slices):
                    burn(self._slice_ns)
                    self.turn.check()
                self._done.append(self.name)
        except Abandoned:
            self._done.append(f"{self.name} abandoned")


def waiting(turns: Turns, count: int) -> None:
    """Until so many wait."""
    deadline = time.monotonic() + WAIT_S_MAX
    while len(turns._waiting) != count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_what_costs_little_is_done_before_what_has_cost_much() -> None:
    """However many dear ones came first."""
    turns, done = Turns(), list[str]()
    dear = [Worker(f"dear {number}", turns, done, slices=20) for number in range(4)]
    for worker in dear:
        worker.may_go_on.set()
    first = dear[0]
    first.may_go_on.clear()
    for worker in dear:
        worker.start()
    assert first.begun.wait(WAIT_S_MAX)
    waiting(turns, 3)
    cheap = Worker("cheap", turns, done, slices=1)
    cheap.may_go_on.set()
    cheap.start()
    waiting(turns, 4)
    first.may_go_on.set()
    for worker in (*dear, cheap):
        worker.join(WAIT_S_MAX)
    assert done[0] == "cheap"
    assert sorted(done[1:]) == [worker.name for worker in dear]
    assert turns._working is None


def test_a_short_message_is_done_before_very_long_ones_that_come_later() -> None:
    """Each of them has had nothing yet, and may take much before its first slice is over."""
    turns, done = Turns(), list[str]()
    short = Worker("short", turns, done, slices=5, size_bytes=80_000)
    long = [Worker(f"long {number}", turns, done, slices=2, size_bytes=4_000_000) for number in range(3)]
    short.start()
    assert short.begun.wait(WAIT_S_MAX)
    for worker in long:
        worker.may_go_on.set()
        worker.start()
    waiting(turns, 3)
    short.may_go_on.set()
    for worker in (short, *long):
        worker.join(WAIT_S_MAX)
    assert done[0] == "short"


def test_after_each_slice_there_is_a_rest() -> None:
    """As long as the slice was, where that was worth it."""
    rests: list[int] = []
    turns = Turns(rests.append)
    turn = Turn(turns, PLENTY_NS)
    with turns.taken(turn):
        turn.check()
        burn(5_000_000)
        turn.check()
        turn.check()
        burn(10_000_000)
        turn.check()
    assert len(rests) == 2
    assert rests[0] >= 5_000_000
    assert rests[1] >= 10_000_000


def test_only_one_works_at_a_time() -> None:
    """Whatever they are at."""
    turns = Turns()
    at_work: list[str] = []
    clashes: list[list[str]] = []

    def work(name: str) -> None:
        turn = Turn(turns, PLENTY_NS)
        with turns.taken(turn):
            for _ in range(50):
                at_work.append(name)
                if len(at_work) > 1:
                    clashes.append(list(at_work))
                burn(200_000)
                at_work.remove(name)
                turn.check()

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S_MAX)
    assert not clashes


@pytest.mark.parametrize("works", [False, True])
def test_who_is_abandoned_ends(works: bool) -> None:
    """At its next slice; at once if it waits."""
    turns, done = Turns(), list[str]()
    first, second = (Worker(name, turns, done, slices=3) for name in ("first", "second"))
    first.start()
    assert first.begun.wait(WAIT_S_MAX)
    second.start()
    waiting(turns, 1)
    gone, stays = (first, second) if works else (second, first)
    gone.turn.abandon()
    if not works:
        second.join(WAIT_S_MAX)
        assert not second.begun.is_set()
    for worker in (first, second):
        worker.may_go_on.set()
    for worker in (first, second):
        worker.join(WAIT_S_MAX)
    assert sorted(done) == sorted([f"{gone.name} abandoned", stays.name])
    assert turns._working is None


def test_who_has_had_its_time_is_told() -> None:
    """And may be given as much again."""
    turns = Turns()
    turn = Turn(turns, 5_000_000)
    with turns.taken(turn):
        turn.check()
        burn(6_000_000)
        with pytest.raises(TextTooCostly):
            turn.check()
        turn.start_again()
        turn.check()
        burn(6_000_000)
        with pytest.raises(TextTooCostly):
            turn.check()
