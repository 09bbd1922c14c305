"""Long work in turns: one piece of it works at a time, the one that has the least claim on the processor so far.

What a message costs is not known before, but for what any text of its length does. A message that costs little is done
before one that is longer or has cost more already, however many of the latter wait or come; so a flood of dear messages
delays ordinary ones by no more than a slice each. One at a time, since threads of one Python process share one lock: a
second one would only take time from the event loop. After each slice the loop gets its share (``loop_share``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from extproc.domain.pace import Abandoned, TextTooCostly

_HONEST_NS_PER_BYTE = 200  # what prose costs all guards
_SLICE_NS_MIN = 500_000  # shorter ones are nothing to rest from


class Turn:
    """One piece of work, done by one thread; the pace that it is judged at.

    Args:
        cpu_ns_max: how much of the processor it may take. [ns]
        size_bytes: of the message. [bytes]
    """

    __slots__ = ("_cpu_ns_max", "_given", "_started_ns", "_turns", "expected_ns", "gone", "spent_ns")

    def __init__(self, turns: Turns, cpu_ns_max: int, size_bytes: int = 0) -> None:
        self._turns = turns
        self._cpu_ns_max = cpu_ns_max
        self._given = threading.Event()
        self._started_ns = 0
        self.expected_ns = size_bytes * _HONEST_NS_PER_BYTE
        self.spent_ns = 0  # of the processor
        self.gone = False  # nobody waits for it

    @property
    def claim_ns(self) -> int:
        """What it takes and has taken of the processor: who has less goes first."""
        return self.expected_ns + self.spent_ns

    def check(self) -> None:
        """Let whoever has less go first. Raises: TextTooCostly, Abandoned."""
        if self.gone:
            raise Abandoned
        self.spent_ns = time.thread_time_ns() - self._started_ns
        if self.spent_ns > self._cpu_ns_max:
            raise TextTooCostly
        self._turns.give_way(self)

    def start_again(self) -> None:
        """May take as much again."""
        self._cpu_ns_max = self.spent_ns + self._cpu_ns_max

    def abandon(self) -> None:
        """Nobody waits any more: it ends before its next slice, at once if it does not work."""
        self.gone = True
        self._turns.wake(self)

    def begin(self) -> None:
        """The thread that works begins here."""
        self._started_ns = time.thread_time_ns()

    def await_turn(self) -> None:
        """Wait until it is given its turn. Raises: Abandoned."""
        self._given.wait()
        self._given.clear()
        if self.gone:
            raise Abandoned

    def give(self) -> None:
        """It is its turn, or it is abandoned."""
        self._given.set()


class Turns:
    """Who works, and who waits.

    Args: rest: called by who works, after each slice, with how long that took [ns]; lets the event loop work.
    """

    def __init__(self, rest: Callable[[int], None] = lambda _: None) -> None:
        self._rest = rest
        self._slice_began_ns = 0
        self._lock = threading.Lock()
        self._working: Turn | None = None
        self._waiting: list[Turn] = []

    @contextmanager
    def taken(self, turn: Turn) -> Iterator[None]:
        """Works within; waits for its turn before. Raises: Abandoned."""
        turn.begin()
        with self._lock:
            waits = self._working is not None
            if waits:
                self._waiting.append(turn)
            else:
                self._working = turn
        try:
            if waits:
                turn.await_turn()
            self._slice_began_ns = time.monotonic_ns()
            yield
            if self._waiting:
                self._rest_from_slice()
        finally:
            self._leave(turn)

    def give_way(self, turn: Turn) -> None:
        """Called by who works: lets the loop work, then whoever has less of a claim. Raises: Abandoned."""
        self._rest_from_slice()
        if not self._waiting:
            return
        with self._lock:
            next_turn = self._least()
            if next_turn is None or next_turn.claim_ns >= turn.claim_ns:
                return
            self._waiting.append(turn)
            self._hand_to(next_turn)
        turn.await_turn()
        self._slice_began_ns = time.monotonic_ns()

    def _rest_from_slice(self) -> None:
        took_ns = time.monotonic_ns() - self._slice_began_ns
        if took_ns > _SLICE_NS_MIN:
            self._rest(took_ns)
            self._slice_began_ns = time.monotonic_ns()

    def wake(self, turn: Turn) -> None:
        """Have one that waits end: it has been abandoned."""
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                turn.give()

    def _leave(self, turn: Turn) -> None:
        with self._lock:
            if self._working is turn:
                self._working = None
                if (next_turn := self._least()) is not None:
                    self._hand_to(next_turn)

    def _least(self) -> Turn | None:
        """Of those that wait, the one with the least claim; of several the first."""
        return min(self._waiting, key=lambda turn: turn.claim_ns, default=None)

    def _hand_to(self, turn: Turn) -> None:
        self._waiting.remove(turn)
        self._working = turn
        turn.give()
