"""The transport on grpc.aio: the reference, slow and dependable."""

from __future__ import annotations

from typing import Any

import grpc
from grpc import aio

from extproc._pb import ext_proc_pb2 as pb
from extproc._pb import health_pb2 as health_pb
from extproc.server.health import Health
from extproc.server.processor import METHOD, Processor

_FRAMING_BYTES = 1_048_576
_SERVICE, _METHOD = METHOD.removeprefix("/").split("/")


class GrpcAioServer:
    """Serves ext_proc and the health protocol on one address."""

    def __init__(self, processor: Processor, health: Health, address: str, message_bytes_max: int) -> None:
        limit = message_bytes_max + _FRAMING_BYTES
        options = [("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", limit)]
        self._processor = processor
        self._server = aio.server(options=options)
        self._server.add_generic_rpc_handlers((self._ext_proc_handlers(), health_handlers(health)))
        self.port = self._server.add_insecure_port(address)

    async def start(self) -> None:
        """Begin to accept streams."""
        await self._server.start()

    async def stop(self, drain_s: float) -> None:
        """Refuse new streams, let running ones end within ``drain_s``, then cancel them. [s]"""
        await self._server.stop(drain_s)

    def _ext_proc_handlers(self) -> grpc.GenericRpcHandler:
        handler = grpc.stream_stream_rpc_method_handler(
            self._process,
            request_deserializer=pb.ProcessingRequest.FromString,
            response_serializer=pb.ProcessingResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler})

    async def _process(self, _: Any, context: aio.ServicerContext[Any, Any]) -> None:
        session = self._processor.open()
        try:
            while (message := await context.read()) is not aio.EOF:
                replies = session.receive(message)
                for reply in replies.messages:
                    await context.write(reply)
                session.settle()
                if replies.abort is not None:
                    await context.abort(grpc.StatusCode.INTERNAL, replies.abort)
        finally:
            session.closed()


def health_handlers(health: Health) -> grpc.GenericRpcHandler:
    """``grpc.health.v1.Health``: Check, and Watch, which tells of each change."""

    async def check(request: Any, context: aio.ServicerContext[Any, Any]) -> Any:
        status = health.status(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return health_pb.HealthCheckResponse(status=status)

    async def watch(request: Any, context: aio.ServicerContext[Any, Any]) -> None:
        while True:
            changed = health.changed
            status = health.status(request.service)
            unknown = health_pb.HealthCheckResponse.SERVICE_UNKNOWN
            await context.write(health_pb.HealthCheckResponse(status=unknown if status is None else status))
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


