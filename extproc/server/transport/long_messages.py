"""Long messages: processed in threads, by priority, with bounded admission.

Messages over capacity are rejected immediately, so that clients can retry, instead of being checked after Envoy has
timed out. Long and very long messages have separate capacity: a flood of the largest bodies does not block ordinary
long chats. Responses are never rejected: there are no more of them than admitted requests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from extproc.domain.pace import Abandoned
from extproc.server.transport.loop_share import LoopShare
from extproc.server.transport.turns import Turn, Turns

LONG_MESSAGE_BYTES = 16_384
"""Messages from this size are checked in a thread: on the event loop they would delay small ones."""
_VERY_LONG_MESSAGE_BYTES = 262_144
_THREADS_MAX = 512
_SECONDS = 1e-9  # of a nanosecond

WorkT = TypeVar("WorkT")


@dataclass(frozen=True, slots=True)
class LongMessageLimits:
    """Capacity for long messages of one process, queued or running.

    Attributes:
        long_bytes_max: of messages up to 256 KiB. [bytes]
        very_long_bytes_max: of longer ones; a single one is accepted regardless of its length. [bytes]
        messages_max: of either kind.
        connection_share: the share of all this that one connection may use.
    """

    long_bytes_max: int = 16_777_216
    very_long_bytes_max: int = 50_331_648
    messages_max: int = 128
    connection_share: float = 0.75


class LongMessageMeter(Protocol):
    """Metrics of long messages."""

    def long_messages(self, count: int) -> None:
        """Current number of long messages, running, queued or arriving."""
        ...

    def long_message_waited(self, wait_s: float) -> None:
        """One started, or was abandoned, after this wait. [s]"""
        ...

    def long_message_refused(self) -> None:
        """One was rejected for lack of capacity."""
        ...


class _Uncounted:
    def long_messages(self, count: int) -> None: ...

    def long_message_waited(self, wait_s: float) -> None: ...

    def long_message_refused(self) -> None: ...


@dataclass(slots=True)
class _Held:
    """Capacity in use, by one connection or in total."""

    size_bytes: int = 0
    messages: int = 0


class LongMessages:
    """The long messages of one process. Everything but the work itself is called on the event loop."""

    def __init__(self, meter: LongMessageMeter | None = None, limits: LongMessageLimits | None = None) -> None:
        self.limits = limits or LongMessageLimits()
        self._meter = meter or _Uncounted()
        self._loop_share: LoopShare | None = None
        self._turns = Turns(self._rest)
        self._threads = ThreadPoolExecutor(_THREADS_MAX, "long-message")
        self._held: dict[tuple[bool, Hashable], _Held] = {}
        self._count = 0

    def take_room(self, size_bytes: int, connection: Hashable) -> bool:
        """Reserve capacity for one more message; if there is none, count a rejection."""
        if not self._has_room(size_bytes, connection):
            self._meter.long_message_refused()
            return False
        self.hold(size_bytes, connection)
        return True

    def _has_room(self, size_bytes: int, connection: Hashable) -> bool:
        limits, very_long = self.limits, size_bytes > _VERY_LONG_MESSAGE_BYTES
        bytes_max = limits.very_long_bytes_max if very_long else limits.long_bytes_max
        for whose, share in ((None, 1.0), (connection, limits.connection_share)):
            held = self._held.get((very_long, whose))
            if held is not None and (
                held.size_bytes + size_bytes > bytes_max * share or held.messages >= limits.messages_max * share
            ):
                return False
        return True

    def hold(self, size_bytes: int, connection: Hashable) -> None:
        """Reserve capacity for a message that may not be rejected."""
        self._count_held(size_bytes, connection, 1)

    def leave_room(self, size_bytes: int, connection: Hashable) -> None:
        """Release the capacity of a message."""
        self._count_held(size_bytes, connection, -1)

    def turn(self, cpu_ns_max: int, size_bytes: int) -> Turn:
        """A turn for one message."""
        return Turn(self._turns, cpu_ns_max, size_bytes)

    async def judge(self, work: Callable[[], WorkT], turn: Turn) -> WorkT | None:
        """Process one message with reserved capacity. Returns: its result, or None if it was abandoned."""
        came_ns, loop = time.monotonic_ns(), asyncio.get_running_loop()
        self._loop_share = self._loop_share or LoopShare(loop)
        running = loop.run_in_executor(self._threads, self._in_turn, work, turn)
        try:
            begun_ns, outcome = await asyncio.shield(running)
        except asyncio.CancelledError:
            turn.abandon()
            await asyncio.wait({running})  # a session must not be closed while a thread uses it
            raise
        self._meter.long_message_waited((begun_ns - came_ns) * _SECONDS)
        return outcome

    def _rest(self, slice_ns: int) -> None:
        if self._loop_share is not None:
            self._loop_share.give(slice_ns)

    def _in_turn(self, work: Callable[[], WorkT], turn: Turn) -> tuple[int, WorkT | None]:
        """Runs in a thread. Returns: when the work started or was abandoned [ns], and its result."""
        begun_ns = 0
        try:
            with self._turns.taken(turn):
                begun_ns = time.monotonic_ns()
                return begun_ns, work()
        except Abandoned:
            return begun_ns or time.monotonic_ns(), None

    def _count_held(self, size_bytes: int, connection: Hashable, count: int) -> None:
        very_long = size_bytes > _VERY_LONG_MESSAGE_BYTES
        for place in ((very_long, None), (very_long, connection)):
            held = self._held.setdefault(place, _Held())
            held.size_bytes += count * size_bytes
            held.messages += count
            if not held.messages:
                del self._held[place]
        self._count += count
        self._meter.long_messages(self._count)
