"""The calls of one connection: those before their first message, and exchanges."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping

from extproc.server.transport.processor import METHOD
from extproc.server.transport.session import Replies, Session

PROCESS = METHOD.encode()
_WAITING_MESSAGE_BYTES = 64  # overhead of a queued message
_UNKNOWN: tuple[Mapping[bytes, bytes], int] = ({b":path": b""}, 0)


class ExchangeCall:
    """One exchange: its session, and the messages queued while a thread works on it or it waits for classifiers."""

    __slots__ = ("busy", "ended", "session", "verdicts", "waiting")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.waiting: deque[bytes] | None = None  # rarely used
        self.busy = False
        self.ended = False
        self.verdicts: asyncio.Future[Replies] | None = None  # tasks that the exchange waits for

    def put_behind(self, message: bytes) -> int:
        """Queue a message. Returns: its size with overhead. [bytes]"""
        self.waiting = self.waiting or deque()
        self.waiting.append(message)
        return len(message) + _WAITING_MESSAGE_BYTES

    def take_waiting(self) -> tuple[bytes, int]:
        """Dequeue the oldest message. Returns: it and its size with overhead. [bytes]"""
        assert self.waiting
        message = self.waiting.popleft()
        return message, len(message) + _WAITING_MESSAGE_BYTES

    def drop_waiting(self) -> int:
        """Drop all queued messages. Returns: their size with overhead. [bytes]"""
        waiting, self.waiting = self.waiting or (), None
        return sum([len(message) + _WAITING_MESSAGE_BYTES for message in waiting])


class SilentCalls:
    """Calls before their first message, by stream: headers and start time."""

    def __init__(self) -> None:
        self._calls: dict[int, tuple[Mapping[bytes, bytes], int]] = {}

    def __iter__(self) -> Iterator[int]:
        """Their streams, in the order in which they came."""
        return iter(self._calls)

    @property
    def has_exchange(self) -> bool:
        """Whether one of them is to be an exchange."""
        return any(headers[b":path"] == PROCESS for headers, _ in self._calls.values())

    def add(self, stream_id: int, headers: Mapping[bytes, bytes], now_ns: int) -> None:
        """A call has come."""
        self._calls[stream_id] = (headers, now_ns)

    def take(self, stream_id: int) -> Mapping[bytes, bytes]:
        """Remove a call. Returns: its headers; with an empty path if it is unknown."""
        return self._calls.pop(stream_id, _UNKNOWN)[0]

    def take_overdue(self, earliest_ns: int) -> list[int]:
        """Remove the calls that started before that time. Returns: their streams."""
        overdue: list[int] = []
        for stream_id, (_, since_ns) in self._calls.items():
            if since_ns >= earliest_ns:
                break
            overdue.append(stream_id)
        for stream_id in overdue:
            del self._calls[stream_id]
        return overdue

    def restart_timers(self, now_ns: int) -> None:
        """Restart all timers: the messages may still be queued here."""
        self._calls = {stream_id: (headers, now_ns) for stream_id, (headers, _) in self._calls.items()}
