"""The transport specialized for Envoy's one RPC: accepts connections, and drains them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

from extproc.server.operations.health import Health
from extproc.server.sockets.address import UNIX, bound
from extproc.server.sockets.tls import HANDSHAKE_S_MAX, SHUTDOWN_S_MAX, Tls
from extproc.server.transport.fast.connection import FastConnection
from extproc.server.transport.h2.limits import H2Limits, SocketLimits
from extproc.server.transport.processor import MESSAGE_FRAMING_BYTES, Processor

_GOODBYE_S = 0.2  # time to send the last statuses
_LEAVE_S = 1.0  # time for a peer to read the GOAWAY; afterwards idle connections are not waited for
_BACKLOG = 1_024
_ACCEPTING_S = 0.01  # some turns of the event loop, to accept what waits
_POLL_S = 0.01


class FastServer:
    """Serves ext_proc and the health protocol on one address, unencrypted if ``tls`` is None.

    Args: listening: a socket that already listens on ``address``, and that other processes may share.
    Raises: AddressTaken.
    """

    def __init__(
        self,
        processor: Processor,
        health: Health,
        address: str,
        message_bytes_max: int,
        tls: Tls | None = None,
        listening: socket.socket | None = None,
    ) -> None:
        self.processor = processor
        self.health = health
        self.limits = H2Limits.for_messages(message_bytes_max + MESSAGE_FRAMING_BYTES)
        self.socket_limits = SocketLimits()
        self.connections: set[FastConnection] = set()
        self._is_full = False
        self._address = address
        self._owns_address = listening is None
        self._socket = bound("server.listen", address) if listening is None else listening
        self.port = 0 if address.startswith(UNIX) else int(self._socket.getsockname()[1])
        self._tls = tls
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Start accepting connections."""
        loop = asyncio.get_running_loop()
        listen = loop.create_unix_server if self._address.startswith(UNIX) else loop.create_server
        tls = self._tls
        self._server = await listen(
            self._connection,
            sock=self._socket,
            backlog=_BACKLOG,
            ssl=None if tls is None else tls.front(self._refused),
            ssl_handshake_timeout=None if tls is None else HANDSHAKE_S_MAX,
            ssl_shutdown_timeout=None if tls is None else SHUTDOWN_S_MAX,
        )

    async def listen_again(self) -> None:
        """Bind the address again, if its socket is no longer reachable. Raises: AddressTaken."""
        listening, before = bound("server.listen", self._address), self._server
        self._socket = listening
        await self.start()
        if before is not None:
            before.close()  # it accepts no connections; existing ones continue

    async def stop(self, drain_s: float, at_once: asyncio.Event) -> int:
        """Let running streams end; cancel the rest after ``drain_s`` [s], or immediately with ``at_once``.

        New streams are refused since ``Health.drain``, also on new connections; health checks are answered.
        Returns: how many were cancelled. They have been measured.
        """
        for connection in self.connections:
            connection.drain()
        ended = asyncio.ensure_future(self._until_no_calls())
        hurried = asyncio.ensure_future(at_once.wait())
        await asyncio.wait((ended, hurried), timeout=drain_s, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        hurried.cancel()
        running = 0
        self.processor.cancels = True
        await self._stop_accepting()
        for connection in list(self.connections):
            running += await connection.end_calls()
            connection.drain()  # also those that came since: what they still send is refused, not lost
        await asyncio.sleep(0 if running else _GOODBYE_S)
        self._close()
        return running

    async def hand_over(self, drain_s: float, at_once: asyncio.Event) -> int:
        """Like ``stop``, but another process already listens on the same socket, so no exchange fails.

        No connection is accepted any more, and Envoy is asked to leave the existing ones; new streams on them
        are served until it does.
        """
        if self._server is not None:
            self._server.close()
        left = asyncio.ensure_future(self._until_left())
        hurried = asyncio.ensure_future(at_once.wait())
        await asyncio.wait((left, hurried), timeout=drain_s, return_when=asyncio.FIRST_COMPLETED)
        left.cancel()
        hurried.cancel()
        self.health.drain()
        return await self.stop(0, at_once)

    def admit(self, connection: FastConnection) -> bool:
        """Count a new connection. Returns: False above the limit; logged once, not per connection."""
        was_full, self._is_full = self._is_full, len(self.connections) >= self.socket_limits.connections_max
        if not self._is_full:
            self.connections.add(connection)
        elif not was_full:
            self._refused(f"there are {self.socket_limits.connections_max} connections already")
        return not self._is_full

    def _connection(self) -> FastConnection:
        return FastConnection(self)

    def _refused(self, reason: str) -> None:
        self.processor.logger.warning("connection refused", reason=reason)

    async def _until_no_calls(self) -> None:
        while any(connection.serves for connection in self.connections):
            await asyncio.sleep(_POLL_S)

    async def _until_left(self) -> None:
        """Poll until all connections are closed: one may just have been accepted, and still be in its handshake."""
        clock = asyncio.get_running_loop().time
        asked_s: dict[FastConnection, float] = {}
        await asyncio.sleep(_GOODBYE_S)
        while self.connections:
            for connection in list(self.connections):
                connection.ask_to_leave()
                if clock() - asked_s.setdefault(connection, clock()) > _LEAVE_S and not connection.serves:
                    connection.drain()
                    connection.close()
            await asyncio.sleep(_POLL_S)

    async def _stop_accepting(self) -> None:
        """Accept what has connected already, since a connection that is closed unread loses what was sent on it."""
        if self._owns_address and self._address.startswith(UNIX):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._address.removeprefix(UNIX))
        await asyncio.sleep(_ACCEPTING_S)
        if self._server is not None:
            self._server.close()

    def _close(self) -> None:
        self._socket.close()
        for connection in list(self.connections):
            connection.close()
