"""Replies without a recording: errors, other encodings, trailers, endless streams, aborted connections."""

from __future__ import annotations

import asyncio
import http
from collections.abc import AsyncGenerator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

from extproc.demo.catalog import Write


class Gate:
    """A point in a scripted body where the server waits until the test opens the gate, from any thread."""

    def __init__(self) -> None:
        self._opened: Future[None] = Future()

    def open(self) -> None:
        """Let the server continue; idempotent."""
        if not self._opened.done():
            self._opened.set_result(None)

    async def passed(self) -> None:
        """Wait until the gate is open."""
        await asyncio.shield(asyncio.wrap_future(self._opened))


@dataclass(frozen=True, slots=True)
class Scripted:
    """A reply as a test defines it.

    Each item of `chunks` is written at once, `delay_s` after the previous one; a `Gate` among them waits to be
    opened. The iterable may be endless, and must not block. With a `content-length` header, the chunks are sent as
    they are; without one, each becomes an HTTP chunk, and `trailers` follow the last. `close_abruptly` omits the
    end of the chunked body and closes the connection.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    chunks: Iterable[bytes | Gate] = ()
    delay_s: float = 0.0
    end: Literal["complete", "close_abruptly"] = "complete"
    trailers: tuple[tuple[str, str], ...] = ()

    @property
    def closes(self) -> bool:
        """Whether the connection is closed after this reply."""
        return self.end == "close_abruptly"

    async def writes(self) -> AsyncGenerator[Write, None]:
        """The reply's bytes, head first; `Write.events` counts the chunks."""
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
