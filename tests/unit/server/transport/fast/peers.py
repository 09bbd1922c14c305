"""Peers on real sockets: one that writes its own frames, right or wrong, and one that behaves, to go on beside it.

Both event loops that the transport runs on are tried; each test has a loop of its own.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import inspect
import os
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc._pb import health_pb2 as health_pb
from extproc.domain.record import Outcome
from extproc.server.operations.health import Health
from extproc.server.transport.fast.connection import FastConnection
from extproc.server.transport.fast.server import FastServer
from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.frames import ErrorCode, frame, window_update
from extproc.server.transport.processor import METHOD
from tests.unit.server.envoy import request_body, request_headers, snapshot, unstreamed_chat
from tests.unit.server.fakes import Wired
from tests.unit.server.loops import time_s_max
from tests.unit.server.transport.h2.wire import HELLO, PLAIN_REQUEST, Frame, data, grpc

BODY_BYTES_MAX = 4_194_304
RECEIVED_BYTES = 65_536
WIDE = frames.settings({frames.INITIAL_WINDOW_SIZE: 2**31 - 1}) + window_update(0, 2**31 - 1 - 65_535)
QUESTION = grpc(health_pb.HealthCheckRequest().SerializeToString())
BEGIN = grpc(request_headers().SerializeToString())
STALLED = frames.settings({frames.INITIAL_WINDOW_SIZE: 0})
PING = frame(frames.PING, 0, 0, b"12345678")
SMALL_BYTES = 1_048_576  # what a connection may hold where no limit of its own is larger
LOOPS = ("asyncio", "uvloop")
_snapshot = functools.cache(snapshot)


def call(path: bytes = METHOD.encode()) -> bytes:
    """A header block for a path of ours."""
    return PLAIN_REQUEST.replace(bytes([len(b"/a.Service/Method")]) + b"/a.Service/Method", bytes([len(path)]) + path)


def code_of(found: list[Frame]) -> ErrorCode | None:
    """Why the connection has ended, as its peer is told."""
    return next((f.code for f in found if f.kind == frames.GOAWAY), None)


def held_bytes(connection: FastConnection) -> int:
    """All that a connection keeps of what came in and of what is to go out."""
    core = connection._h2
    calls = [message for call in connection.exchanges.values() for message in call.waiting or ()]
    return (
        sum(map(len, [*core._out, *core._pieces, *core._header_blocks._pieces, *calls]))
        + core._unfinished_bytes
        + core._output_bytes
        + connection._transport.get_write_buffer_size()
    )


def alive(*kinds: type) -> int:
    """How many objects there are that were made since the server was started."""
    gc.collect()
    return sum(isinstance(found, kinds) for found in gc.get_objects())


def body_frames(stream_id: int, text: str) -> bytes:
    """A request body in as many DATA frames as it needs."""
    octets = grpc(request_body(text).SerializeToString())
    return b"".join(data(stream_id, octets[start : start + 16_384]) for start in range(0, len(octets), 16_384))


def run_on(loop: str, test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test on a new event loop. What an event loop reports as an error of nobody's fails the test."""
    reported: list[str] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(str(context)))
        await asyncio.wait_for(test(), time_s_max())

    with asyncio.Runner(loop_factory=_loop_factory(loop)) as runner:
        runner.run(watched())
    assert reported == []


def _loop_factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Skips where uvloop is not installed, which CI has."""
    if loop == "asyncio":
        return asyncio.new_event_loop
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ModuleNotFoundError:
        reason = "the Python package uvloop is not installed (pip install 'llm-extproc[dev]')"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return factory


class Peer:
    """A socket with HTTP/2 frames written by hand."""

    def __init__(self, receive_buffer_bytes: int = 0) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self._unread = b""
        self._frames: deque[Frame] = deque()
        self.closed = False

    async def connect(self, port: int) -> None:
        """Open the connection."""
        await asyncio.get_running_loop().sock_connect(self.socket, ("127.0.0.1", port))

    async def send(self, octets: bytes) -> bool:
        """Send everything. Returns: false if the server has closed the connection."""
        try:
            await asyncio.get_running_loop().sock_sendall(self.socket, octets)
        except OSError:
            return False
        return True

    async def receive(self) -> list[Frame]:
        """The frames that come next, at least one unless the server has closed the connection."""
        while not self._frames and not self.closed:
            try:
                came = await asyncio.get_running_loop().sock_recv(self.socket, RECEIVED_BYTES)
            except OSError:
                came = b""
            self.closed = not came
            self._unread += came
            while len(self._unread) >= 9 and len(self._unread) >= 9 + int.from_bytes(self._unread[:3]):
                size = 9 + int.from_bytes(self._unread[:3])
                one, self._unread = self._unread[:size], self._unread[size:]
                self._frames.append(Frame(one[3], one[4], int.from_bytes(one[5:9]), one[9:]))
        found, self._frames = self._frames, deque()
        return list(found)

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The first frame that is wanted. Raises: AssertionError if the connection is closed without it."""
        while came := await self.receive():
            for place, one in enumerate(came, 1):
                if wanted(one):
                    self._frames.extendleft(reversed(came[place:]))
                    return one
        raise AssertionError("the server has closed the connection")

    async def until_closed(self) -> list[Frame]:
        """Everything up to the end of the connection."""
        found: list[Frame] = []
        while came := await self.receive():
            found += came
        return found

    async def status(self, stream_id: int) -> str:
        """The gRPC status that ends a call."""
        ends = frames.END_STREAM
        last = await self.until(lambda f: (f.kind, f.stream_id) == (frames.HEADERS, stream_id) and bool(f.flags & ends))
        fields = last.payload.split(b"grpc-status", 1)[1]  # our blocks are plain literals
        return fields[1 : 1 + fields[0]].decode()


class Neighbour:
    """A client that behaves, by the ``h2`` library, with one exchange."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        configuration = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self._client = h2.connection.H2Connection(configuration)
        self._client.initiate_connection()
        self._stream_id = self._client.get_next_available_stream_id()
        self._received = b""
        self.status = ""
        fields = {":method": "POST", ":scheme": "http", ":path": METHOD, ":authority": "extproc", "te": "trailers"}
        self._client.send_headers(self._stream_id, [*fields.items(), ("content-type", "application/grpc")])

    async def say(self, message: pb.ProcessingRequest) -> pb.ProcessingResponse:
        """One message and its reply."""
        self._client.send_data(self._stream_id, grpc(message.SerializeToString()))
        while len(self._received) < 5 or len(self._received) < 5 + int.from_bytes(self._received[1:5]):
            await self._carry()
        size = 5 + int.from_bytes(self._received[1:5])
        reply, self._received = self._received[5:size], self._received[size:]
        return pb.ProcessingResponse.FromString(reply)

    async def end(self) -> str:
        """End the call. Returns: its status."""
        self._client.end_stream(self._stream_id)
        while not self.status:
            await self._carry()
        return self.status

    async def _carry(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._peer.socket, self._client.data_to_send())
        came = await loop.sock_recv(self._peer.socket, RECEIVED_BYTES)
        assert came, "a client that behaves has lost its connection"
        for event in self._client.receive_data(came):
            assert not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated))
            if isinstance(event, h2.events.DataReceived):
                self._received += event.data
                self._client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.TrailersReceived):
                trailers = {str(name): str(value) for name, value in event.headers}
                self.status = trailers["grpc-status"]
        await loop.sock_sendall(self._peer.socket, self._client.data_to_send())


class Served:
    """A running server, and peers of it."""

    def __init__(self, **limits: float) -> None:
        self.wired = Wired(_snapshot())
        self.health = Health()
        self.health.set_ready(True)
        self.server = FastServer(self.wired.processor, self.health, "127.0.0.1:0", BODY_BYTES_MAX)
        of_sockets = {name: value for name, value in limits.items() if hasattr(self.server.socket_limits, name)}
        self.server.socket_limits = replace(self.server.socket_limits, **{"look_s": 0.01, **of_sockets})  # type: ignore[arg-type]
        of_h2 = {name: value for name, value in limits.items() if name not in of_sockets}
        self.server.limits = replace(self.server.limits, **of_h2)  # type: ignore[arg-type]
        self._peers: list[Peer] = []

    async def peer(self, octets: bytes = HELLO, receive_buffer_bytes: int = 0) -> Peer:
        """A connection on which some bytes have been sent."""
        peer = Peer(receive_buffer_bytes)
        self._peers.append(peer)
        await peer.connect(self.server.port)
        await peer.send(octets)
        return peer

    async def connection(self, peer: Peer) -> FastConnection:
        """The server's end of a connection."""
        address = peer.socket.getsockname()
        while True:
            for connection in self.server.connections:
                if connection._transport.get_extra_info("peername") == address:
                    return connection
            await asyncio.sleep(0.002)

    @asynccontextmanager
    async def neighbour(self) -> AsyncIterator[None]:
        """An exchange that is under way all the while, and is answered to its end, and measured."""
        first, second, third, fourth = unstreamed_chat()
        call = Neighbour(await self.peer(b""))
        await call.say(first)
        await call.say(second)
        yield
        await call.say(third)
        assert (await call.say(fourth)).WhichOneof("response") == "response_body"
        assert await call.end() == "0"
        assert self.wired.records.all[-1].outcome is Outcome.COMPLETED

    async def stop(self) -> None:
        """End all peers, and the server without the time that it gives to last statuses."""
        for peer in self._peers:
            peer.socket.close()
        for connection in list(self.server.connections):
            await connection.end_calls()
        await self.server._stop_accepting()
        self.server._close()


@asynccontextmanager
async def serving(**limits: float) -> AsyncIterator[Served]:
    """A started server with some limits of ``H2Limits`` and ``SocketLimits``; times are looked at every 10 ms."""
    gc.freeze()  # so that what counts objects does not look through those of all tests each time
    try:
        served = Served(**limits)
        await served.server.start()
        try:
            yield served
        finally:
            await served.stop()
    finally:
        gc.unfreeze()


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A coroutine as a test, once on each event loop; pytest sees its arguments."""

    def run(loop: str, **arguments: Any) -> None:
        run_on(loop, lambda: test(**arguments))

    own = inspect.signature(test)
    loop_too = inspect.Parameter("loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__signature__ = own.replace(parameters=[loop_too, *own.parameters.values()])  # type: ignore[attr-defined]
    marked: Callable[..., None] = pytest.mark.parametrize("loop", LOOPS)(run)
    return marked
