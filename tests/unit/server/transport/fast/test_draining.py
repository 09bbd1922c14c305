"""A process that ends refuses calls so that Envoy makes them elsewhere, until its last connection is closed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from extproc.server.transport.fast.health import CHECK
from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.frames import ErrorCode
from tests.unit.server.transport.fast.peers import BEGIN, QUESTION, Peer, Served, call, on_both_loops, serving
from tests.unit.server.transport.h2.wire import HELLO, data, headers

REFUSED = (frames.RST_STREAM, ErrorCode.REFUSED_STREAM.to_bytes(4))


@asynccontextmanager
async def draining(served: Served) -> AsyncIterator[asyncio.Task[int]]:
    """It waits for an exchange that ends with this."""
    running = await served.peer(HELLO + headers(1, call()) + data(1, BEGIN))
    await running.until(lambda frame: (frame.kind, frame.stream_id) == (frames.DATA, 1))
    served.health.drain()
    ends = asyncio.ensure_future(served.server.stop(3_600, asyncio.Event()))
    yield ends
    assert not ends.done()
    await running.send(data(1, b"", frames.END_STREAM))
    assert await running.status(1) == "0"
    assert await ends == 0


async def refused(peer: Peer, stream_id: int) -> bool:
    """Whether the first that comes of a stream says that nothing of it was read."""
    first = await peer.until(lambda frame: frame.stream_id == stream_id)
    return (first.kind, first.payload) == REFUSED


@on_both_loops
async def test_while_it_drains_calls_are_refused_and_questions_answered() -> None:
    """On a connection of before and on a new one: a probe that asks for health must not take it for dead."""
    async with serving() as served:
        before = await served.peer()
        await served.connection(before)
        async with draining(served):
            await before.send(headers(1, call()) + data(1, BEGIN))
            assert await refused(before, 1)
            late = await served.peer(HELLO + headers(1, call()) + data(1, BEGIN))
            assert await refused(late, 1)
            await late.send(headers(3, call(CHECK)) + data(3, QUESTION, frames.END_STREAM))
            assert await late.status(3) == "0"


@on_both_loops
async def test_what_comes_last_is_refused_not_lost() -> None:
    """A connection that came while it drained hears GOAWAY before it is closed: Envoy makes its calls elsewhere."""
    async with serving() as served:
        async with draining(served):
            late = await served.peer()
            await served.connection(late)
        assert frames.GOAWAY in [frame.kind for frame in await late.until_closed()]


@on_both_loops
async def test_who_has_connected_is_accepted_before_the_address_is_closed() -> None:
    """Otherwise the system would reset a connection on which a call may have been sent."""
    async with serving() as served:
        with contextlib.ExitStack() as peers:
            for _ in range(20):  # the system connects them, and the event loop has not yet looked
                peers.enter_context(socket.create_connection(("127.0.0.1", served.server.port)))
            await served.server._stop_accepting()
            assert len(served.server.connections) == 20
