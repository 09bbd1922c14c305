"""Messages that may take long to judge: in threads, in turns, and no more of them at once than there is room for.

What has no room is refused at once, so that its client may come back, instead of being judged for nobody after Envoy
has given it up. Long and very long ones have room of their own: a flood of the largest bodies keeps no ordinary long
chat out. Answers are never refused: no more of them come than requests were let through.
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
"""From here on a message is judged in a thread: on the event loop it would keep small ones waiting."""
_VERY_LONG_MESSAGE_BYTES = 262_144
_THREADS_MAX = 512
_SECONDS = 1e-9  # of a nanosecond

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class LongMessageLimits:
    """How much is judged in threads of one process, or waits for that, at once.

    Attributes:
        long_bytes_max: of messages up to 256 KiB. [bytes]
        very_long_bytes_max: of longer ones; a single one is taken whatever its length. [bytes]
        messages_max: of either kind.
        connection_share: of all this, what one connection may have.
    """

    long_bytes_max: int = 16_777_216
    very_long_bytes_max: int = 50_331_648
    messages_max: int = 128
    connection_share: float = 0.75


class LongMessageMeter(Protocol):
    """Whoever counts long messages."""

    def long_messages(self, count: int) -> None:
        """So many are judged now, wait for that, or are still coming in."""
        ...

    def long_message_waited(self, wait_s: float) -> None:
        """One began to be judged, or was given up, after so long. [s]"""
        ...

    def long_message_refused(self) -> None:
        """There was no room for one."""
        ...


class _Uncounted:
    def long_messages(self, count: int) -> None: ...

    def long_message_waited(self, wait_s: float) -> None: ...

    def long_message_refused(self) -> None: ...


@dataclass(slots=True)
class _Held:
    """What is held for one connection, or for all."""

    size_bytes: int = 0
    messages: int = 0


class LongMessages:
    """Those of one process. Everything but the work itself is called on the event loop."""

    def __init__(self, meter: LongMessageMeter | None = None, limits: LongMessageLimits | None = None) -> None:
        self.limits = limits or LongMessageLimits()
        self._meter = meter or _Uncounted()
        self._loop_share: LoopShare | None = None
        self._turns = Turns(self._rest)
        self._threads = ThreadPoolExecutor(_THREADS_MAX, "long-message")
        self._held: dict[tuple[bool, Hashable], _Held] = {}
        self._count = 0

    def take_room(self, size_bytes: int, connection: Hashable) -> bool:
        """Hold room for one more message, if there is any; if not, it is counted as refused."""
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
        """Hold room for a message that may not be refused."""
        self._count_held(size_bytes, connection, 1)

    def leave_room(self, size_bytes: int, connection: Hashable) -> None:
        """A message is done with: others may have the room that was held for it."""
        self._count_held(size_bytes, connection, -1)

    def turn(self, cpu_ns_max: int, size_bytes: int) -> Turn:
        """For one message."""
        return Turn(self._turns, cpu_ns_max, size_bytes)

    async def judge(self, work: Callable[[], Outcome], turn: Turn) -> Outcome | None:
        """Do the work of one message, for which room is held. Returns: what came of it, None if it was abandoned."""
        came_ns, loop = time.monotonic_ns(), asyncio.get_running_loop()
        self._loop_share = self._loop_share or LoopShare(loop)
        running = loop.run_in_executor(self._threads, self._in_turn, work, turn)
        try:
            begun_ns, outcome = await asyncio.shield(running)
        except asyncio.CancelledError:
            turn.abandon()
            await asyncio.wait({running})  # a session may not be closed while a thread is in it
            raise
        self._meter.long_message_waited((begun_ns - came_ns) * _SECONDS)
        return outcome

    def _rest(self, slice_ns: int) -> None:
        if self._loop_share is not None:
            self._loop_share.give(slice_ns)

    def _in_turn(self, work: Callable[[], Outcome], turn: Turn) -> tuple[int, Outcome | None]:
        """In a thread. Returns: when the work began, or was given up [ns], and what came of it."""
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
