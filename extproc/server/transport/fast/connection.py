"""One connection of the fast transport: each read is answered with one write.

Replies keep the order of their messages within a stream. A message that is long enough to block other streams is
processed in a thread (``long_messages``); until it is done, later messages of its stream wait (bounded by its window),
but no other stream does.

A peer may be hostile. ``h2`` bounds what it may send; this module bounds what it makes us keep: calls without a
message, messages queued behind an earlier one of their stream, output that it does not read. An internal error on one
connection ends only that connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from extproc.domain.contract import EGRESS_HEADER, HOP_HEADER, ROUTES_HEADER
from extproc.exchange.events import Wait
from extproc.server.operations.json_log import where
from extproc.server.transport.fast.calls import PROCESS, ExchangeCall, SilentCalls
from extproc.server.transport.fast.health import CHECK, WATCH, HealthCalls
from extproc.server.transport.fast.peer_timeouts import Peer, PeerTimeouts
from extproc.server.transport.h2.connection import GRPC_INTERNAL, GRPC_OK, GRPC_UNIMPLEMENTED, H2Connection
from extproc.server.transport.h2.events import (
    CallEnded,
    CallReceived,
    ConnectionEnded,
    H2Event,
    MessageAnnounced,
    MessageReceived,
)
from extproc.server.transport.session import Replies, Session

if TYPE_CHECKING:
    from extproc.server.transport.fast.server import FastServer

GRPC_DEADLINE_EXCEEDED, GRPC_UNAVAILABLE = 4, 14
_WRITE_BYTES = 1_048_576  # flush replies to one read at this size, so that backpressure is noticed
_SECOND_NS = 1_000_000_000
_ROUTES, _EGRESS, _HOP = (name.encode() for name in (ROUTES_HEADER, EGRESS_HEADER, HOP_HEADER))


class FastConnection(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: FastServer) -> None:
        self._server = server
        self._h2 = H2Connection(server.limits)
        self._limits = server.socket_limits
        self._transport: asyncio.Transport
        self.exchanges: dict[int, ExchangeCall] = {}
        self._silent = SilentCalls()
        self._health = HealthCalls(self._h2, server.health, self._write)
        self._unsettled: list[tuple[int, Session]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._heard_ns = time.monotonic_ns()
        self._timeouts = PeerTimeouts(self._limits, self._heard_ns)
        self._waiting_bytes = 0  # of messages queued behind one in a thread or waiting for classifiers
        self._unwritten_bytes = 0  # of replies since the last write
        self._written_bytes = 0
        self._is_read = True
        self._writes_wait = False
        self._peer_has_left = False  # half-closed by the peer

    # --- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Envoy connects."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports do not subclass asyncio's
        if not self._server.admit(self):
            self._transport.abort()
            return
        self._look_later()
        self._write()

    def data_received(self, data: bytes) -> None:
        """Step all received messages, answer them in one write, then publish the measurements."""
        self._heard_ns = now_ns = time.monotonic_ns()
        for event in self._h2.receive(data, now_ns):
            try:
                self._take(event)
            except Exception as error:
                self._fail(event, error)
        self._write()
        self._settle()

    def pause_writing(self) -> None:
        """Backpressure: pause reading while the write buffer is full."""
        self._writes_wait = True
        self._read_or_not()

    def resume_writing(self) -> None:
        """Resume reading."""
        self._writes_wait = False
        self._read_or_not()

    def eof_received(self) -> bool:
        """Half-close: flush in-flight replies, then close. Returns: whether to stay open.

        TLS has no half-close here: asyncio closes the connection.
        """
        if self._transport.get_extra_info("sslcontext") is not None:
            return False
        self._peer_has_left = True
        self._is_read = False
        self._leave()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """End every call."""
        if self._timer is not None:
            self._timer.cancel()
        self._server.connections.discard(self)
        for stream_id in list(self.exchanges):
            self._end_exchange(stream_id)
        self._health.close()
        self._settle()

    def _read_or_not(self) -> None:
        """Bound what a peer makes us keep, by pausing reads."""
        if self._peer_has_left or self._transport.is_closing():
            return
        is_read = not self._writes_wait and self._waiting_bytes <= self._limits.waiting_bytes_max
        if is_read != self._is_read:
            self._is_read = is_read
            (self._transport.resume_reading if is_read else self._transport.pause_reading)()

    # --- a peer's time -----------------------------------------------------------------------------------------------

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._limits.look_s, self._look)

    def _look(self) -> None:
        """Check the peer's timeouts; continues after we have closed the connection, until it is lost."""
        self._look_later()
        now_ns = time.monotonic_ns()
        unsent_bytes = self._transport.get_write_buffer_size()
        taken_bytes = self._written_bytes - unsent_bytes
        is_read = self._is_read and not self._transport.is_closing()
        peer = Peer(self._h2.greeted, self._heard_ns, is_read, taken_bytes, unsent_bytes)
        if reason := self._timeouts.ends(now_ns, peer):
            self._abort(reason)
            return
        if self._timeouts.ping_is_due(now_ns, peer):
            self._h2.ping()
        for event in self._h2.end_stalled(now_ns):
            self._take(event)
        if is_read:
            self._end_silent_calls(now_ns)
        else:
            self._silent.restart_timers(now_ns)
        self._write()
        self._settle()

    def _end_silent_calls(self, now_ns: int) -> None:
        earliest_ns = now_ns - int(self._limits.first_message_s_max * _SECOND_NS)
        for stream_id in self._silent.take_overdue(earliest_ns):
            self._h2.finish(stream_id, GRPC_DEADLINE_EXCEEDED, "the first message did not come in time")

    # --- calls -----------------------------------------------------------------------------------------------------

    def _take(self, event: H2Event) -> None:
        if isinstance(event, MessageReceived):
            call = self.exchanges.get(event.stream_id)
            if call is not None:
                self._take_message(event.stream_id, call, event.message)
            else:
                self._take_first_message(event.stream_id, event.message)
        elif isinstance(event, MessageAnnounced):
            self._announced(event)
        elif isinstance(event, CallReceived):
            self._open(event.stream_id, event.headers)
        elif isinstance(event, CallEnded):
            self._ended_by_peer(event)
        elif isinstance(event, ConnectionEnded):
            self._server.processor.logger.warning("connection ended", error=event.code.name, reason=event.reason)

    def _open(self, stream_id: int, headers: Mapping[bytes, bytes]) -> None:
        path = headers[b":path"]
        if headers.get(b"grpc-encoding", b"identity") != b"identity":
            self._h2.finish(
                stream_id, GRPC_UNIMPLEMENTED, "messages must not be compressed: send grpc-encoding identity"
            )
        elif path == PROCESS and self._server.health.draining:
            self._h2.refuse(stream_id)
        elif path in (PROCESS, CHECK, WATCH):
            self._silent.add(stream_id, headers, self._heard_ns)
        else:
            self._h2.finish(stream_id, GRPC_UNIMPLEMENTED, "there are only ext_proc and the health service")

    def _take_first_message(self, stream_id: int, message: bytes) -> None:
        headers = self._silent.take(stream_id)
        path = headers[b":path"]
        if path == PROCESS:
            stated = (headers.get(name, b"") for name in (_ROUTES, _EGRESS, _HOP))
            session = self._server.processor.open(*stated)
            call = self.exchanges[stream_id] = ExchangeCall(session)
            self._take_message(stream_id, call, message)
        elif path:
            self._health.answer(stream_id, path, message)

    def _ended_by_peer(self, event: CallEnded) -> None:
        stream_id = event.stream_id
        path = self._silent.take(stream_id)[b":path"]
        if event.reset:
            self._health.cancel(stream_id)
            if event.refused and (call := self.exchanges.get(stream_id)) is not None and not call.busy:
                call.session.fail("message_refused")
            self._end_exchange(stream_id)
        elif path:
            status = GRPC_OK if path == PROCESS else GRPC_INTERNAL
            self._h2.finish(stream_id, status, "" if path == PROCESS else "the question is missing")
        elif (call := self.exchanges.get(stream_id)) is not None:
            if call.busy:
                call.ended = True  # its last replies are still pending
            else:
                self._end_exchange(stream_id)
                self._h2.finish(stream_id, GRPC_OK)

    def _end_exchange(self, stream_id: int) -> None:
        call = self.exchanges.pop(stream_id, None)
        if call is None:
            return
        if call.waiting:
            self._wait(-call.drop_waiting())
        if call.verdicts is not None:
            call.verdicts.cancel()
        if call.busy:  # a thread uses the session or waits for its turn; the thread closes it
            call.session.abandon()
        else:
            self._close(call.session)

    def _close(self, session: Session) -> None:
        try:
            session.closed()
        except Exception as error:
            self._log("stream failed", error)

    def _take_message(self, stream_id: int, call: ExchangeCall, message: bytes) -> None:
        if call.busy:
            self._wait(call.put_behind(message))
        elif call.session.is_long(message):
            if more_time := call.session.more_time():
                self._h2.send_message(stream_id, more_time)
            self._reply_later(stream_id, call, self._in_thread(stream_id, call, message))
        elif (replies := call.session.receive(message)).waits:
            self._reply_later(stream_id, call, self._answers(call, replies.waits))
        else:
            self._reply(stream_id, call, replies)

    def _announced(self, event: MessageAnnounced) -> None:
        """Reject a long message before it has arrived: a flood of them costs only their first bytes."""
        call = self.exchanges.get(event.stream_id)
        if call is None or call.busy or (replies := call.session.announce(event.size_bytes, self)) is None:
            return
        self._reply(event.stream_id, call, replies)
        self._end_exchange(event.stream_id)
        self._h2.finish(event.stream_id, GRPC_OK)

    def _reply_later(self, stream_id: int, call: ExchangeCall, work: Coroutine[Any, Any, Replies]) -> None:
        call.busy = True
        self._h2.hold(stream_id)  # what queues up meanwhile is bounded by the window
        task = asyncio.get_running_loop().create_task(self._take_late(stream_id, call, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_thread(self, stream_id: int, call: ExchangeCall, message: bytes) -> Replies:
        replies = await call.session.receive_long(message, self)
        if replies.waits and self.exchanges.get(stream_id) is call:
            return await self._answers(call, replies.waits)
        return replies

    async def _answers(self, call: ExchangeCall, waits: Sequence[Wait]) -> Replies:
        call.verdicts = asyncio.ensure_future(call.session.answered(waits))
        try:
            return await call.verdicts
        except asyncio.CancelledError:  # the stream is gone
            return Replies([])
        finally:
            call.verdicts = None

    async def _take_late(self, stream_id: int, call: ExchangeCall, work: Coroutine[Any, Any, Replies]) -> None:
        try:
            replies = await work
            call.busy = False
            if self.exchanges.get(stream_id) is call:
                self._reply(stream_id, call, replies)
                self._take_waiting(stream_id, call)
            else:  # the stream is gone in the meantime
                self._close(call.session)
        except Exception as error:
            call.busy = False
            self._close(call.session)
            self._fail_stream(stream_id, error)
        self._write()
        self._settle()
        if self._peer_has_left:
            self._leave()

    def _take_waiting(self, stream_id: int, call: ExchangeCall) -> None:
        while call.waiting and not call.busy and self.exchanges.get(stream_id) is call:
            message, message_bytes = call.take_waiting()
            self._wait(-message_bytes)
            self._take_message(stream_id, call, message)
        if call.busy or self.exchanges.get(stream_id) is not call:
            return
        self._h2.release(stream_id)
        if call.ended:
            self._end_exchange(stream_id)
            self._h2.finish(stream_id, GRPC_OK)

    def _wait(self, more_bytes: int) -> None:
        self._waiting_bytes += more_bytes
        self._read_or_not()

    def _reply(self, stream_id: int, call: ExchangeCall, replies: Replies) -> None:
        taken = True
        for reply in replies.messages:
            taken = self._h2.send_message(stream_id, reply) and taken
            self._unwritten_bytes += len(reply)
        if self._unwritten_bytes > _WRITE_BYTES:
            self._write()
        if replies.abort is not None:
            self._h2.finish(stream_id, GRPC_INTERNAL, replies.abort)
        if replies.abort is not None or not taken:
            self._end_exchange(stream_id)
        else:
            self._unsettled.append((stream_id, call.session))

    # --- ends ------------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Ask Envoy to open new streams elsewhere; running streams continue."""
        self._h2.go_away()
        self._write()

    def ask_to_leave(self) -> None:
        """Ask Envoy to open new streams elsewhere; streams that it opens before it reads that are still served."""
        self._h2.ask_to_leave()
        self._write()

    @property
    def serves(self) -> bool:
        """Whether an exchange runs or is announced."""
        return bool(self.exchanges) or self._silent.has_exchange

    async def end_calls(self) -> int:
        """Cancel running exchanges, and wait for threads. They are measured, and never end with OK.

        Returns: how many exchanges.
        """
        running = list(self.exchanges)
        for stream_id in (*running, *self._silent):
            self._h2.finish(stream_id, GRPC_UNAVAILABLE, "the processor is going")
            self._end_exchange(stream_id)
        self._write()
        if self._tasks:
            await asyncio.wait(self._tasks)
        return len(running)

    def close(self) -> None:
        """Close the connection once its output is written."""
        self._transport.close()

    def _leave(self) -> None:
        """Close the connection once no reply is pending."""
        if any(call.busy for call in self.exchanges.values()):
            return
        for stream_id in list(self.exchanges):
            self._end_exchange(stream_id)
        self._h2.go_away()
        self._write()
        self.close()

    def _abort(self, reason: str) -> None:
        self._server.processor.logger.warning("connection ended", error="", reason=reason)
        self._transport.abort()

    def _write(self) -> None:
        output = self._h2.take_output()
        self._unwritten_bytes = 0
        if output and not self._transport.is_closing():
            self._transport.write(output)
            self._written_bytes += len(output)
            if self._writes_wait and self._transport.get_write_buffer_size() > self._limits.unsent_bytes_max:
                self._abort("the peer takes too little of what it is sent")
        if self._h2.closed:
            self._transport.close()

    def _settle(self) -> None:
        if not self._unsettled:
            return
        unsettled, self._unsettled = self._unsettled, []
        for stream_id, session in unsettled:
            try:
                session.settle()
            except Exception as error:
                self._fail_stream(stream_id, error)
                self._write()

    def _fail(self, event: H2Event, error: Exception) -> None:
        """An internal error ends only its own stream."""
        if not isinstance(event, ConnectionEnded):
            self._fail_stream(event.stream_id, error)

    def _fail_stream(self, stream_id: int, error: Exception) -> None:
        self._log("stream failed", error)
        self._h2.finish(stream_id, GRPC_INTERNAL, "internal_error")
        self._end_exchange(stream_id)

    def _log(self, event: str, error: Exception) -> None:
        """Exception messages may quote text, so only type and location are logged."""
        self._server.processor.logger.error(event, error=type(error).__name__, where=where(error))
