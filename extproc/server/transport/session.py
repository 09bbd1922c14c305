"""Transport-independent processing of a message: event, step, replies, then measurements.

A transport passes a session each message of its gRPC stream, sends the replies in order, and calls ``settle``
afterwards. A session never raises: a failure aborts only its own stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from random import getrandbits
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from extproc.domain.classification import ClassificationJob
from extproc.domain.record import DRAINED, ExchangeRecord
from extproc.domain.trace_context import WorkTimes
from extproc.exchange.egress import EgressExchange
from extproc.exchange.events import (
    Abort,
    Event,
    FeedbackAnswered,
    LimitsAnswered,
    Overloaded,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
    Step,
    StreamClosed,
    VerdictMissing,
    VerdictReceived,
    Wait,
)
from extproc.exchange.machine import Exchange
from extproc.exchange.trace_contexts import SEED_BITS
from extproc.server.operations.json_log import where
from extproc.server.transport.long_messages import LONG_MESSAGE_BYTES
from extproc.server.transport.turns import Turn
from extproc.wire.decode import UnknownMessage, decode
from extproc.wire.encode import encode, more_time

if TYPE_CHECKING:
    from extproc.server.transport.processor import Processor  # which opens sessions

_PHASES: Final[dict[type[Event], str]] = {
    RequestHeaders: "request_headers",
    RequestBody: "request_body",
    RequestTrailers: "request_trailers",
    ResponseHeaders: "response_headers",
    ResponseBody: "response_body",
    ResponseTrailers: "response_trailers",
    VerdictReceived: "verdict",
    VerdictMissing: "verdict",
    LimitsAnswered: "limits",
    FeedbackAnswered: "feedback",
    Overloaded: "overloaded",
}
"""Metric labels, by event: of messages, and of what else leads to a reply."""
_REQUEST_WORK: Final = frozenset({"request_body", "verdict", "limits"})
_RESPONSE_WORK: Final = frozenset({"response_headers", "response_body", "response_trailers"})
_MS_NS: Final = 1_000_000


@dataclass(init=False, slots=True)
class Replies:
    """The messages to send in reply, in order; ``abort`` then ends the stream with an error status.

    With ``waits`` there is nothing to send yet: ``Session.answered`` waits for the answers.
    """

    messages: list[bytes]
    abort: str | None
    waits: Sequence[Wait]  # process no further message of the stream until ``Session.answered`` has replied

    def __init__(self, messages: list[bytes], abort: str | None = None, waits: Sequence[Wait] = ()) -> None:
        self.messages = messages
        self.abort = abort
        self.waits = waits


class Session:
    """One gRPC stream. It is also the pace of its exchange: that of the turn in which a long message is checked."""

    __slots__ = (
        "_egress",
        "_ended",
        "_exchange",
        "_jobs",
        "_processor",
        "_record",
        "_room",
        "_sent",
        "_stated",
        "_turn",
        "_unsettled",
        "_work",
    )

    def __init__(self, processor: Processor, routes: bytes = b"", egress: bytes = b"", hop: bytes = b"") -> None:
        self._processor = processor
        self._stated = routes, hop.decode("latin-1")
        self._egress = egress.decode("latin-1")
        self._turn: Turn | None = None
        self._room: tuple[int, Hashable] | None = None  # capacity reserved for a message
        self._exchange: Exchange | EgressExchange | None = None
        self._record: ExchangeRecord | None = None
        self._sent: ExchangeRecord | None = None
        self._unsettled = False  # there is something to publish
        self._work: WorkTimes | None = None
        self._jobs: list[ClassificationJob] = []
        self._ended = False

    def is_long(self, message: bytes) -> bool:
        """Whether a message may take long: then use ``receive_long``."""
        return len(message) > LONG_MESSAGE_BYTES or (self._exchange is not None and self._exchange.awaits_encoded)

    def more_time(self) -> bytes:
        """Reply that extends Envoy's timeout before a long message is checked, if needed: the normal one is for short
        messages.
        """
        if self._exchange is None or not self._exchange.awaits_request:
            return b""
        return more_time(self._processor.snapshot.long_message_timeout_ms)

    def announce(self, size_bytes: int, connection: Hashable) -> Replies | None:
        """A message of this length begins to arrive. Returns: the rejection of a request over capacity.

        Args: connection: the connection it arrives on.
        """
        exchange = self._exchange
        if exchange is None or not exchange.awaits_request or size_bytes <= LONG_MESSAGE_BYTES or self._room:
            return None
        if not self._processor.long_messages.take_room(size_bytes, connection):
            return self._take(Overloaded())
        self._room = size_bytes, connection
        return None

    async def receive_long(self, message: bytes, connection: Hashable) -> Replies:
        """Like ``receive``, in a thread; a request over capacity is rejected.

        Args: connection: the connection it arrived on.
        """
        processor, exchange = self._processor, self._exchange
        if self._room is None:
            if exchange is None or not exchange.awaits_request:
                processor.long_messages.hold(len(message), connection)
            elif not processor.long_messages.take_room(len(message), connection):
                return self._take(Overloaded())
            self._room = len(message), connection
        cpu_ns_max = processor.snapshot.limits.judge_cpu_ms_max * _MS_NS
        turn = self._turn = processor.long_messages.turn(cpu_ns_max, len(message))
        try:
            replies = await processor.long_messages.judge(lambda: self.receive(message), turn)
        finally:
            self._turn = None
            self._leave_room()
        return replies or Replies([])

    def _leave_room(self) -> None:
        if self._room is not None:
            self._processor.long_messages.leave_room(*self._room)
            self._room = None

    def fail(self, reason: str) -> None:
        """The transport could not read a message: the exchange has failed. Call ``closed`` afterwards."""
        if self._exchange is not None and not self._ended:
            self._note(self._exchange.fail(reason, time.monotonic_ns()))

    def abandon(self) -> None:
        """Envoy's stream is over: a thread stops before its next slice. Call ``closed`` afterwards."""
        if self._turn is not None:
            self._turn.abandon()

    def check(self) -> None:
        """Called between slices of a message. Raises: TextTooCostly, Abandoned."""
        if self._turn is not None:
            self._turn.check()

    def start_again(self) -> None:
        """Reset the time limit, after a guard that took too long was skipped."""
        if self._turn is not None:
            self._turn.start_again()

    def receive(self, message: bytes) -> Replies:
        """Process one message. If the reply has ``waits``, ``answered`` must follow, or ``closed``."""
        now_ns = time.monotonic_ns()
        # A turn may have to wait, so the time of its thread counts.
        started_ns = now_ns if self._turn is None else time.thread_time_ns()
        try:
            event = decode(message)
            replies = _replies(self._step(event, now_ns))
            phase = "egress" if self._egress else _PHASES[type(event)]
            if self._turn is None:
                took_ns = time.monotonic_ns() - started_ns
            else:
                took_ns = time.thread_time_ns() - started_ns
                if self._turn.gone:
                    phase = "abandoned"
            self._processor.on_step(phase, took_ns)
            if self._work is not None:
                _add_step(self._work, phase, now_ns, took_ns)
        except (DecodeError, UnknownMessage) as unknown:  # not `error`: mypyc types a name by its first use
            return self._fail("unknown_message", unknown)
        except Exception as error:
            return self._fail("internal_error", error)
        return replies

    async def answered(self, waits: Sequence[Wait]) -> Replies:
        """Wait for all answers concurrently, until the exchange continues or ends."""
        tasks = [asyncio.ensure_future(self._processor.answer(wait)) for wait in waits]
        try:
            for answer in asyncio.as_completed(tasks):
                replies = self._take(await answer)
                if replies.messages or replies.abort is not None:
                    return replies
            raise RuntimeError("the exchange neither went on nor ended")
        except Exception as error:
            return self._fail("internal_error", error)
        finally:
            for task in tasks:
                task.cancel()

    def _take(self, event: Event) -> Replies:
        """Step an event that is not a message."""
        now_ns = time.monotonic_ns()
        replies = _replies(self._step(event, now_ns))
        phase, took_ns = _PHASES[type(event)], time.monotonic_ns() - now_ns
        self._processor.on_step(phase, took_ns)
        if self._work is not None:
            _add_step(self._work, phase, now_ns, took_ns)
        return replies

    def closed(self) -> None:
        """Envoy's stream is over, for whatever reason."""
        self._leave_room()
        if self._exchange is not None:
            if self._processor.cancels and not self._ended:
                self._exchange.record.reason = DRAINED
            try:
                self._step(StreamClosed(), time.monotonic_ns())
            except Exception as error:
                self._fail("internal_error", error)
            self._processor.inflight -= not self._egress
            self._exchange = None
        self.settle()

    def settle(self) -> None:
        """Publish measurements, after the replies are sent."""
        if not self._unsettled:  # of most messages
            return
        self._unsettled = False
        record, self._record = self._record, None
        sent, self._sent = self._sent, None
        if sent is not None:
            self._processor.records.sent(sent)
        if self._jobs:
            jobs, self._jobs = self._jobs, []
            self._processor.submit(jobs)
        if record is not None:
            self._work = None  # of the record now, which does not change any more
            self._processor.records.ended(record)

    def _step(self, event: Event, now_ns: int) -> Step:
        if self._exchange is None:
            self._exchange = self._begin(now_ns)
        step = self._exchange.step(event, now_ns)
        self._note(step)
        return step

    def _begin(self, now_ns: int) -> Exchange | EgressExchange:
        processor = self._processor
        if self._egress:  # a part of an exchange that is counted already
            rates = processor.learned_rates
            return EgressExchange(processor.snapshot, self._egress, now_ns, rates, self, time.time())
        processor.inflight += 1
        memories = processor.clean_texts, processor.learned_rates
        routes, hop = self._stated
        routed = processor.envoy_routes.compared(routes)
        traced = processor.snapshot.tracing is not None
        exchange = Exchange(
            processor.snapshot,
            processor.next_id(),
            now_ns,
            *memories,
            self,
            routed.versions,
            time.time(),
            processor.picks,
            routed.through_egress,
            processor.limiter,
            hop,
            None if processor.records.ledger is None else processor.records.ledger.refusal,
            processor.budgets,
            getrandbits(SEED_BITS) if traced else 0,
            processor.used_marks,
        )
        if traced:
            self._work = exchange.record.work = WorkTimes()
        return exchange

    def _note(self, step: Step) -> None:
        if step.ended is not None and not self._ended:
            self._ended, self._record, self._unsettled = True, step.ended, True
        if step.jobs:
            self._jobs += step.jobs
            self._unsettled = True
        if step.sent_on is not None:
            self._sent, self._unsettled = step.sent_on, True
        if step.error is not None:
            self._log_failure(step.error)

    def _fail(self, reason: str, error: Exception) -> Replies:
        """A failure outside the exchange: it ends the exchange, which is measured once like any other."""
        self.fail(reason)
        self._log_failure(error)
        return Replies([], reason)

    def _log_failure(self, error: BaseException) -> None:
        record = self._exchange.record if self._exchange else None
        self._processor.logger.error(
            "exchange failed",
            exchange=record.id if record else "",
            reason=record.reason if record else "",
            error=type(error).__name__,
            where=where(error),
        )


def _add_step(work: WorkTimes, phase: str, began_ns: int, took_ns: int) -> None:
    if phase in _REQUEST_WORK:
        work.add_request(began_ns, time.monotonic_ns(), took_ns)
    elif phase in _RESPONSE_WORK:
        work.add_response(began_ns, time.monotonic_ns(), took_ns)


def _replies(step: Step) -> Replies:
    messages: list[bytes] = []
    for command in step.commands:
        if isinstance(command, Abort):
            return Replies(messages, command.reason)
        messages.append(encode(command))
    return Replies(messages, None, step.waits)
