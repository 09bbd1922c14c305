"""Who is served over TLS and mTLS, and who is not: both transports, and both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc._pb import health_pb2 as health_pb
from extproc.server.transport.fast import server as fast_module
from extproc.server.transport.fast.server import FastServer
from extproc.server.transport.grpc import server as grpc_module
from extproc.server.transport.grpc.server import GrpcAioServer
from tests.hangs import HANG_S
from tests.unit.server.authority import Authority
from tests.unit.server.envoy import chat_sent_on, request_body, request_headers
from tests.unit.server.loops import until
from tests.unit.server.tls.served import (
    PREFACE,
    SETTINGS_TYPE,
    Transport,
    ask_health,
    channel,
    exchange_prefaces,
    in_its_loop,
    open_stream,
    replies,
    serving,
    whole_exchange,
)

SERVING = health_pb.HealthCheckResponse.SERVING


@in_its_loop
async def test_a_whole_exchange_and_a_health_question_go_over_tls(transport: Transport, ours: Authority) -> None:
    """As without; the health service is on the same address and so behind the same TLS."""
    async with serving(transport, ours.server(), ours) as served:
        with channel(served) as made:
            assert await asyncio.to_thread(ask_health, made) == SERVING
            assert len(await asyncio.to_thread(whole_exchange, made)) == 4
        assert len(served.wired.records.all) == 1
        assert served.wired.log == []


@in_its_loop
async def test_a_body_of_many_records_goes_over_tls(transport: Transport, ours: Authority) -> None:
    """TLS cuts what is sent into pieces of 16 KiB; the text is whole again, in both directions."""
    async with serving(transport, ours.server(), ours) as served:
        text = "x" * 700_000
        with channel(served) as made:
            _, reply = await asyncio.to_thread(replies, made, [request_headers(), request_body(text)])
        assert chat_sent_on(reply)["messages"][-1]["content"] == text


@in_its_loop
async def test_what_still_runs_at_the_end_is_told_so_over_tls(transport: Transport, ours: Authority) -> None:
    """The last status leaves before the connection does; it is not OK."""
    async with serving(transport, ours.server(), ours) as served:
        held = threading.Event()

        def messages() -> Iterator[pb.ProcessingRequest]:
            yield request_headers()
            held.wait(HANG_S)

        def until_the_end(made: grpc.Channel) -> grpc.StatusCode:
            call = open_stream(made, messages())
            with pytest.raises(grpc.RpcError):
                for _ in call:
                    pass
            code: grpc.StatusCode = call.code()
            return code

        with channel(served) as made:
            ended = asyncio.ensure_future(asyncio.to_thread(until_the_end, made))
            await until(lambda: served.wired.processor.inflight == 1)
            assert await served.server.stop(0, asyncio.Event()) == 1
            assert await ended is not grpc.StatusCode.OK
            held.set()


@in_its_loop
async def test_with_a_client_ca_only_its_certificates_come_in(
    transport: Transport, ours: Authority, theirs: Authority
) -> None:
    """Neither a client without a certificate, nor one of another CA, though that is the server's own."""
    async with serving(transport, ours.server(clients_of=theirs), ours) as served:
        with channel(served, theirs.issue("envoy.example")) as made:
            assert await asyncio.to_thread(ask_health, made) == SERVING
            assert len(await asyncio.to_thread(whole_exchange, made)) == 4
        for identity in (None, ours.issue("envoy.example")):
            with channel(served, identity) as made, pytest.raises(grpc.RpcError) as refused:
                await asyncio.to_thread(whole_exchange, made)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert len(served.wired.records.all) == 1


@in_its_loop
async def test_an_intermediate_ca_may_be_the_one_to_trust(
    transport: Transport, ours: Authority, theirs: Authority
) -> None:
    """It signs Envoys alone, while the root above it signs much else."""
    envoys = Authority(above=theirs)
    async with serving(transport, ours.server(clients_of=envoys), ours) as served:
        assert await served.welcomes(identity=envoys.issue("envoy.example"))
        assert not await served.welcomes(identity=theirs.issue("envoy.example"))
        assert not await served.welcomes(identity=Authority(above=theirs).issue("envoy.example"))


@in_its_loop
async def test_an_expired_certificate_of_a_client_is_refused(
    transport: Transport, ours: Authority, theirs: Authority
) -> None:
    """Also when the right CA signed it."""
    async with serving(transport, ours.server(clients_of=theirs), ours) as served:
        assert not await served.welcomes(identity=theirs.issue("envoy.example", expired=True))
        assert await served.welcomes(identity=theirs.issue("envoy.example"))


@pytest.mark.parametrize("alpn", [(), ("http/1.1",)])
@in_its_loop
async def test_a_client_that_does_not_agree_to_h2_is_closed(
    transport: Transport, ours: Authority, alpn: tuple[str, ...]
) -> None:
    """Before anything is read from it: a page of a browser, say, never reaches the parser of HTTP/2."""
    async with serving(transport, ours.server(), ours) as served:
        assert await asyncio.to_thread(served.greeting, alpn=alpn) == b""
        assert await served.welcomes(alpn=("http/1.1", "h2"))


@in_its_loop
async def test_tls_1_2_and_1_3_are_spoken_and_nothing_older(transport: Transport, ours: Authority) -> None:
    """What older clients offer is no protection."""
    v1, v1_1, v1_2, v1_3 = (
        ssl.TLSVersion.TLSv1,
        ssl.TLSVersion.TLSv1_1,
        ssl.TLSVersion.TLSv1_2,
        ssl.TLSVersion.TLSv1_3,
    )
    async with serving(transport, ours.server(), ours) as served:
        assert await served.welcomes(versions=(v1_2, v1_2))
        assert await served.welcomes(versions=(v1_3, v1_3))
        with pytest.raises(OSError):  # noqa: PT011 - event loops close without an alert
            await asyncio.to_thread(served.connect, served.client(versions=(v1, v1_1)))
        assert served.tls.context.minimum_version is v1_2  # whatever the operating system's policy is
        assert served.refusals() == ([] if transport.server is GrpcAioServer else ["unsupported protocol"])


@in_its_loop
async def test_a_client_without_tls_is_closed(transport: Transport, ours: Authority) -> None:
    """It learns nothing but that, perhaps in an alert."""
    async with serving(transport, ours.server(), ours) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
        writer.write(PREFACE)
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
            assert len(answer) < 4 or answer[3] != SETTINGS_TYPE
        writer.close()
        assert await served.welcomes()


@in_its_loop
async def test_a_handshake_that_does_not_go_on_is_given_up(
    transport: Transport, ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HANDSHAKE_S_MAX: a peer that connects and keeps silent holds a socket no longer than that."""
    monkeypatch.setattr(fast_module, "HANDSHAKE_S_MAX", 0.2)
    monkeypatch.setattr(grpc_module, "HANDSHAKE_S_MAX", 0.2)
    async with serving(transport, ours.server(), ours) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


@pytest.mark.parametrize("on_uvloop", [False, True], ids=["asyncio", "uvloop"])
def test_a_peer_that_does_not_agree_to_the_end_is_left(
    on_uvloop: bool, ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SHUTDOWN_S_MAX: TLS says goodbye in both directions, and some peers never do."""
    monkeypatch.setattr(fast_module, "SHUTDOWN_S_MAX", 0.2)

    async def test() -> None:
        async with serving(transport, ours.server(), ours) as served:
            silent = await asyncio.to_thread(served.connect, served.client())
            await asyncio.to_thread(exchange_prefaces, silent)
            server = served.server
            assert isinstance(server, FastServer)
            await server.stop(0, asyncio.Event())
            async with asyncio.timeout(HANG_S):
                await until(lambda: not server.connections)
            silent.close()

    transport = Transport(FastServer, on_uvloop)
    transport.run(test())


@pytest.mark.parametrize("on_uvloop", [False, True], ids=["asyncio", "uvloop"])
def test_the_log_says_once_why_a_connection_was_refused(on_uvloop: bool, ours: Authority, theirs: Authority) -> None:
    """The transport of our own does; grpc keeps it to itself. A port that is only knocked at is no news."""

    async def test() -> None:
        async with serving(transport, ours.server(clients_of=theirs), ours) as served:
            envoy = theirs.issue("envoy.example")
            attempts: list[tuple[dict[str, Any], str]] = [
                ({}, "peer did not return a certificate"),
                ({"identity": Authority().issue("envoy.example")}, "unable to get local issuer certificate"),
                ({"identity": theirs.issue("envoy.example", expired=True)}, "certificate has expired"),
                ({"identity": envoy, "alpn": ()}, "the client did not agree to h2 (ALPN)"),
            ]

            def has_refused(count: int) -> bool:
                return len(served.refusals()) == count

            for count, (options, reason) in enumerate(attempts, 1):
                await asyncio.to_thread(served.greeting, **options)
                await until(partial(has_refused, count))
                assert served.refusals()[-1] == reason
            socket.create_connection(("127.0.0.1", served.server.port)).close()
            assert await served.welcomes(identity=envoy)
            assert len(served.wired.log) == len(attempts)

    transport = Transport(FastServer, on_uvloop)
    transport.run(test())
