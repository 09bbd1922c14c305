"""One HTTP/1.1 connection of the model server.

Requests are parsed with h11; responses are written as raw bytes, since replayed bytes must stay exact. So h11 sees one
direction only, and each request gets its own parser, which starts with the unread bytes of the previous one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final, Protocol

import h11

from extproc.demo.catalog import Write
from extproc.demo.seen import Ended, Request, Seen, SeenLog

READ_BYTES: Final = 65536
HEAD_BYTES_MAX: Final = 1 << 20
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Reply(Protocol):
    """The reply to a request."""

    @property
    def closes(self) -> bool:
        """Whether the connection is closed afterwards."""

    def writes(self) -> AsyncGenerator[Write, None]:
        """The bytes, in order, each with its due time."""


class Answering(Protocol):
    """Chooses the replies of a server and records what it saw."""

    seen: SeenLog

    def answer(self, request: Request) -> tuple[Reply, Seen]:
        """The reply to `request`, and the exchange's entry in the log."""

    def answer_to_noise(self) -> Reply:
        """The reply to input that is not HTTP."""


class ModelConnection:
    """Reads requests one by one and replies to each, until either side closes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answering: Answering) -> None:
        self._reader = reader
        self._writer = writer
        self._answering = answering
        self._unread = b""
        # unbuffered, so a write returns when the kernel has accepted it: a slow reader is noticed, and counted right.
        # Not with TLS: asyncio would wait for ever
        if writer.get_extra_info("sslcontext") is None:
            writer.transport.set_write_buffer_limits(0)

    async def run(self) -> None:
        """Serve the connection until it ends."""
        try:
            goes_on = True
            while goes_on and (received := await self._next_request()) is not None:
                request, keep_alive = received
                goes_on = await self._reply(request) and keep_alive
        except h11.RemoteProtocolError:
            with suppress(ConnectionError):
                await self._write(self._answering.answer_to_noise(), None)
        except ConnectionError:
            pass
        except asyncio.CancelledError:
            self._writer.transport.abort()
            raise
        finally:
            self._writer.close()

    async def _next_request(self) -> tuple[Request, bool] | None:
        """The next complete request, and whether the client keeps the connection; None after it has closed it."""
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        if self._unread:
            parser.receive_data(self._unread)
        head, body, continued = None, bytearray(), False
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                if parser.they_are_waiting_for_100_continue and not continued:
                    self._writer.write(_CONTINUE)
                    continued = True
                parser.receive_data(await self._reader.read(READ_BYTES))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                self._unread = parser.trailing_data[0]
                return _request(head, bytes(body)), parser.their_state is h11.DONE
            else:
                return None

    async def _reply(self, request: Request) -> bool:
        """Reply to one request. Returns whether the connection can be reused."""
        answer, seen = self._answering.answer(request)
        ended: Ended = "server_stopped"
        try:
            ended = await self._write_until_hangup(answer, seen)
        except ConnectionError:
            ended = "client_closed"
        finally:
            self._answering.seen.ended(seen, ended)
        if ended == "client_closed":
            self._writer.transport.abort()
        return ended == "complete" and not answer.closes

    async def _write_until_hangup(self, answer: Reply, seen: Seen) -> Ended:
        """Write the reply while listening; stop immediately when the client closes its side."""
        writing = asyncio.create_task(self._write(answer, seen))
        try:
            while not writing.done():
                listening = asyncio.create_task(self._reader.read(READ_BYTES))
                try:
                    await asyncio.wait({writing, listening}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    listening.cancel()
                    await asyncio.wait({listening})
                if not listening.cancelled():
                    heard = listening.result()
                    if not heard and not writing.done():
                        return "client_closed"
                    self._unread += heard
            await writing
            return "complete"
        finally:
            writing.cancel()
            await asyncio.wait({writing})

    async def _write(self, answer: Reply, seen: Seen | None) -> None:
        clock = asyncio.get_running_loop()
        began_s = clock.time()
        async with aclosing(answer.writes()) as writes:
            async for piece in writes:
                # even a zero wait lets the listener run
                await asyncio.sleep(max(0.0, began_s + piece.due_s - clock.time()))
                self._writer.write(piece.data)
                await self._writer.drain()
                if seen is not None:
                    self._answering.seen.progressed(seen, bytes_sent=len(piece.data), events_sent=piece.events)


def _request(head: h11.Request, body: bytes) -> Request:
    headers = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers)
    return Request(head.method.decode("ascii"), head.target.decode("latin-1"), headers, body)
