"""A server with TLS on either transport and event loop, and its clients: grpcio's, and bare TLS ones."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
import ssl
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from extproc._pb import ext_proc_pb2 as pb
from extproc._pb import health_pb2 as health_pb
from extproc.server.operations.health import Health
from extproc.server.sockets.certificates import Certificates
from extproc.server.sockets.tls import Tls
from extproc.server.transport.fast.server import FastServer
from extproc.server.transport.grpc.server import GrpcAioServer
from extproc.server.transport.processor import METHOD
from tests.hangs import HANG_S
from tests.unit.server.authority import NAME, Authority, Identity
from tests.unit.server.clients import asks_for_time
from tests.unit.server.envoy import snapshot, unstreamed_chat
from tests.unit.server.fakes import Wired
from tests.unit.server.loops import shared_loop, time_s_max

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
SETTINGS_TYPE = 4


@dataclass(frozen=True)
class Transport:
    """A transport and the event loop it runs on."""

    server: type[FastServer] | type[GrpcAioServer]
    on_uvloop: bool = False

    def run(self, test: Coroutine[Any, Any, None]) -> None:
        """Run a test to its end; grpc's completion queue knows one loop only, the one that all tests share."""
        if not self.on_uvloop:
            shared_loop().run_until_complete(_limited(test))
            return
        with asyncio.Runner(loop_factory=importlib.import_module("uvloop").new_event_loop) as runner:
            runner.run(_limited(test))


async def _limited(test: Coroutine[Any, Any, None]) -> None:
    await asyncio.wait_for(test, time_s_max())


class Served:
    """A server with TLS, and clients of it. Clients block, so they are in threads."""

    def __init__(self, transport: Transport, tls: Tls, trusted: Authority) -> None:
        self.wired = Wired(snapshot())
        health = Health()
        health.set_ready(True)
        self.server = transport.server(self.wired.processor, health, "127.0.0.1:0", 1_048_576, tls)
        self.trusted = trusted
        self.tls = tls

    def client(
        self,
        *,
        identity: Identity | None = None,
        alpn: tuple[str, ...] = ("h2",),
        versions: tuple[ssl.TLSVersion, ssl.TLSVersion] = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3),
    ) -> ssl.SSLContext:
        """What a client knows and offers."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.trusted.pem.decode())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that old versions are old is why they are tried
            context.minimum_version, context.maximum_version = versions
        if versions[1] < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("ALL:@SECLEVEL=0")
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if identity is not None:
            with tempfile.TemporaryDirectory() as folder:
                identity.write(Path(folder), "client")
                context.load_cert_chain(f"{folder}/client.crt", f"{folder}/client.key")
        return context

    def connect(self, client: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        """A connection after its handshake, as the client sees it. Raises: OSError."""
        plain = socket.create_connection(("127.0.0.1", self.server.port), timeout=HANG_S)
        try:
            return client.wrap_socket(plain, server_hostname=NAME, session=session)
        except BaseException:
            plain.close()
            raise

    def greeting(self, **options: Any) -> bytes:
        """The first bytes of the server to a client of HTTP/2; none: it has closed. Options are of ``client``."""
        try:
            with self.connect(self.client(**options)) as connection:
                return exchange_prefaces(connection)
        except OSError:
            return b""

    async def welcomes(self, **options: Any) -> bool:
        """Whether a client is served."""
        greeting = await asyncio.to_thread(self.greeting, **options)
        return len(greeting) > 3 and greeting[3] == SETTINGS_TYPE

    async def shown(self, **options: Any) -> bytes:
        """The certificate of the server, DER."""

        def look() -> bytes:
            with self.connect(self.client(**options)) as connection:
                return connection.getpeercert(binary_form=True) or b""

        return await asyncio.to_thread(look)

    def refusals(self) -> list[str]:
        """The reasons in the log."""
        return [line["reason"] for line in self.wired.log if line["event"] == "connection refused"]


def exchange_prefaces(connection: ssl.SSLSocket) -> bytes:
    """Send a client's, read the server's."""
    connection.sendall(PREFACE)
    return connection.recv(4_096)


@asynccontextmanager
async def serving(transport: Transport, certificates: Certificates, trusted: Authority) -> AsyncIterator[Served]:
    """A started server."""
    served = Served(transport, Tls(certificates), trusted)
    await served.server.start()
    try:
        yield served
    finally:
        await served.server.stop(0, asyncio.Event())


@contextlib.contextmanager
def channel(served: Served, identity: Identity | None = None) -> Iterator[grpc.Channel]:
    """Of grpcio, which trusts the server's CA."""
    pair = (identity.key, identity.certificate) if identity else (None, None)
    credentials = grpc.ssl_channel_credentials(served.trusted.pem, *pair)
    options = [("grpc.ssl_target_name_override", NAME)]
    with grpc.secure_channel(f"127.0.0.1:{served.server.port}", credentials, options) as made:
        yield made


def ask_health(made: grpc.Channel) -> int:
    """What the health service says. Raises: grpc.RpcError."""
    call: grpc.UnaryUnaryMultiCallable[bytes, health_pb.HealthCheckResponse] = made.unary_unary(
        "/grpc.health.v1.Health/Check", response_deserializer=health_pb.HealthCheckResponse.FromString
    )
    return int(call(b"", timeout=HANG_S).status)


def open_stream(made: grpc.Channel, messages: Iterator[pb.ProcessingRequest]) -> Any:
    """A stream as Envoy opens it; its replies are read by iteration."""
    call = made.stream_stream(
        METHOD,
        request_serializer=pb.ProcessingRequest.SerializeToString,
        response_deserializer=pb.ProcessingResponse.FromString,
    )
    return call(messages, timeout=HANG_S)


def replies(made: grpc.Channel, messages: list[pb.ProcessingRequest]) -> list[pb.ProcessingResponse]:
    """All answers to some messages. Raises: grpc.RpcError."""
    return [reply for reply in open_stream(made, iter(messages)) if not asks_for_time(reply)]


def whole_exchange(made: grpc.Channel) -> list[pb.ProcessingResponse]:
    """The replies to an unstreamed chat. Raises: grpc.RpcError."""
    return replies(made, unstreamed_chat())


def in_its_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A coroutine as a test; its first argument is the transport, which says in what loop it runs."""

    def run(**arguments: Any) -> None:
        arguments["transport"].run(test(**arguments))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__wrapped__ = test  # type: ignore[attr-defined] # pytest reads its arguments
    return run
