"""A server that takes the messages of a webhook."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.quiet_server import QuietServer

SECRET = "T0PSECRET"


class Hook:
    """A server that answers with some statuses in turn, then with 204."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.url = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Note a request, and answer it."""
        self.paths.append(request.path)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.got.append(json.loads(request.rfile.read(int(request.headers["content-length"]))))
        request.send_response(self.statuses.pop(0) if self.statuses else 204)
        request.send_header("location", "/elsewhere")
        request.end_headers()


@contextmanager
def serving(hook: Hook) -> Iterator[Hook]:
    """The server, on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.answer(self)

        def log_message(self, *_: object) -> None:
            return

    with QuietServer(("127.0.0.1", 0), Handler) as server:
        hook.url = f"http://127.0.0.1:{server.server_address[1]}/{SECRET}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield hook
        server.shutdown()
        thread.join()
