"""Clients that ask at a steady rate whatever is changed or broken meanwhile, and keep what they received."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit

WAIT_S_MAX: Final = 60.0
_POLL_S: Final = 0.05
_LEAVE_S_MAX: Final = 5.0
_PATH: Final = "/v1/chat/completions"
_VERSION_HEADER: Final = "x-llm-served-version"


class Received(NamedTuple):
    """One answer.

    Attributes:
        version: MODEL/VERSION that answered, as Envoy says.
        complete: with its end, as the API and HTTP have it.
        seconds: from the request to its end.
        begun_s: when it was asked for, on the monotonic clock.
        judged: what ``judge`` said of it.
    """

    status: int
    version: str
    streamed: bool
    complete: bool
    seconds: float
    begun_s: float = 0.0
    judged: str = ""


AnswerJudge = Callable[[int, bytes], str]
"""Says what an answer is, from its status and as much of its body as has come."""


class ClientFailedError(RuntimeError):
    """A client could not go on: the gateway itself closed its connection, or accepts none."""


class SteadyClients:
    """A context manager that asks until it is left, from a thread with its own event loop.

    Leaving it raises what ``until`` raises, unless something was raised before.

    Args:
        rate: requests a second, of all clients together; every second one asks for a stream.
        clients: connections, each with one request at a time.
        headers: of each request.
        judge: looks at each answer, of which nothing is kept.
    """

    def __init__(
        self,
        base_url: str,
        rate: int,
        clients: int,
        headers: Mapping[str, str] | None = None,
        judge: AnswerJudge = lambda _status, _body: "",
    ) -> None:
        url = urlsplit(base_url)
        self._host, self._port = url.hostname, url.port
        self._rate = rate
        self._clients = clients
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self._judge = judge
        self._numbers = itertools.count()
        self._total = math.inf
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="steady-clients", daemon=True)
        self.received: list[Received] = []

    def __enter__(self) -> Self:
        self._started_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave once the requests that are under way have their answers."""
        self._total = 0
        self._thread.join(_LEAVE_S_MAX)
        if kind is None:
            self._until_idle()

    def until(
        self, holds: Callable[[], object], what: str, within_s: float = WAIT_S_MAX, every_s: float = _POLL_S
    ) -> None:
        """Go on until a condition holds, which is looked at every so often. Raises: TimeoutError; ClientFailedError."""
        deadline_s = time.monotonic() + within_s
        while self._failure is None and not holds():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"after {within_s:g} s still not: {what}")
            time.sleep(every_s)
        if self._failure is not None:
            raise ClientFailedError(f"a client failed ({self._failure!r}) before: {what}") from self._failure

    def until_answered(self, count: int) -> None:
        """Go on until clients have that many more answers. Raises: TimeoutError; ClientFailedError."""
        enough = len(self.received) + count
        self.until(lambda: len(self.received) >= enough, f"{count} more answers")

    def finish(self, total: int) -> None:
        """Ask ``total`` requests in all, none if there were more, and wait for the answers.

        Raises: TimeoutError; ClientFailedError.
        """
        self._total = total
        self._until_idle()

    def _until_idle(self) -> None:
        self.until(lambda: not self._thread.is_alive(), "the last answer")

    def _run(self) -> None:
        try:
            asyncio.run(self._ask_all())
        except Exception as error:
            self._failure = error

    async def _ask_all(self) -> None:
        await asyncio.gather(*(self._ask_on() for _ in range(self._clients)))

    async def _ask_on(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            for number in self._numbers:
                await asyncio.sleep(self._started_s + number / self._rate - time.monotonic())
                if number >= self._total:
                    return
                writer.write(self._request(number))
                received, closes = await _answer(reader, self._judge, streamed=bool(number % 2))
                self.received.append(received)
                if closes:  # the listener has changed, or the answer was cut: Envoy ends the connection after it
                    writer.close()
                    reader, writer = await asyncio.open_connection(self._host, self._port)
        finally:
            writer.close()

    def _request(self, number: int) -> bytes:
        body = json.dumps(
            {
                "model": "tiny-chat",
                "user": str(number),
                "stream": bool(number % 2),
                "messages": [{"role": "user", "content": "What is Envoy?"}],
            }
        ).encode()
        head = (
            f"POST {_PATH} HTTP/1.1\r\nhost: llm\r\n{self._headers}content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


async def _answer(reader: asyncio.StreamReader, judge: AnswerJudge, *, streamed: bool) -> tuple[Received, bool]:
    """Returns: what was received, and whether the server closes the connection."""
    begun_s = time.monotonic()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    first, *lines = head.strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    pieces: list[bytes] = []
    try:
        await _read_body(reader, headers, pieces)
        was_cut = False
    except asyncio.IncompleteReadError as cut:
        pieces.append(cut.partial)
        was_cut = True
    body, status = b"".join(pieces), int(first.split()[1])
    end = b"data: [DONE]" if streamed and status == HTTPStatus.OK else b"}"
    complete = not was_cut and body.rstrip().endswith(end)
    judged, version = judge(status, body), headers.get(_VERSION_HEADER, "")
    received = Received(status, version, streamed, complete, time.monotonic() - begun_s, begun_s, judged)
    return received, was_cut or headers.get("connection") == "close"


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str], pieces: list[bytes]) -> None:
    """Raises: asyncio.IncompleteReadError, with ``pieces`` up to there."""
    if "content-length" in headers:
        pieces.append(await reader.readexactly(int(headers["content-length"])))
        return
    while length := int(await reader.readuntil(b"\r\n"), 16):
        pieces.append(await reader.readexactly(length))
        await reader.readexactly(2)
    await reader.readexactly(2)
