"""The protocol between the supervisor and a worker, over a private socket pair.

A message is a length (4 bytes) and a JSON object with a ``kind``:

    supervisor -> worker
        start      what to serve and where (``StartOrder``); the first message
        config     a configuration to apply, answered with ``answer``
        ask        a liveness check of the event loop, answered with ``answer``
        endpoint_load  what a model server says of its load (``EndpointLoad``)
        endpoint_addresses  the addresses of an endpoint that is a name
        hand_over  another process serves in its place: accept no new connection, serve existing ones to their end
        drain      end as on SIGTERM
        end        cancel running exchanges
    worker -> supervisor
        serving    it accepts connections
        answer     to a numbered ``config`` or ``ask``: the revision in force, the number of running exchanges
        stopped    the last message: how many exchanges it cancelled

Configurations are sent in checked form, with certificates, so that a worker reads no file.
"""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass
from typing import Any, Self

from extproc.server.operations.config_in_force import ConfigInForce

MESSAGE_BYTES_MAX = 268_435_456
UNREAD_BYTES_MAX = 4_194_304
"""Buffer limit for a worker that does not read; beyond it, the worker is given up."""
_LENGTH_BYTES = 4
_PLAIN = ("worker", "counts_as", "address", "socket_fd", "folder")
_CONFIGS = ("started_with", "config")

Message = dict[str, Any]


class LinkBroken(Exception):
    """The other end is gone, or sent an invalid message."""


@dataclass(frozen=True, slots=True)
class StartOrder:
    """The start parameters of a worker.

    ``socket_fd`` is an inherited listening socket; without one, the worker binds ``address`` itself. ``counts_as``
    names its files in ``folder``: unique among live processes.
    """

    worker: int
    counts_as: int
    address: str
    socket_fd: int | None
    folder: str
    started_with: ConfigInForce
    config: ConfigInForce

    def to_message(self) -> Message:
        """As JSON."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        configs = {name: getattr(self, name).to_message() for name in _CONFIGS}
        return {"kind": "start", **plain, **configs}

    @classmethod
    def of_message(cls, message: Message) -> Self:
        """The inverse of ``to_message``."""
        plain: Message = {name: message[name] for name in _PLAIN}
        configs: Message = {name: ConfigInForce.of_message(message[name]) for name in _CONFIGS}
        return cls(**plain, **configs)


class Link:
    """One end, on a running event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Self:
        """Open the link over an end of the pair, and take ownership of it."""
        reader, writer = await asyncio.open_unix_connection(sock=end)
        return cls(reader, writer)

    def send(self, kind: str, **content: Any) -> None:
        """Send a message without waiting. ``receive`` detects a closed link, at both ends."""
        self.send_bytes(message_bytes({"kind": kind, **content}))

    def send_bytes(self, message: bytes) -> None:
        """Send the result of ``message_bytes``; it may be sent to many links."""
        if self._writer.transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            self._writer.transport.abort()
        else:
            self._writer.write(message)

    async def receive(self) -> Message:
        """The next message. Raises: LinkBroken."""
        try:
            length = _length(await self._reader.readexactly(_LENGTH_BYTES))
            return _message(await self._reader.readexactly(length))
        except (EOFError, OSError, ValueError) as error:
            raise LinkBroken from error

    async def flush(self) -> None:
        """Wait until everything is sent, or the other end is gone."""
        try:
            await self._writer.drain()
        except OSError:
            return

    def close(self) -> None:
        """Close the link."""
        self._writer.close()


def receive_first(end: socket.socket) -> Message:
    """The first message, before an event loop runs. Raises: LinkBroken."""
    with end.dup().makefile("rb", buffering=0) as stream:
        return _message(_exactly(stream, _length(_exactly(stream, _LENGTH_BYTES))))


def message_bytes(message: Message) -> bytes:
    """Serialize a message. Raises: ValueError if it is longer than MESSAGE_BYTES_MAX."""
    content = json.dumps(message, separators=(",", ":")).encode()
    if len(content) > MESSAGE_BYTES_MAX:
        raise ValueError(f"a message of {len(content)} bytes is too long for a worker")
    return len(content).to_bytes(_LENGTH_BYTES) + content


def _exactly(stream: Any, count: int) -> bytes:
    pieces: list[bytes] = []
    while count:
        piece = stream.read(count)
        if not piece:
            raise LinkBroken
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _length(prefix: bytes) -> int:
    length = int.from_bytes(prefix)
    if length > MESSAGE_BYTES_MAX:
        raise LinkBroken
    return length


def _message(content: bytes) -> Message:
    message: Message = json.loads(content)
    return message
