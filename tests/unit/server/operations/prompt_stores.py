"""A small prompt store, as a team would write one: files by name and version, ETags, a token."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.quiet_server import QuietServer

Answer = Callable[[BaseHTTPRequestHandler], None]


class SmallStore:
    """A store on loopback.

    Attributes:
        texts: by path, such as ``/system/v2``.
        token: that requests must bring; empty: none.
        instead: answers in place of the store.
        asked: the status of each answer.
    """

    def __init__(self, port: int = 0) -> None:
        self.texts: dict[str, bytes] = {}
        self.token = ""
        self.instead: Answer | None = None
        self.asked: list[int] = []
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if store.instead is not None:
                    store.instead(self)
                else:
                    store.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Nobody reads it."""

        self._server = QuietServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """For the configuration."""
        return f"http://127.0.0.1:{self.port}/{{name}}/{{version}}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """What a store answers."""
        text = self.texts.get(request.path)
        etag = f'"{hashlib.sha256(text or b"").hexdigest()[:8]}"'
        if self.token and request.headers["authorization"] != f"Bearer {self.token}":
            self.send(request, 401, b"")
        elif text is None:
            self.send(request, 404, b"no such prompt")
        elif request.headers["if-none-match"] == etag:
            self.send(request, 304, b"", etag=etag)
        else:
            self.send(request, 200, text, etag=etag)

    def send(self, request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
        """One answer."""
        self.asked.append(status)
        request.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)


def slowly(seconds: float) -> Answer:
    """An answer that comes a byte at a time, for so long."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-length", "1000")
        request.end_headers()
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            request.wfile.write(b"x")
            request.wfile.flush()
            time.sleep(0.01)

    return answer


@contextmanager
def small_store(port: int = 0) -> Iterator[SmallStore]:
    """A store; gone at the end."""
    store = SmallStore(port)
    try:
        yield store
    finally:
        store.close()
