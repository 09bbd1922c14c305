"""Scheduling of long work: one piece runs at a time, the one with the lowest claim on the CPU.

The cost of a message is unknown in advance, except for what any text of its length costs. A cheap message runs before
longer ones and before those that have used more CPU, however many wait; so a flood of expensive messages delays
ordinary ones by at most a slice each. Only one runs at a time, since threads share the GIL: a second one would only
take time from the event loop. After each slice the loop gets its share (``loop_share``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from extproc.domain.pace import Abandoned, TextTooCostly

_HONEST_NS_PER_BYTE = 200  # cost of prose over all guards
_SLICE_NS_MIN = 500_000  # shorter slices need no yield


class Turn:
    """One piece of work in one thread, and the pace at which it is checked.

    Args:
        cpu_ns_max: CPU limit. [ns]
        size_bytes: of the message. [bytes]
    """

    __slots__ = ("_cpu_ns_max", "_given", "_started_ns", "_turns", "expected_ns", "gone", "spent_ns")

    def __init__(self, turns: Turns, cpu_ns_max: int, size_bytes: int = 0) -> None:
        self._turns = turns
        self._cpu_ns_max = cpu_ns_max
        self._given = threading.Event()
        self._started_ns = 0
        self.expected_ns = size_bytes * _HONEST_NS_PER_BYTE
        self.spent_ns = 0  # CPU time used
        self.gone = False  # abandoned

    @property
    def claim_ns(self) -> int:
        """Expected plus used CPU time: the lowest runs first."""
        return self.expected_ns + self.spent_ns

    def check(self) -> None:
        """Yield to work with a lower claim. Raises: TextTooCostly, Abandoned."""
        if self.gone:
            raise Abandoned
        self.spent_ns = time.thread_time_ns() - self._started_ns
        if self.spent_ns > self._cpu_ns_max:
            raise TextTooCostly
        self._turns.yield_turn(self)

    def start_again(self) -> None:
        """Reset the CPU limit."""
        self._cpu_ns_max = self.spent_ns + self._cpu_ns_max

    def abandon(self) -> None:
        """Abandon the work: it stops before its next slice, or immediately if it does not run."""
        self.gone = True
        self._turns.wake(self)

    def begin(self) -> None:
        """Called by the working thread at its start."""
        self._started_ns = time.thread_time_ns()

    def await_turn(self) -> None:
        """Wait for the turn. Raises: Abandoned."""
        self._given.wait()
        self._given.clear()
        if self.gone:
            raise Abandoned

    def give(self) -> None:
        """Wake the thread: it is its turn, or it is abandoned."""
        self._given.set()


class Turns:
    """The running work and the queue.

    Args: rest: called after each slice with its duration [ns]; yields to the event loop.
    """

    def __init__(self, rest: Callable[[int], None] = lambda _: None) -> None:
        self._rest = rest
        self._slice_began_ns = 0
        self._lock = threading.Lock()
        self._working: Turn | None = None
        self._waiting: list[Turn] = []

    @contextmanager
    def taken(self, turn: Turn) -> Iterator[None]:
        """Run within; waits for the turn first. Raises: Abandoned."""
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

    def yield_turn(self, turn: Turn) -> None:
        """Called by the running work: yields to the loop, then to work with a lower claim. Raises: Abandoned."""
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
        """Wake one that waits, as it was abandoned."""
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
        """The one with the lowest claim; the first of several."""
        return min(self._waiting, key=lambda turn: turn.claim_ns, default=None)

    def _hand_to(self, turn: Turn) -> None:
        self._waiting.remove(turn)
        self._working = turn
        turn.give()
