"""The transport made for Envoy's one RPC: the server that accepts connections, and drains them."""

from __future__ import annotations

import asyncio
import contextlib
import os

from extproc.server.address import UNIX, bound
from extproc.server.fast_connection import FastConnection
from extproc.server.h2.limits import H2Limits
from extproc.server.health import Health
from extproc.server.processor import MESSAGE_FRAMING_BYTES, Processor

_GOODBYE_S = 0.2  # for the last statuses to leave
_BACKLOG = 1_024
_POLL_S = 0.01


class FastServer:
    """Serves ext_proc and the health protocol on one address. Raises: AddressTaken."""

    def __init__(self, processor: Processor, health: Health, address: str, message_bytes_max: int) -> None:
        self.processor = processor
        self.health = health
        self.limits = H2Limits(message_bytes_max=message_bytes_max + MESSAGE_FRAMING_BYTES)
        self.connections: set[FastConnection] = set()
        self._address = address
        self._socket = bound("server.listen", address)
        self.port = 0 if address.startswith(UNIX) else int(self._socket.getsockname()[1])
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to accept connections."""
        loop = asyncio.get_running_loop()
        if self._address.startswith(UNIX):
            self._server = await loop.create_unix_server(self._connection, sock=self._socket, backlog=_BACKLOG)
        else:
            self._server = await loop.create_server(self._connection, sock=self._socket, backlog=_BACKLOG)

    async def stop(self, drain_s: float, at_once: asyncio.Event) -> int:
        """Let running streams end; cancel the rest after ``drain_s`` [s], or ``at_once``.

        New ones are refused since ``Health.drain``, also on connections that begin now; health questions are answered.
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
        for connection in list(self.connections):
            running += await connection.end_calls()
        await asyncio.sleep(0 if running else _GOODBYE_S)
        self._close()
        return running

    def _connection(self) -> FastConnection:
        return FastConnection(self)

    async def _until_no_calls(self) -> None:
        while any(connection.exchanges for connection in self.connections):
            await asyncio.sleep(_POLL_S)

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._socket.close()
        for connection in list(self.connections):
            connection.close()
        if self._address.startswith(UNIX):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._address.removeprefix(UNIX))
