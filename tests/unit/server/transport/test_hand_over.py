"""One process hands its socket over to another: who is connected is served to the end, and nobody is turned away."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc import aio

from extproc.domain.record import Outcome
from extproc.server.operations.health import Health
from extproc.server.transport.fast.server import FastServer
from extproc.server.transport.grpc.server import GrpcAioServer
from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.events import CallReceived
from tests.unit.server.clients import exchange, say
from tests.unit.server.envoy import request_body, request_headers, snapshot, unstreamed_chat
from tests.unit.server.fakes import Wired
from tests.unit.server.loops import in_loop, until
from tests.unit.server.processes import short_folder
from tests.unit.server.transport.h2.client import Pair


class Sharing:
    """Two servers on one listening socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._listening = socket.socket(socket.AF_UNIX)
        path = address.removeprefix("unix:")
        self._listening.bind(path + ".new0")
        os.rename(path + ".new0", path)  # as the supervisor does it: asyncio removes what it finds under the first name
        self._listening.listen()
        self.wired = [Wired(snapshot()), Wired(snapshot())]
        self.old, self.new = (self._server(wired) for wired in self.wired)
        self.at_once = asyncio.Event()

    def _server(self, wired: Wired) -> FastServer:
        health = Health()
        health.set_ready(True)
        return FastServer(wired.processor, health, self.address, 1_048_576, None, self._listening.dup())

    def channel(self) -> aio.Channel:
        """A connection of its own."""
        return aio.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)])

    def hand_over(self, drain_s: float = 10) -> asyncio.Task[int]:
        """The old one does."""
        return asyncio.create_task(self.old.hand_over(drain_s, self.at_once))


@asynccontextmanager
async def sharing() -> AsyncIterator[Sharing]:
    """The old one serves alone at first."""
    with short_folder() as folder:
        made = Sharing(f"unix:{folder}/e.sock")
        await made.old.start()
        yield made
        made.at_once.set()
        await made.new.stop(0, made.at_once)


async def whole_chat(channel: aio.Channel) -> Any:
    """The status of an exchange."""
    call = exchange(channel)
    await say(call, *unstreamed_chat())
    await call.done_writing()
    return await call.code()


@in_loop
async def test_a_stream_goes_on_and_new_connections_are_the_successors() -> None:
    """The old one ends when its last stream has."""
    async with sharing() as both, both.channel() as early:
        call = exchange(early)
        await say(call, request_headers())
        await both.new.start()
        handing = both.hand_over()
        await until(lambda: both.old._server is not None and not both.old._server.is_serving())
        async with both.channel() as late:
            assert await whole_chat(late) is grpc.StatusCode.OK
        assert [len(wired.records.all) for wired in both.wired] == [0, 1]
        await say(call, *unstreamed_chat()[1:])
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK
        assert await handing == 0
        assert [record.outcome for record in both.wired[0].records.all] == [Outcome.COMPLETED]


@in_loop
async def test_what_still_runs_at_the_limit_is_cancelled_and_measured() -> None:
    """As on SIGTERM."""
    async with sharing() as both, both.channel() as channel:
        call = exchange(channel)
        await say(call, request_headers(), request_body())
        assert await both.hand_over(drain_s=0.3) == 1
        assert await call.code() is grpc.StatusCode.UNAVAILABLE
        assert [record.outcome for record in both.wired[0].records.all] == [Outcome.ABORTED]


@in_loop
async def test_it_can_be_hurried() -> None:
    """A person who wants the end does not wait for streams."""
    async with sharing() as both, both.channel() as channel:
        call = exchange(channel)
        await say(call, request_headers())
        handing = both.hand_over(drain_s=3_600)
        both.at_once.set()
        assert await handing == 1


@pytest.mark.parametrize(("drain_s", "cancelled", "outcome"), [(10, 0, "completed"), (0.3, 1, "aborted")])
@in_loop
async def test_by_grpc_a_stream_goes_on_to_its_end_or_to_the_limit(
    drain_s: float, cancelled: int, outcome: str
) -> None:
    """That library binds by itself, so that another process has another socket; the rest is the same."""
    with short_folder() as folder:
        wired, health = Wired(snapshot()), Health()
        server = GrpcAioServer(wired.processor, health, f"unix:{folder}/e.sock", 1_048_576, None, shares_port=True)
        await server.start()
        async with aio.insecure_channel(f"unix:{folder}/e.sock") as channel:
            call = exchange(channel)
            await say(call, request_headers())
            handing = asyncio.create_task(server.hand_over(drain_s, asyncio.Event()))
            if not cancelled:
                await say(call, *unstreamed_chat()[1:])
                await call.done_writing()
            assert await handing == cancelled
        assert [record.outcome.value for record in wired.records.all] == [outcome]


def test_a_stream_that_crosses_with_the_request_to_leave_is_served() -> None:
    """The peer is asked once, with a GOAWAY that promises to take all; the real one may follow."""
    pair = Pair()
    pair.server.ask_to_leave()
    pair.server.ask_to_leave()
    asked = frames.go_away(frames.WINDOW_BYTES_MAX, frames.ErrorCode.NO_ERROR)
    call = pair.open()
    (begun,) = pair.server.receive(pair.client.data_to_send(), 0)
    assert isinstance(begun, CallReceived)
    pair.server.go_away()
    assert pair.server.take_output() == asked + frames.go_away(call, frames.ErrorCode.NO_ERROR)
    pair.server.ask_to_leave()
    assert pair.server.take_output() == b""
