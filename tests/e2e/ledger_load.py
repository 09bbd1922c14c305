"""Clients of a ledger's installation: mixed requests, of which some are left in mid-answer; and who can be killed."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

from tests.e2e.harness import Stack, wait_until

ID_HEADER: Final = "x-llm-exchange-id"
CHAT: Final = "/v1/chat/completions"
MESSAGES: Final = "/v1/messages"
SHIPPING: Final = "ledger.shipping"
_PAUSE_S: Final = 0.05


class Asked(NamedTuple):
    """A kind of request.

    ``leaves``: the client goes after the first piece of the answer.
    """

    path: str
    streamed: bool
    leaves: bool = False


KINDS: Final = (
    Asked(CHAT, True),
    Asked(CHAT, False),
    Asked(MESSAGES, True),
    Asked(CHAT, True, leaves=True),
    Asked(MESSAGES, False),
)


class LedgerLoad:
    """A context manager that asks until it is left; ``complete`` are the ids of whole answers."""

    def __init__(self, base_url: str, clients: int) -> None:
        url = urlsplit(base_url)
        self._host, self._port = url.hostname, url.port
        self._clients = clients
        self._numbers = itertools.count()
        self._ends = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="ledger-load", daemon=True)
        self.complete: list[str] = []
        self.other: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(60)
        if self._failure is not None:
            raise self._failure

    def until_answered(self, count: int) -> None:
        """Go on until clients have that many more whole answers. Raises: TimeoutError."""
        enough = len(self.complete) + count
        wait_until(lambda: len(self.complete) >= enough or self._failure, f"{count} more answers", 60)

    def _run(self) -> None:
        try:
            asyncio.run(self._ask_all())
        except BaseException as error:
            self._failure = error

    async def _ask_all(self) -> None:
        await asyncio.gather(*(self._ask_on() for _ in range(self._clients)))

    async def _ask_on(self) -> None:
        while not self._ends.is_set():
            kind = KINDS[next(self._numbers) % len(KINDS)]
            try:
                async with asyncio.timeout(30):
                    await self._ask(kind)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                self.other[type(error).__name__] += 1
                await asyncio.sleep(_PAUSE_S)

    async def _ask(self, kind: Asked) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(_request(kind))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            status = int(first.split()[1])
            if status != 200:
                self.other[str(status)] += 1
                await asyncio.sleep(_PAUSE_S)
                return
            if kind.leaves:
                await reader.read(64)
                self.other["left"] += 1
                return
            await _whole(reader, headers)
            self.complete.append(headers[ID_HEADER])
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def _request(kind: Asked) -> bytes:
    body = {
        "model": "tiny-chat",
        "stream": kind.streamed,
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "What is Envoy?"}],
    }
    content = json.dumps(body).encode()
    head = (
        f"POST {kind.path} HTTP/1.1\r\nhost: llm\r\nx-team: search\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def _whole(reader: asyncio.StreamReader, headers: dict[str, str]) -> None:
    """Read an answer to its end, as HTTP has it. Raises: IncompleteReadError."""
    if "content-length" in headers:
        await reader.readexactly(int(headers["content-length"]))
        return
    while length := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(length + 2)
    await reader.readexactly(2)


# --- processes -----------------------------------------------------------------------------------------------------


def shipper_of(stack: Stack) -> int | None:
    """The process that ships, if it runs."""
    return next((pid for pid in _children(stack.processor.pid) if SHIPPING in _command(pid)), None)


def workers_of(stack: Stack) -> list[int]:
    """The processes that serve; with one, that is the one which starts the shipper."""
    found = [pid for pid in _children(stack.processor.pid) if "--worker" in _command(pid)]
    return found or [stack.processor.pid]


def _children(pid: int) -> Iterator[int]:
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, file.read_text().split())


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text() + Path(f"/proc/{pid}/comm").read_text()  # forked: the latter
    return ""


def with_ledger(url: str, workers: int = 1, **terms: Any) -> Any:
    """A change of the demo's configuration."""

    def change(data: dict[str, Any]) -> None:
        data["ledger"] = {"url": url, **terms}
        data["server"]["workers"] = workers

    return change
