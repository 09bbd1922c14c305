"""What a model server received and how each exchange ended: evidence for the demo's table and end-to-end tests."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Ended = Literal["running", "complete", "client_closed", "server_stopped"]
"""`complete`: everything was sent. `client_closed`: the client left first, and writing stopped."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as received: header names in lower case, the body without transfer framing."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.split("?", 1)[0]

    @property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object; empty if it is not one."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def header(self, name: str) -> str | None:
        """The first header of that name (in lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(slots=True)
class Seen:
    """One exchange, from the time its request was complete; `at` is in seconds since the epoch.

    `recording` is the replayed name, or None for a scripted reply. Only its server changes it, until it has ended.
    """

    server: str
    request: Request
    recording: str | None = None
    ended: Ended = "running"
    bytes_sent: int = 0
    events_sent: int = 0
    at: float = field(default_factory=time.time)

    @property
    def path(self) -> str:
        """The request's path."""
        return self.request.path

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The request's headers, names in lower case."""
        return self.request.headers

    @property
    def body(self) -> bytes:
        """The request's body."""
        return self.request.body

    def as_document(self) -> dict[str, Any]:
        """For JSON; a body that is not UTF-8 gets replacement characters."""
        return {
            "server": self.server,
            "method": self.request.method,
            "path": self.path,
            "headers": [list(pair) for pair in self.headers],
            "body": self.body.decode(errors="replace"),
            "recording": self.recording,
            "ended": self.ended,
            "bytes_sent": self.bytes_sent,
            "events_sent": self.events_sent,
            "at": self.at,
        }


class SeenLog:
    """The latest exchanges of a server, oldest first, for reading and waiting from any thread."""

    def __init__(self, exchanges_max: int) -> None:
        self._exchanges: deque[Seen] = deque(maxlen=exchanges_max)
        self._changed = threading.Condition()

    def add(self, seen: Seen) -> None:
        """Record an exchange; the oldest is dropped above the limit."""
        with self._changed:
            self._exchanges.append(seen)
            self._changed.notify_all()

    def progressed(self, seen: Seen, *, bytes_sent: int, events_sent: int) -> None:
        """Record progress: `bytes_sent` more bytes, `events_sent` events in total."""
        with self._changed:
            seen.bytes_sent += bytes_sent
            seen.events_sent = events_sent
            self._changed.notify_all()

    def ended(self, seen: Seen, how: Ended) -> None:
        """Record how an exchange ended."""
        with self._changed:
            seen.ended = how
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget everything."""
        with self._changed:
            self._exchanges.clear()

    def wait_for(self, holds: Callable[[list[Seen]], bool], timeout_s: float = 10.0) -> list[Seen]:
        """Wait until `holds(exchanges)`, then return them. Raises `TimeoutError` with their last state."""
        with self._changed:
            if self._changed.wait_for(lambda: holds(list(self._exchanges)), timeout_s):
                return list(self._exchanges)
            states = [(s.path, s.recording, s.ended, s.bytes_sent, s.events_sent) for s in self._exchanges]
        raise TimeoutError(f"after {timeout_s} s the exchanges (path, recording, ended, bytes, events) are {states}")

    def __iter__(self) -> Iterator[Seen]:
        with self._changed:
            return iter(list(self._exchanges))

    def __len__(self) -> int:
        with self._changed:
            return len(self._exchanges)

    def __getitem__(self, index: int) -> Seen:
        with self._changed:
            return self._exchanges[index]
