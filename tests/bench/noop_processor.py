"""Our transport with nothing behind it: the counterpart of ``go/noop``, so that each costs its transport alone.

Messages stay bytes, as there; each gets the empty reply of its kind, made once.
``python -m tests.bench.noop_processor grpc unix:/PATH``
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any, cast

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.document import Log
from extproc.server.operations.health import Health
from extproc.server.operations.json_log import open_log
from extproc.server.operations.process import loop_factory
from extproc.server.transport.fast.server import FastServer
from extproc.server.transport.grpc.server import GrpcAioServer
from extproc.server.transport.processor import Processor
from extproc.server.transport.session import Replies, Session

KINDS: dict[str, Any] = {
    "request_headers": pb.HeadersResponse,
    "request_body": pb.BodyResponse,
    "request_trailers": pb.TrailersResponse,
    "response_headers": pb.HeadersResponse,
    "response_body": pb.BodyResponse,
    "response_trailers": pb.TrailersResponse,
}
REPLIES = {
    kind: Replies([pb.ProcessingResponse(**{kind: content()}).SerializeToString()]) for kind, content in KINDS.items()
}
_BY_FIRST_BYTE = {
    pb.ProcessingRequest.DESCRIPTOR.fields_by_name[kind].number << 3 | 2: REPLIES[kind] for kind in REPLIES
}
SERVERS: dict[str, type[GrpcAioServer] | type[FastServer]] = {"grpc": GrpcAioServer, "fast": FastServer}
MESSAGE_BYTES_MAX = 4 << 20


class NoopSession(Session):
    """Has all that a transport asks of a session, and does nothing."""

    __slots__ = ()

    def is_long(self, message: bytes) -> bool:
        """Nothing takes long."""
        return False

    def receive(self, message: bytes) -> Replies:
        """The empty reply of the kind that the first field names; Envoy writes what the message is first."""
        return _BY_FIRST_BYTE[message[0]]

    def settle(self) -> None:
        """Nothing is measured."""

    def closed(self) -> None:
        """Nothing is kept."""


class NoopProcessor:
    """Stands where ``server.processor.Processor`` does."""

    logger = open_log(Log(), sys.stderr)

    def open(self, *stated: bytes) -> NoopSession:
        """A session for one gRPC stream, whatever Envoy states of it."""
        return NoopSession(cast(Processor, self), *stated)


async def serve(transport: str, address: str) -> None:
    """Serve until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    health = Health()
    health.set_ready(True)
    server = SERVERS[transport](cast(Processor, NoopProcessor()), health, address, MESSAGE_BYTES_MAX)
    await server.start()
    await ended.wait()
    await server.stop(0, ended)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory(sys.argv[1])) as runner:
        runner.run(serve(sys.argv[1], sys.argv[2]))
