"""The pages for people and Prometheus, over HTTP on an address of their own: /metrics, /readyz, /livez.

They are served from a thread by the standard library's WSGI server: they are few, small, and must answer while the event loop works.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from extproc.server.health import Health

_START = Callable[[str, list[tuple[str, str]]], Any]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10  # a client that never finishes its request does not keep a thread

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Probes and scrapes are not worth a line each."""


class Pages:
    """Serves the pages until it is closed. Raises: OSError where the address is taken."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, health: Health) -> None:
        self._metrics = make_wsgi_app(registry)
        self._health = health
        self._server = make_server(host, port, self._page, server_class=_Server, handler_class=_Quiet)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="pages", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _page(self, environ: dict[str, Any], start: _START) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return self._metrics(environ, start)  # type: ignore[no-any-return]
        if path == "/readyz":
            return _json(start, "200 OK" if self._health.ready else "503 Service Unavailable", self._health.detail())
        if path == "/livez":
            return _json(start, "200 OK", {"alive": True})
        return _json(start, "404 Not Found", {"error": "There are /metrics, /readyz and /livez."})


def _json(start: _START, status: str, value: dict[str, Any]) -> list[bytes]:
    body = json.dumps(value).encode() + b"\n"
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
