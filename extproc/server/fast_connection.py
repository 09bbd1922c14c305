"""One connection of the fast transport: what comes in one read is answered by one write.

The order of replies within a stream is the order of its messages. A message large enough to keep the other streams
waiting is taken in a thread; until it is done, later messages of its stream wait (as many as its window lets in).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from google.protobuf.message import DecodeError

from extproc._pb import ext_proc_pb2 as pb
from extproc._pb import health_pb2 as health_pb
from extproc.server.h2.connection import GRPC_INTERNAL, GRPC_OK, GRPC_UNIMPLEMENTED, H2Connection
from extproc.server.h2.events import CallEnded, CallReceived, ConnectionEnded, H2Event, MessageReceived
from extproc.server.h2.frames import FRAME_HEADER_BYTES, PREFACE
from extproc.server.json_log import where
from extproc.server.processor import HEAVY_MESSAGE_BYTES, METHOD, Replies, Session

if TYPE_CHECKING:
    from extproc.server.fast import FastServer

GRPC_NOT_FOUND, GRPC_UNAVAILABLE = 5, 14
PREFACE_S_MAX = 10.0
_PROCESS = METHOD.encode()
_CHECK = b"/grpc.health.v1.Health/Check"
_WATCH = b"/grpc.health.v1.Health/Watch"


class ExchangeCall:
    """One exchange: its session, and the messages that wait while a thread is in it."""

    __slots__ = ("busy", "ended", "session", "waiting")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.waiting: deque[bytes] = deque()
        self.busy = False
        self.ended = False


class FastConnection(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: FastServer) -> None:
        self._server = server
        self._h2 = H2Connection(server.limits)
        self._transport: asyncio.Transport
        self.exchanges: dict[int, ExchangeCall] = {}
        self._questions: dict[int, bytes] = {}  # health calls whose question has not come yet, by path
        self._watchers: dict[int, asyncio.Task[None]] = {}
        self._unsettled: list[tuple[int, Session]] = []
        self._unproven_bytes = len(PREFACE) + FRAME_HEADER_BYTES  # what a peer must send to be one
        self._tasks: set[asyncio.Task[None]] = set()

    # --- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Envoy connects."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass of asyncio's
        self._server.connections.add(self)
        self._hurry = asyncio.get_running_loop().call_later(PREFACE_S_MAX, self._give_up)
        self._write()

    def data_received(self, data: bytes) -> None:
        """Step everything that came, answer it in one write, then hand the measurements on."""
        self._unproven_bytes -= len(data)
        if self._unproven_bytes <= 0:
            self._hurry.cancel()
        for event in self._h2.receive(data, time.monotonic_ns()):
            try:
                self._take(event)
            except Exception as error:
                self._fail(event, error)
        self._write()
        self._settle()

    def pause_writing(self) -> None:
        """Envoy does not take what it is sent: read nothing more from it."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It does again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """Every call has ended with it."""
        self._hurry.cancel()
        self._server.connections.discard(self)
        for stream_id in list(self.exchanges):
            self._end_exchange(stream_id)
        for watcher in self._watchers.values():
            watcher.cancel()
        self._settle()

    # --- calls -----------------------------------------------------------------------------------------------------

    def _take(self, event: H2Event) -> None:
        if isinstance(event, MessageReceived):
            call = self.exchanges.get(event.stream_id)
            if call is not None:
                self._take_message(event.stream_id, call, event.message)
            else:
                self._answer_health(event.stream_id, event.message)
        elif isinstance(event, CallReceived):
            self._open(event.stream_id, event.headers)
        elif isinstance(event, CallEnded):
            self._ended_by_peer(event)
        elif isinstance(event, ConnectionEnded):
            self._server.processor.logger.warning("connection ended", error=event.code.name, reason=event.reason)

    def _open(self, stream_id: int, headers: Mapping[bytes, bytes]) -> None:
        path = headers[b":path"]
        if headers[b":method"] != b"POST" or not headers.get(b"content-type", b"").startswith(b"application/grpc"):
            self._h2.finish(stream_id, GRPC_UNIMPLEMENTED, "only gRPC is spoken here")
        elif headers.get(b"grpc-encoding", b"identity") != b"identity":
            self._h2.finish(
                stream_id, GRPC_UNIMPLEMENTED, "messages must not be compressed: send grpc-encoding identity"
            )
        elif path == _PROCESS:
            if self._server.health.draining:
                self._h2.finish(stream_id, GRPC_UNAVAILABLE, "draining")
            else:
                self.exchanges[stream_id] = ExchangeCall(self._server.processor.open())
        elif path in (_CHECK, _WATCH):
            self._questions[stream_id] = path
        else:
            self._h2.finish(stream_id, GRPC_UNIMPLEMENTED, "there are only ext_proc and the health service")

    def _ended_by_peer(self, event: CallEnded) -> None:
        stream_id = event.stream_id
        self._questions.pop(stream_id, None)
        if event.reset and stream_id in self._watchers:
            self._watchers.pop(stream_id).cancel()
        call = self.exchanges.get(stream_id)
        if call is None:
            return
        if call.busy and not event.reset:
            call.ended = True  # its last replies are still to come
            return
        self._end_exchange(stream_id)
        if not event.reset:
            self._h2.finish(stream_id, GRPC_OK)

    def _end_exchange(self, stream_id: int) -> None:
        call = self.exchanges.pop(stream_id, None)
        if call is None:
            return
        if call.busy:
            call.ended = True  # a thread is in the session; it is closed when the thread is out
        else:
            self._close(call.session)

    def _close(self, session: Session) -> None:
        try:
            session.closed()
        except Exception as error:
            self._log("stream failed", error)

    def _take_message(self, stream_id: int, call: ExchangeCall, message: bytes) -> None:
        if call.busy:
            call.waiting.append(message)
        elif len(message) > HEAVY_MESSAGE_BYTES:
            call.busy = True
            self._h2.hold(stream_id)  # what waits for the thread is bounded by the window
            task = asyncio.get_running_loop().create_task(self._take_heavy(stream_id, call, message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._reply(stream_id, call, _receive(call.session, message))

    async def _take_heavy(self, stream_id: int, call: ExchangeCall, message: bytes) -> None:
        try:
            replies = await asyncio.to_thread(_receive, call.session, message)
        except DecodeError as error:
            call.busy = False
            self._fail_stream(stream_id, error)
            self._write()
            return
        call.busy = False
        if self.exchanges.get(stream_id) is not call:  # the stream has gone in the meantime
            self._close(call.session)
            return
        self._reply(stream_id, call, replies)
        while call.waiting and not call.busy and self.exchanges.get(stream_id) is call:
            self._take_message(stream_id, call, call.waiting.popleft())
        if not call.busy:
            self._h2.release(stream_id)
        if call.ended and not call.busy and self.exchanges.get(stream_id) is call:
            self._end_exchange(stream_id)
            self._h2.finish(stream_id, GRPC_OK)
        self._write()
        self._settle()

    def _reply(self, stream_id: int, call: ExchangeCall, replies: Replies) -> None:
        taken = True
        for reply in replies.messages:
            taken = self._h2.send_message(stream_id, reply.SerializeToString()) and taken
        if replies.abort is not None:
            self._h2.finish(stream_id, GRPC_INTERNAL, replies.abort)
        if replies.abort is not None or not taken:
            self._end_exchange(stream_id)
        else:
            self._unsettled.append((stream_id, call.session))

    # --- health ----------------------------------------------------------------------------------------------------

    def _answer_health(self, stream_id: int, message: bytes) -> None:
        path = self._questions.pop(stream_id, None)
        if path is None:
            return
        try:
            service = health_pb.HealthCheckRequest.FromString(message).service
        except DecodeError:
            self._h2.finish(stream_id, GRPC_INTERNAL, "not a health question")
            return
        if path == _WATCH:
            self._watchers[stream_id] = asyncio.get_running_loop().create_task(self._watch(stream_id, service))
            return
        status = self._server.health.status(service)
        if status is None:
            self._h2.finish(stream_id, GRPC_NOT_FOUND, "unknown service")
            return
        self._h2.send_message(stream_id, health_pb.HealthCheckResponse(status=status).SerializeToString())
        self._h2.finish(stream_id, GRPC_OK)

    async def _watch(self, stream_id: int, service: str) -> None:
        """Tell of each change until the process drains."""
        health = self._server.health
        told = None
        while True:
            changed, last = health.changed, health.draining
            status = health.status(service)
            if status is None:
                status = health_pb.HealthCheckResponse.SERVICE_UNKNOWN
            if status != told:
                told = status
                self._h2.send_message(stream_id, health_pb.HealthCheckResponse(status=status).SerializeToString())
            if last:
                self._h2.finish(stream_id, GRPC_OK)
            self._write()
            if last:
                return
            await changed.wait()

    # --- ends ------------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Tell Envoy to open new streams elsewhere; those that run go on."""
        self._h2.go_away()
        self._write()

    async def end_calls(self) -> int:
        """Cancel what still runs, and wait for what is in a thread. It is measured, and never ends with OK.

        Returns: how many exchanges.
        """
        running = list(self.exchanges)
        for stream_id in running:
            self._h2.finish(stream_id, GRPC_UNAVAILABLE, "the processor is going")
            self._end_exchange(stream_id)
        self._write()
        if self._tasks:
            await asyncio.wait(self._tasks)
        return len(running)

    def close(self) -> None:
        """Close the connection once its output is written."""
        self._transport.close()

    def _give_up(self) -> None:
        """A peer that never finishes its preface is not Envoy."""
        self._transport.abort()

    def _write(self) -> None:
        output = self._h2.take_output()
        if output and not self._transport.is_closing():
            self._transport.write(output)
        if self._h2.closed:
            self._transport.close()

    def _settle(self) -> None:
        unsettled, self._unsettled = self._unsettled, []
        for stream_id, session in unsettled:
            try:
                session.settle()
            except Exception as error:
                self._fail_stream(stream_id, error)
                self._write()

    def _fail(self, event: H2Event, error: Exception) -> None:
        """A fault of ours ends its stream, and no other."""
        if not isinstance(event, ConnectionEnded):
            self._fail_stream(event.stream_id, error)

    def _fail_stream(self, stream_id: int, error: Exception) -> None:
        self._log("stream failed", error)
        self._h2.finish(stream_id, GRPC_INTERNAL, "internal_error")
        self._end_exchange(stream_id)

    def _log(self, event: str, error: Exception) -> None:
        """An exception's message may quote a text, so only its type and place are told."""
        self._server.processor.logger.error(event, error=type(error).__name__, where=where(error))


def _receive(session: Session, message: bytes) -> Replies:
    """Raises: DecodeError for bytes that are no message; nothing else."""
    return session.receive(pb.ProcessingRequest.FromString(message))
