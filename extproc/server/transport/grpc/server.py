"""The transport on grpc.aio: the reference, slow and dependable."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc import aio

from extproc._pb import health_pb2 as health_pb
from extproc.domain.contract import EGRESS_HEADER, HOP_HEADER, ROUTES_HEADER
from extproc.server.operations.health import Health
from extproc.server.operations.json_log import where
from extproc.server.sockets.address import AddressTaken, make_way, open_to_group, reason_of, why_not
from extproc.server.sockets.tls import HANDSHAKE_S_MAX, Tls
from extproc.server.transport.processor import MESSAGE_FRAMING_BYTES, METHOD, Processor
from extproc.server.transport.session import Session

_GOODBYE_S = 0.2  # time to send the last statuses
_SERVICE, _METHOD = METHOD.removeprefix("/").split("/")
_Context = aio.ServicerContext[Any, Any]


class GrpcAioServer:
    """Serves ext_proc and the health protocol on one address, unencrypted if ``tls`` is None.

    Args: shares_port: whether other workers of the same supervisor listen there too.
    Raises: AddressTaken.
    """

    def __init__(
        self,
        processor: Processor,
        health: Health,
        address: str,
        message_bytes_max: int,
        tls: Tls | None = None,
        shares_port: bool = False,
    ) -> None:
        self._processor = processor
        self._health = health
        self._streams: set[asyncio.Task[Any]] = set()
        limit = message_bytes_max + MESSAGE_FRAMING_BYTES
        options = [
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", limit),
            ("grpc.so_reuseport", int(shares_port)),  # two processes on one port would silently share its connections
            ("grpc.server_handshake_timeout_ms", int(HANDSHAKE_S_MAX * 1_000)),
        ]
        make_way("server.listen", address)
        self._server = aio.server(options=options)
        self._server.add_generic_rpc_handlers((self._ext_proc_handlers(), health_handlers(health)))
        try:
            if tls is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, _credentials(tls))
            open_to_group(address)
        except RuntimeError as error:
            raise AddressTaken("server.listen", address, why_not(address)) from error
        except OSError as error:
            raise AddressTaken("server.listen", address, reason_of(error)) from error

    async def start(self) -> None:
        """Start accepting streams."""
        await self._server.start()

    async def stop(self, drain_s: float, at_once: asyncio.Event) -> int:
        """Let running streams end; cancel the rest after ``drain_s`` [s], or immediately with ``at_once``.

        We reject new streams since ``Health.drain`` ourselves: gRPC's own drain leaves a call that arrives at
        that moment unanswered, and health checks too, so that a probe would consider a draining process dead.

        Returns: how many were cancelled. They have been measured.
        """
        ended = asyncio.ensure_future(_all_ended(set(self._streams)))
        hurried = asyncio.ensure_future(at_once.wait())
        await asyncio.wait((ended, hurried), timeout=drain_s, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        hurried.cancel()
        running = set(self._streams)
        self._processor.cancels = True
        await self._server.stop(None if running else _GOODBYE_S)
        await _all_ended(running)
        return len(running)

    async def hand_over(self, drain_s: float, at_once: asyncio.Event) -> int:
        """Like ``stop``, but another process already serves: no new connection is accepted, and Envoy is asked to
        leave.

                A stream that arrives at that moment gets no answer: grpc cannot serve it.
        """
        leaving = asyncio.ensure_future(self._server.stop(drain_s + _GOODBYE_S))
        idle = asyncio.ensure_future(self._until_idle())
        hurried = asyncio.ensure_future(at_once.wait())
        await asyncio.wait((idle, hurried), timeout=drain_s, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()
        hurried.cancel()
        running = set(self._streams)
        self._processor.cancels = True
        await self._server.stop(None if running else _GOODBYE_S)
        await leaving
        await _all_ended(running)
        return len(running)

    async def _until_idle(self) -> None:
        await asyncio.sleep(_GOODBYE_S)  # a call that just arrived may not be registered yet
        while self._streams:
            await _all_ended(set(self._streams))

    def _ext_proc_handlers(self) -> grpc.GenericRpcHandler:
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(
            self._process,
            request_deserializer=None,  # bytes, like the other transport
            response_serializer=None,
        )
        return grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler})

    async def _process(self, _: Any, context: _Context) -> None:
        if self._health.draining:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "draining")
        task = asyncio.current_task()
        assert task is not None  # a handler always runs in one
        self._streams.add(task)
        try:
            abort = await _serve(
                self._processor.open(*_stated(context, ROUTES_HEADER, EGRESS_HEADER, HOP_HEADER)), context
            )
        except Exception as error:
            # if it escaped, its message would reach Envoy and the log, and it may quote text
            self._processor.logger.error("stream failed", error=type(error).__name__, where=where(error))
            abort = "internal_error"
        finally:
            self._streams.discard(task)
        if abort is not None:
            await context.abort(grpc.StatusCode.INTERNAL, abort)


def _stated(context: _Context, *names: str) -> list[bytes]:
    """What Envoy states with a call under these names; empty where it states nothing."""
    stated = dict(context.invocation_metadata() or ())
    values = [stated.get(name, b"") for name in names]
    return [value if isinstance(value, bytes) else value.encode() for value in values]


async def _all_ended(streams: set[asyncio.Task[Any]]) -> None:
    if streams:
        await asyncio.wait(streams)


async def _serve(session: Session, context: _Context) -> str | None:
    """Reply to messages until Envoy ends the stream, or until an abort reason, which is returned."""
    try:
        while (message := await context.read()) is not aio.EOF:
            if session.is_long(message):
                if more_time := session.more_time():
                    await context.write(more_time)
                replies = await session.receive_long(message, context.peer())
            else:
                replies = session.receive(message)
            if replies.waits:
                replies = await session.answered(replies.waits)
            for reply in replies.messages:
                await context.write(reply)
            session.settle()
            if replies.abort is not None:
                return replies.abort
    finally:
        session.closed()
    return None


def health_handlers(health: Health) -> grpc.GenericRpcHandler:
    """``grpc.health.v1.Health``: Check, and Watch, which reports each change until the process drains."""

    async def check(request: Any, context: _Context) -> Any:
        status = health.status(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return health_pb.HealthCheckResponse(status=status)

    async def watch(request: Any, context: _Context) -> None:
        told = None
        while True:
            changed, last = health.changed, health.draining
            status = health.status(request.service)
            if status is None:
                status = health_pb.HealthCheckResponse.SERVICE_UNKNOWN
            if status != told:
                told = status
                await context.write(health_pb.HealthCheckResponse(status=status))
            if last:
                return
            await changed.wait()

    return grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health",
        {
            "Check": grpc.unary_unary_rpc_method_handler(
                check,
                request_deserializer=health_pb.HealthCheckRequest.FromString,
                response_serializer=health_pb.HealthCheckResponse.SerializeToString,
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(
                watch,
                request_deserializer=health_pb.HealthCheckRequest.FromString,
                response_serializer=health_pb.HealthCheckResponse.SerializeToString,
            ),
        },
    )


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    """Certificates of the last reload, requested by grpc for each connection."""

    def configuration() -> Any:
        now = tls.certificates
        return grpc.ssl_server_certificate_configuration([(now.key, now.certificate)], now.client_ca)

    with_client = tls.certificates.client_ca is not None
    return grpc.dynamic_ssl_server_credentials(
        configuration(), configuration, require_client_authentication=with_client
    )
