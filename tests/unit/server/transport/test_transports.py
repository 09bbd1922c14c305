"""Both transports, asked by a real gRPC client: how streams end, what health says, how they drain."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from extproc._pb import health_pb2 as health_pb
from extproc.domain.record import Outcome
from extproc.server.operations.health import EXT_PROC, LIVENESS, READINESS, Health
from extproc.server.sockets.address import AddressTaken
from extproc.server.transport import session as module
from extproc.server.transport.fast.server import FastServer
from extproc.server.transport.grpc.server import GrpcAioServer
from tests.unit.server.clients import check, exchange, say, watch
from tests.unit.server.envoy import (
    chat_sent_on,
    request_body,
    request_headers,
    response_body,
    response_headers,
    snapshot,
    unstreamed_chat,
)
from tests.unit.server.fakes import SECRET, BrokenExchange, SlowExchange, Wired
from tests.unit.server.loops import in_loop, until

MIB = 1_048_576
BODY_BYTES_MAX = 8 * MIB
SERVING = health_pb.HealthCheckResponse.SERVING
NOT_SERVING = health_pb.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb.HealthCheckResponse.SERVICE_UNKNOWN


TRANSPORT: list[type[GrpcAioServer] | type[FastServer]] = [GrpcAioServer]


@pytest.fixture(params=[GrpcAioServer, FastServer], autouse=True)
def transport(request: pytest.FixtureRequest) -> None:
    """Every test is of both: Envoy must not see which one answers."""
    TRANSPORT[0] = request.param


class Served:
    """A server with its processor, and a client's calls to it."""

    def __init__(self, listen: str) -> None:
        self.wired = Wired(snapshot())
        self.health = Health()
        self.health.set_ready(True)
        self.server = TRANSPORT[0](self.wired.processor, self.health, listen, BODY_BYTES_MAX)
        target = listen if listen.startswith("unix:") else f"{listen.rpartition(':')[0]}:{self.server.port}"
        unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self.channel = aio.insecure_channel(target, options=unlimited)
        self.at_once = asyncio.Event()

    def exchange(self) -> Any:
        """A stream as Envoy opens it."""
        return exchange(self.channel)

    async def check(self, service: str) -> int:
        """The health service's answer."""
        return await check(self.channel, service)

    def watch(self, service: str) -> Any:
        """The health service's answers."""
        return watch(self.channel, service)

    def drain(self, drain_s: float) -> asyncio.Task[int]:
        """What SIGTERM does."""
        self.health.drain()
        return asyncio.create_task(self.server.stop(drain_s, self.at_once))


@pytest.fixture
def listen() -> Iterator[str]:
    """A free Unix socket with a short path."""
    with tempfile.TemporaryDirectory(prefix="llm-") as folder:
        yield f"unix:{folder}/extproc.sock"


@asynccontextmanager
async def serving(listen: str) -> AsyncIterator[Served]:
    """A started server."""
    served = Served(listen)
    await served.server.start()
    try:
        yield served
    finally:
        await served.channel.close()
        await served.server.stop(0, served.at_once)


# --- exchanges -----------------------------------------------------------------------------------------------------


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[SlowExchange]:
    """Exchanges that wait in a body that says so."""
    SlowExchange.taken.clear()
    SlowExchange.let_go.clear()
    monkeypatch.setattr(module, "Exchange", SlowExchange)
    return SlowExchange


@in_loop
async def test_a_large_body_keeps_no_other_stream_waiting(listen: str, slow: type[SlowExchange]) -> None:
    """Pitfall 17: guards on megabytes of digits take long; everybody else is served in the meantime."""
    async with serving(listen) as served:
        call = served.exchange()
        await say(call, request_headers())
        await call.write(request_body("slow " * 50_000))
        await until(slow.taken.is_set)
        other = served.exchange()
        assert len(await say(other, *unstreamed_chat())) == 4
        slow.let_go.set()
        assert (await call.read()).override_message_timeout.seconds == 10
        assert (await call.read()).WhichOneof("response") == "request_body"


@in_loop
async def test_a_client_that_leaves_during_a_large_body_is_measured_once(listen: str, slow: type[SlowExchange]) -> None:
    """The thread finishes its step first; only then is the session closed."""
    async with serving(listen) as served:
        call = served.exchange()
        await say(call, request_headers())
        await call.write(request_body("slow " * 50_000))
        await until(slow.taken.is_set)
        call.cancel()
        slow.let_go.set()
        await until(lambda: served.wired.processor.inflight == 0)
        (record,) = served.wired.records.all
        assert record.outcome is Outcome.ABORTED
        assert served.wired.log == []


@pytest.mark.parametrize("end", ["half-close", "cancel"])
@pytest.mark.parametrize("messages", range(1, 5))
@in_loop
async def test_half_close_and_cancel_are_both_an_end(listen: str, end: str, messages: int) -> None:
    """Envoy does either, in any phase: one record, nothing left in flight, and nothing in the log."""
    async with serving(listen) as served:
        call = served.exchange()
        await say(call, *unstreamed_chat()[:messages])
        if end == "half-close":
            await call.done_writing()
            assert await call.code() is grpc.StatusCode.OK
        else:
            call.cancel()
        await until(lambda: served.wired.processor.inflight == 0)
        (record,) = served.wired.records.all
        assert record.outcome is (Outcome.COMPLETED if messages == 4 else Outcome.ABORTED)
        assert served.wired.log == []


@in_loop
async def test_a_fault_is_an_internal_error_and_other_streams_go_on(
    listen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never OK, which Envoy takes for "go on without me"; neither the status nor the log quotes the exception."""
    monkeypatch.setattr(module, "Exchange", BrokenExchange)
    async with serving(listen) as served:
        failing, other = served.exchange(), served.exchange()
        await say(other, request_headers())
        await say(failing, request_headers())
        with pytest.raises(aio.AioRpcError):
            await say(failing, request_body("break"))
        assert (await failing.code(), await failing.details()) == (grpc.StatusCode.INTERNAL, "internal_error")
        (_, _, answer) = await say(other, request_body(), response_headers(), response_body())
        assert answer.WhichOneof("response") == "response_body"
        await other.done_writing()
        assert await other.code() is grpc.StatusCode.OK
        assert [record.outcome for record in served.wired.records.all] == [Outcome.FAILED, Outcome.COMPLETED]
        assert SECRET not in served.wired.stream.getvalue()


@in_loop
async def test_a_fault_outside_the_exchange_is_an_internal_error_too(
    listen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What escapes a handler would reach Envoy and the log with its message."""

    def fail(_: object) -> None:
        raise ValueError(SECRET)

    async with serving(listen) as served:
        monkeypatch.setattr(module.Session, "settle", fail)
        call = served.exchange()
        with pytest.raises(aio.AioRpcError):
            await say(call, request_headers(), request_body())
        assert await call.code() is grpc.StatusCode.INTERNAL
        assert SECRET not in str(await call.details()) + served.wired.stream.getvalue()
        monkeypatch.undo()


@pytest.mark.parametrize("text_bytes", [5 * MIB, BODY_BYTES_MAX])
@in_loop
async def test_a_message_may_be_as_large_as_the_limits_say(listen: str, text_bytes: int) -> None:
    """gRPC's own limit of 4 MiB would end the stream; a body above ours is refused in words."""
    async with serving(listen) as served:
        call = served.exchange()
        _, reply = await say(call, request_headers(), request_body("x" * text_bytes))
        assert reply.WhichOneof("response") == "immediate_response"
        assert reply.immediate_response.status.code == 413


@in_loop
async def test_a_message_above_the_limit_fails_its_exchange(listen: str) -> None:
    """Nothing is passed on. gRPC's core only says that the stream has gone; our transport knows why."""
    async with serving(listen) as served:
        call = served.exchange()
        await say(call, request_headers())
        await call.write(request_body("x" * (BODY_BYTES_MAX + MIB)))
        assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await until(lambda: bool(served.wired.records.all))
        (record,) = served.wired.records.all
        if TRANSPORT[0] is FastServer:
            assert (record.outcome, record.reason) == (Outcome.FAILED, "message_refused")
        else:
            assert record.outcome is Outcome.ABORTED


@in_loop
async def test_a_large_message_is_answered_with_a_large_one(listen: str) -> None:
    """Replies have the same limit."""
    async with serving(listen) as served:
        served.wired.processor.snapshot = snapshot("p" * 5 * MIB)
        call = served.exchange()
        _, reply = await say(call, request_headers(), request_body())
        assert len(chat_sent_on(reply)["messages"][0]["content"]) == 5 * MIB


# --- health --------------------------------------------------------------------------------------------------------


@in_loop
async def test_health_tells_life_from_readiness(listen: str) -> None:
    """A process that drains lives; the empty name is the server as a whole, which is what Envoy asks for."""
    async with serving(listen) as served:
        assert [await served.check(name) for name in (LIVENESS, READINESS, EXT_PROC, "")] == [SERVING] * 4
        served.health.set_ready(False)
        states = [await served.check(name) for name in (LIVENESS, READINESS, EXT_PROC, "")]
        assert states == [SERVING, NOT_SERVING, NOT_SERVING, NOT_SERVING]
        with pytest.raises(aio.AioRpcError) as unknown:
            await served.check("nobody")
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


@in_loop
async def test_a_watch_tells_of_changes_only(listen: str) -> None:
    """Each change once; a service that is unknown is told as such and the stream stays, as the protocol says."""
    async with serving(listen) as served:
        ready, alive, unknown = (served.watch(name) for name in (READINESS, LIVENESS, "nobody"))
        first = [int((await watch.read()).status) for watch in (ready, alive, unknown)]
        assert first == [SERVING, SERVING, UNKNOWN]
        served.health.set_ready(False)
        assert (await ready.read()).status == NOT_SERVING
        served.health.set_ready(True)
        assert (await ready.read()).status == SERVING
        served.health.drain()
        assert (await ready.read()).status == NOT_SERVING
        assert [await watch.read() for watch in (ready, alive, unknown)] == [aio.EOF] * 3


@in_loop
async def test_a_watch_does_not_hold_up_the_end(listen: str) -> None:
    """A watch has no end of its own: it ends when the process drains, and with its client."""
    async with serving(listen) as served:
        watch, left = served.watch(""), served.watch("")
        await watch.read()
        await left.read()
        left.cancel()
        assert await served.drain(drain_s=3_600) == 0
        assert (await watch.read()).status == NOT_SERVING


# --- drain ---------------------------------------------------------------------------------------------------------


@in_loop
async def test_a_drain_refuses_new_streams_and_waits_for_running_ones(listen: str) -> None:
    """The end comes with the last stream, whatever the limit. Until then the process is not ready, and alive."""
    async with serving(listen) as served:
        call = served.exchange()
        await say(call, request_headers(), request_body())
        draining = served.drain(drain_s=3_600)
        for _ in range(3):
            assert await served.exchange().code() is grpc.StatusCode.UNAVAILABLE
        assert (await served.check(READINESS), await served.check(LIVENESS)) == (NOT_SERVING, SERVING)
        assert not draining.done()
        await say(call, response_headers(), response_body())
        assert not draining.done()
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK
        assert await draining == 0
        assert [record.outcome for record in served.wired.records.all] == [Outcome.COMPLETED]


@pytest.mark.parametrize("reason", ["limit", "second signal"])
@in_loop
async def test_what_still_runs_at_the_limit_is_cancelled_and_measured(listen: str, reason: str) -> None:
    """Not OK, so that the client sees a broken answer and never an unguarded one; once, before the server is gone."""
    async with serving(listen) as served:
        call = served.exchange()
        await say(call, request_headers(), request_body(), response_headers())
        draining = served.drain(drain_s=0.05 if reason == "limit" else 3_600)
        if reason == "second signal":
            served.at_once.set()
        assert await draining == 1
        assert [record.outcome for record in served.wired.records.all] == [Outcome.ABORTED]
        assert served.wired.processor.inflight == 0
        assert await call.code() is not grpc.StatusCode.OK
        assert served.wired.log == []


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@in_loop
async def test_a_port_that_is_taken_is_an_error(host: str) -> None:
    """Two processes on one port would share its connections in silence."""
    async with serving(f"{host}:0") as served:
        assert await served.check("") == SERVING
        listen = f"{host}:{served.server.port}"
        with pytest.raises(AddressTaken) as taken:
            Served(listen)
        assert str(taken.value) == (
            f"server.listen: cannot listen on {listen} (address already in use). "
            "Stop what listens there, or set server.listen to another address."
        )


@in_loop
async def test_an_address_of_another_machine_is_an_error() -> None:
    """With the reason that the operating system gives."""
    with pytest.raises(AddressTaken, match="cannot assign requested address"):
        Served("192.0.2.1:50051")


@in_loop
async def test_a_socket_is_made_with_its_folder_for_its_group(listen: str) -> None:
    """Envoy, as another user of the group, may connect; others may not. The file goes with the server."""
    path = Path(listen.removeprefix("unix:"))
    path = path.parent / "run" / "llm" / path.name
    async with serving(f"unix:{path}") as served:
        assert path.stat().st_mode & 0o777 == 0o660
        assert await served.check("") == SERVING
    assert not path.exists()


@in_loop
async def test_a_socket_that_a_killed_process_left_is_taken_over(listen: str) -> None:
    """Nobody listens there, so nothing is lost."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(listen.removeprefix("unix:"))
    async with serving(listen) as served:
        assert await served.check("") == SERVING


@in_loop
async def test_a_socket_of_a_living_process_is_left_to_it(listen: str) -> None:
    """gRPC would unlink it and cut the other process off."""
    async with serving(listen) as served:
        with pytest.raises(AddressTaken, match="another process listens there"):
            Served(listen)
        assert await served.check("") == SERVING


@in_loop
async def test_a_file_that_is_no_socket_is_not_deleted(listen: str) -> None:
    """It is somebody's."""
    path = Path(listen.removeprefix("unix:"))
    path.write_text("mine")
    with pytest.raises(AddressTaken, match="which is no socket"):
        Served(listen)
    assert path.read_text() == "mine"


@in_loop
async def test_a_folder_that_cannot_be_made_is_an_error(listen: str) -> None:
    """A file stands where the folder should be."""
    path = Path(listen.removeprefix("unix:"))
    path.write_text("")
    with pytest.raises(AddressTaken, match="cannot listen on"):
        Served(f"{listen}/extproc.sock")
