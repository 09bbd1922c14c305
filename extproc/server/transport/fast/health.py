"""Health checks on a connection of the fast transport: Check replies immediately, Watch on each change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from google.protobuf.message import DecodeError

from extproc._pb import health_pb2 as pb
from extproc.server.operations.health import Health
from extproc.server.transport.h2.connection import GRPC_INTERNAL, GRPC_OK, H2Connection

GRPC_NOT_FOUND = 5
CHECK = b"/grpc.health.v1.Health/Check"
WATCH = b"/grpc.health.v1.Health/Watch"


class HealthCalls:
    """Replies through ``h2``; a watch also triggers a write, as no input arrives at that moment."""

    def __init__(self, h2: H2Connection, health: Health, write: Callable[[], None]) -> None:
        self._h2 = h2
        self._health = health
        self._write = write
        self._watchers: dict[int, asyncio.Task[None]] = {}

    def answer(self, stream_id: int, path: bytes, message: bytes) -> None:
        """Reply to a check, or start a watch."""
        try:
            service = pb.HealthCheckRequest.FromString(message).service
        except DecodeError:
            self._h2.finish(stream_id, GRPC_INTERNAL, "not a health question")
            return
        if path == WATCH:
            self._watchers[stream_id] = asyncio.get_running_loop().create_task(self._watch(stream_id, service))
            return
        status = self._health.status(service)
        if status is None:
            self._h2.finish(stream_id, GRPC_NOT_FOUND, "unknown service")
            return
        self._h2.send_message(stream_id, pb.HealthCheckResponse(status=status).SerializeToString())
        self._h2.finish(stream_id, GRPC_OK)

    def cancel(self, stream_id: int) -> None:
        """The client cancelled a call."""
        watcher = self._watchers.pop(stream_id, None)
        if watcher is not None:
            watcher.cancel()

    def close(self) -> None:
        """Cancel all watches."""
        for stream_id in list(self._watchers):
            self.cancel(stream_id)

    async def _watch(self, stream_id: int, service: str) -> None:
        """Report each change until the process drains, or the peer reads too slowly."""
        health = self._health
        told, listens = None, True
        while listens:
            changed, last = health.changed, health.draining
            status = health.status(service)
            if status is None:
                status = pb.HealthCheckResponse.SERVICE_UNKNOWN
            if status != told:
                told = status
                answer = pb.HealthCheckResponse(status=status)
                listens = self._h2.send_message(stream_id, answer.SerializeToString())
            if last:
                self._h2.finish(stream_id, GRPC_OK)
            self._write()
            if last:
                break
            if listens:
                await changed.wait()
        self._watchers.pop(stream_id, None)
