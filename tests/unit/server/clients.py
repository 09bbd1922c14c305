"""A gRPC client's side of the streams that Envoy opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc import aio

from extproc._pb import ext_proc_pb2 as pb
from extproc._pb import health_pb2 as health_pb
from extproc.server.transport.processor import METHOD


def exchange(channel: aio.Channel, serializer: Callable[[Any], bytes] = pb.ProcessingRequest.SerializeToString) -> Any:
    """A stream for one exchange."""
    return channel.stream_stream(
        METHOD, request_serializer=serializer, response_deserializer=pb.ProcessingResponse.FromString
    )()


async def say(call: Any, *messages: pb.ProcessingRequest) -> list[pb.ProcessingResponse]:
    """Send messages one by one, each when the one before is answered. Raises: aio.AioRpcError."""
    replies = []
    for message in messages:
        await call.write(message)
        replies.append(await answer_of(call))
    return replies


async def answer_of(call: Any) -> pb.ProcessingResponse:
    """The next reply but for those that ask for more time. Raises: aio.AioRpcError."""
    reply: pb.ProcessingResponse = await call.read()
    while reply and asks_for_time(reply):
        reply = await call.read()
    return reply


def asks_for_time(reply: pb.ProcessingResponse) -> bool:
    """Whether a reply only tells Envoy to be patient."""
    return reply.HasField("override_message_timeout")


async def check(channel: aio.Channel, service: str) -> int:
    """What the health service says. Raises: aio.AioRpcError."""
    return await check_bytes(channel, health_pb.HealthCheckRequest(service=service).SerializeToString())


async def check_bytes(channel: aio.Channel, request: bytes) -> int:
    """What the health service says to bytes, which may be no request. Raises: aio.AioRpcError."""
    call: aio.UnaryUnaryMultiCallable[bytes, health_pb.HealthCheckResponse] = channel.unary_unary(
        "/grpc.health.v1.Health/Check", response_deserializer=health_pb.HealthCheckResponse.FromString
    )
    return int((await call(request)).status)


def watch(channel: aio.Channel, service: str) -> Any:
    """What the health service says from now on."""
    call = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        request_serializer=health_pb.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb.HealthCheckResponse.FromString,
    )
    return call(health_pb.HealthCheckRequest(service=service))
