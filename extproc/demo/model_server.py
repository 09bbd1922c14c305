"""A model server that replays a real vLLM, byte for byte and at its pace.

`make demo` puts two of them behind Envoy, and end-to-end tests use them to see what a model server would have received,
and that it is left alone when a client disconnects. It runs in a thread within a test, or as a process:

    python -m extproc.demo.model_server --port 8001 --name v1
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import ssl
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, Self

from extproc.demo.catalog import Catalog, Cut, Recording, Write, shipped
from extproc.demo.model_connection import ModelConnection, Reply
from extproc.demo.rules import DEMO_RULES, NOT_FOUND, ReplayRule, choose
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request, Seen, SeenLog

LOOPBACK: Final = "127.0.0.1"
SEEN_PATH: Final = "/__seen"
_NOISE: Final = "err_http"
_BACKLOG: Final = 1024

Respond = Callable[[Request], Scripted | str | None]
"""Chooses a reply: a script, the name of a recording, or None to apply the rules. Must not block."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A recording as a reply: its cuts, and its speed relative to the recording."""

    recording: Recording
    cut: Cut
    speed: float
    head_only: bool = False

    @property
    def closes(self) -> bool:
        """Whether the recorded server closed the connection."""
        return self.recording.closes

    async def writes(self) -> AsyncGenerator[Write, None]:
        """The recorded bytes; only the head for a HEAD request."""
        if self.head_only:
            yield Write(self.recording.response[: self.recording.head_bytes], 0.0, 0)
            return
        for piece in self.recording.writes(self.cut, self.speed):
            yield piece


class ModelServer:
    """Serves recordings on a loopback port, from a thread with its own event loop.

    `name` distinguishes servers in `seen`. A request is answered by `respond`, else by the `[replay NAME]` in it,
    else by the first matching rule of `rules`, else by the plain recording of its endpoint. `speed` is relative to
    the recorded pace; 0 is as fast as possible. `cut` splits responses into writes. A change of either holds for later
    answers. `port` 0 takes a free one. With `expose_seen`, GET /__seen returns what was seen, as JSON. With `tls` it
    speaks TLS. Raises `ValueError` for a rule without its recording.
    """

    def __init__(
        self,
        name: str = "model",
        *,
        rules: Sequence[ReplayRule] = (),
        respond: Respond | None = None,
        catalog: Catalog | None = None,
        speed: float = 1.0,
        cut: Cut = "recorded",
        port: int = 0,
        expose_seen: bool = False,
        seen_max: int = 10_000,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.name = name
        self.seen = SeenLog(seen_max)
        self.port = port
        self._catalog = shipped() if catalog is None else catalog
        self._rules = tuple(rules)
        self.respond = respond
        self.speed = speed
        self.cut = cut
        self._expose_seen = expose_seen
        self._tls = tls
        self._connections: set[asyncio.Task[None]] = set()
        self._thread: threading.Thread | None = None
        self._stopped: Future[None] = Future()
        _check(self._rules, self._catalog, speed, cut)

    @property
    def base_url(self) -> str:
        """The URL to which paths are appended."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> int:
        """Listen, and return the port. Raises `OSError` if the port is in use."""
        listening: Future[int] = Future()
        stopped = self._stopped = Future()  # of this start, so that an interrupt at any line leaves what `stop` ends
        thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening, stopped)), name=f"model-{self.name}", daemon=True
        )
        thread.start()
        self._thread = thread
        self.port = listening.result()
        return self.port

    def stop(self) -> None:
        """Close every connection immediately and end the thread; idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopped.set_result(None)
            thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, request: Request) -> tuple[Reply, Seen]:
        """The reply to `request` and its entry in `seen`; requests for `seen` itself are not recorded."""
        seen = Seen(self.name, request)
        if self._expose_seen and request.path == SEEN_PATH:
            return _json(200, [exchange.as_document() for exchange in self.seen]), seen
        answer = self._answer(request)
        if isinstance(answer, Replay):
            seen.recording = answer.recording.name
        self.seen.add(seen)
        return answer, seen

    def answer_to_noise(self) -> Reply:
        """vLLM's reply to bytes that are not HTTP."""
        return self._replay(_NOISE)

    def _answer(self, request: Request) -> Reply:
        try:
            decided = self.respond(request) if self.respond else None
        except Exception as error:
            return _json(500, {"detail": f"respond() of model server {self.name} raised {error!r}"})
        if isinstance(decided, Scripted):
            return decided
        name = choose(request, self._rules) if decided is None else decided
        return self._replay(name if name in self._catalog.names else NOT_FOUND, request.method == "HEAD")

    def _replay(self, name: str, head_only: bool = False) -> Replay:
        return Replay(self._catalog[name], self.cut, self.speed, head_only)

    async def _serve(self, listening: Future[int], stopped: Future[None]) -> None:
        try:
            server = await asyncio.start_server(self._accepted, LOOPBACK, self.port, backlog=_BACKLOG, ssl=self._tls)
        except OSError as error:
            listening.set_exception(error)
            return
        listening.set_result(server.sockets[0].getsockname()[1])
        await asyncio.wrap_future(stopped)
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # our own task: asyncio logs an error when its own handler is cancelled
        connection = asyncio.create_task(ModelConnection(reader, writer, self).run())
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)


def _check(rules: Sequence[ReplayRule], catalog: Catalog, speed: float, cut: Cut) -> None:
    """Fail early on what would fail at the first request."""
    if speed < 0:
        raise ValueError(f"speed is {speed}: it must be 0 (as fast as possible) or a multiple of the recorded pace")
    if isinstance(cut, int) and cut < 1:
        raise ValueError(f"cut is {cut}: it must be 'recorded', 'event' or a number of bytes, 1 or more")
    for name in (NOT_FOUND, _NOISE, *(rule.recording for rule in rules)):
        if name not in catalog.names:
            raise ValueError(f"no recording is called {name!r}; there are: {', '.join(sorted(catalog.names))}")


def _json(status: int, document: object) -> Scripted:
    body = json.dumps(document).encode()
    return Scripted(status, (("content-type", "application/json"), ("content-length", str(len(body)))), [body])


def _rule(text: str) -> ReplayRule:
    """Parse a rule of the command line: PATH:stream|whole|any:PHRASE:RECORDING; the phrase may contain colons or be
    empty.
    """
    try:
        path, streamed, rest = text.split(":", 2)
        phrase, recording = rest.rsplit(":", 1)
        return ReplayRule(path, {"stream": True, "whole": False, "any": None}[streamed], phrase or None, recording)
    except (ValueError, KeyError):
        raise argparse.ArgumentTypeError(f"{text!r} is not PATH:stream|whole|any:PHRASE:RECORDING") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m extproc.demo.model_server", description="Replays recorded vLLM.")
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    parser.add_argument("--name", default="model", help="name in /__seen")
    parser.add_argument("--speed", type=float, default=1.0, help="speed relative to the recording; 0: without delays")
    parser.add_argument("--seen", action="store_true", help="answer GET /__seen with the received requests")
    parser.add_argument(
        "--rule", type=_rule, action="append", metavar="PATH:stream|whole|any:PHRASE:RECORDING", help="may be repeated"
    )
    asked = parser.parse_args(arguments)
    server = ModelServer(
        asked.name, rules=asked.rule or DEMO_RULES, speed=asked.speed, port=asked.port, expose_seen=asked.seen
    )
    # blocked before the server's thread starts, so that only this thread receives them
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    with server:
        print(f"model server {server.name} listens on {server.base_url}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
