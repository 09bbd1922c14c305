"""Clients that ask at a steady rate whatever is changed meanwhile, and keep what they saw."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from typing import NamedTuple, Self
from urllib.parse import urlsplit

WAIT_S_MAX = 60.0
_POLL_S = 0.05


class Seen(NamedTuple):
    """One answer. ``complete``: with its end, as the API and HTTP have it."""

    status: int
    version: str
    streamed: bool
    complete: bool


class SteadyClients:
    """Half of the requests ask for a stream. A context manager that asks until it is left.

    Args:
        rate: requests a second, of all clients together.
        clients: connections, each with one request at a time.
    """

    def __init__(self, base_url: str, rate: int, clients: int) -> None:
        url = urlsplit(base_url)
        self._host, self._port = url.hostname, url.port
        self._rate = rate
        self._clients = clients
        self._numbers = itertools.count()
        self._ends = False
        self._tasks: list[asyncio.Task[None]] = []
        self.seen: list[Seen] = []

    async def __aenter__(self) -> Self:
        self._started_s = time.monotonic()
        self._tasks = [asyncio.create_task(self._ask_on()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ends = True
        await asyncio.gather(*self._tasks)

    async def until(self, holds: Callable[[], object], what: str) -> None:
        """Go on until a condition holds; a client that failed ends it."""
        deadline = time.monotonic() + WAIT_S_MAX
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {WAIT_S_MAX:g} s still not: {what}")
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(_POLL_S)

    async def _ask_on(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        while not self._ends:
            number = next(self._numbers)
            await asyncio.sleep(self._started_s + number / self._rate - time.monotonic())
            writer.write(_request(number))
            seen, closes = await _answer(reader, streamed=bool(number % 2))
            self.seen.append(seen)
            if closes:  # the listener has changed: connections of the old one end after an answer
                writer.close()
                reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.close()


def _request(number: int) -> bytes:
    body = json.dumps(
        {
            "model": "tiny-chat",
            "user": str(number),
            "stream": bool(number % 2),
            "messages": [{"role": "user", "content": "What is Envoy?"}],
        }
    ).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: llm\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader, *, streamed: bool) -> tuple[Seen, bool]:
    """Returns: what was seen, and whether the server closes the connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    first, *lines = head.strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    broke_off = False
    try:
        body = await _body(reader, headers)
    except asyncio.IncompleteReadError:
        body, broke_off = b"", True
    complete = body.rstrip().endswith(b"data: [DONE]" if streamed else b"}")
    seen = Seen(int(first.split()[1]), headers.get("x-llm-served-version", ""), streamed, complete)
    return seen, broke_off or headers.get("connection") == "close"


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    pieces = []
    while length := int(await reader.readuntil(b"\r\n"), 16):
        pieces.append(await reader.readexactly(length))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(pieces)
