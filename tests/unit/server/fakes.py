"""What a processor hands its measurements and its log to, in tests."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.document import Log
from extproc.domain.record import ExchangeRecord
from extproc.exchange.events import Event, RequestBody, Step, StreamClosed
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot
from extproc.server.operations.json_log import open_log
from extproc.server.transport.processor import Processor
from extproc.server.transport.record_sinks import Sink
from extproc.server.transport.session import Session
from tests.hangs import HANG_S

SECRET = "the user's own words"


class Records:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.all: list[ExchangeRecord] = []

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Keep it."""
        self.all.append(record)


class BrokenSink:
    """A sink that fails, with a text in its message."""

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Fail."""
        raise OSError(SECRET)


class BrokenExchange(Exchange):
    """An exchange with a fault of ours: a body that holds ``break`` raises, which ``step`` promises never to do."""

    def step(self, event: Event, now_ns: int) -> Step:
        """Fail on that body, and on everything after it."""
        if isinstance(event, RequestBody) and b"break" in event.body:
            self.broken = True
        if getattr(self, "broken", False) and not isinstance(event, StreamClosed):
            raise ValueError(SECRET)
        return super().step(event, now_ns)


class SlowExchange(Exchange):
    """An exchange that takes its time over a body that holds ``slow``: until it is let go."""

    taken = threading.Event()
    let_go = threading.Event()

    def step(self, event: Event, now_ns: int) -> Step:
        """Wait in that body."""
        if isinstance(event, RequestBody) and b"slow" in event.body:
            self.taken.set()
            assert self.let_go.wait(HANG_S)
        return super().step(event, now_ns)


class BrokenToTheEnd(BrokenExchange):
    """It cannot even be closed."""

    def step(self, event: Event, now_ns: int) -> Step:
        """Fail on the end too."""
        if isinstance(event, StreamClosed):
            raise ValueError(SECRET)
        return super().step(event, now_ns)


class Logged:
    """The log, and what was written to it."""

    def __init__(self, level: str = "debug") -> None:
        self.stream = io.StringIO()
        self.logger = open_log(Log.model_validate({"level": level}), self.stream)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines so far."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


class Wired:
    """A processor with its records, its step counts and its log."""

    def __init__(self, snapshot: Snapshot, *sinks: Sink, level: str = "debug") -> None:
        self.records = Records()
        self.steps: list[str] = []
        self.logged = Logged(level)
        self.stream = self.logged.stream
        log = self.logged.logger
        self.processor = Processor(snapshot, [*sinks, self.records], lambda phase, _: self.steps.append(phase), log)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines so far."""
        return self.logged.lines


def receive(session: Session, *messages: pb.ProcessingRequest) -> list[pb.ProcessingResponse]:
    """Gives a session messages as a transport does; none may abort."""
    sent = []
    for message in messages:
        replies = session.receive(message.SerializeToString())
        assert replies.abort is None
        sent += [pb.ProcessingResponse.FromString(reply) for reply in replies.messages]
        session.settle()
    return sent
