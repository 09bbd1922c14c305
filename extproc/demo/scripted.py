"""Answers that no recording has: errors, other encodings, trailers, endless streams, connections cut short."""

from __future__ import annotations

import asyncio
import http
from collections.abc import AsyncGenerator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

from extproc.demo.catalogue import Write


class Gate:
    """A place in a scripted body where the server waits until the test opens it, from any thread."""

    def __init__(self) -> None:
        self._opened: Future[None] = Future()

    def open(self) -> None:
        """Let the server go on; opening twice does no harm."""
        if not self._opened.done():
            self._opened.set_result(None)

    async def passed(self) -> None:
        """Wait until the gate is open."""
        await asyncio.shield(asyncio.wrap_future(self._opened))


@dataclass(frozen=True, slots=True)
class Scripted:
    """An answer as a test wants it.

    Each item of `chunks` is written at once, `delay_s` after the one before; a `Gate` among them waits to be opened.
    The iterable may be endless, and must not block. With a `content-length` header the chunks go out as they are;
    without, each becomes one HTTP chunk, and `trailers` follow the last. `close_abruptly` leaves out the end of the
    chunked body and closes the connection.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    chunks: Iterable[bytes | Gate] = ()
    delay_s: float = 0.0
    end: Literal["complete", "close_abruptly"] = "complete"
    trailers: tuple[tuple[str, str], ...] = ()

    @property
    def closes(self) -> bool:
        """Whether the connection is closed after this answer."""
        return self.end == "close_abruptly"

    async def writes(self) -> AsyncGenerator[Write, None]:
        """The answer's bytes, head first; `Write.events` counts the chunks."""
        chunked = not any(name.lower() == "content-length" for name, _ in self.headers)
        framing = (("transfer-encoding", "chunked"),) if chunked else ()
        reason = http.HTTPStatus(self.status).phrase if self.status in set(http.HTTPStatus) else ""
        head = f"HTTP/1.1 {self.status} {reason}\r\n" + _lines(self.headers + framing)
        yield Write(head.encode("latin-1") + b"\r\n", 0.0, 0)
        sent = 0
        for chunk in self.chunks:
            if isinstance(chunk, Gate):
                await chunk.passed()
                continue
            if sent and self.delay_s:
                await asyncio.sleep(self.delay_s)
            sent += 1
            yield Write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk, 0.0, sent)
        if chunked and not self.closes:
            yield Write(b"0\r\n" + _lines(self.trailers).encode("latin-1") + b"\r\n", 0.0, sent)


def _lines(fields: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in fields)
