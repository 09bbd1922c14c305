"""The ops HTTP server, for operators and Prometheus: /metrics, /readyz, /livez, /rollouts/NAME/verdict.

The standard library's WSGI server runs it in threads: the pages are few and small, and must respond while the event
loop is busy.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from extproc.config.endpoints import host_and_port
from extproc.ledger.rollouts.verdict_board import PageAnswer, without_ledger
from extproc.server.operations.health import Health
from extproc.server.sockets.address import AddressTaken, family_of, reason_of

BODY_BYTES_MAX: Final = 65_536
"""Of a request: Flagger sends one, which is not looked at."""
RolloutVerdictPage = Callable[[str, str], PageAnswer]
"""Of a name and the query of the URL; called from a thread."""
_START = Callable[[str, list[tuple[str, str]]], Any]
_ROLLOUTS, _VERDICT = "/rollouts/", "/verdict"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int) -> None:
        self.address_family = family_of(host)
        super().__init__((host, port), _Quiet)

    def server_bind(self) -> None:
        """Bind without the base class's DNS lookup, which can take seconds without a name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect."""


class _Quiet(WSGIRequestHandler):
    timeout = 10  # timeout for a client that never finishes its request [s]

    def log_message(self, format: str, *args: Any) -> None:
        """Do not log probes and scrapes."""


class OpsServer:
    """Serves the pages until closed.

    Args:
        alive: whether the event loop runs; called from a thread.
        verdict: of rollouts.
    Raises: OSError if the address is in use.
    """

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        health: Health,
        alive: Callable[[], bool],
        verdict: RolloutVerdictPage = lambda *_: without_ledger(),
    ) -> None:
        self._metrics = make_wsgi_app(registry)
        self._health = health
        self._alive = alive
        self._verdict = verdict
        self._server = _Server(host, port)
        self._server.set_app(self._page)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="pages", daemon=True)
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
            return self._readiness(start)
        if path == "/livez":
            alive = self._alive()
            return _json(start, alive, {"alive": alive})
        if path.startswith(_ROLLOUTS) and path.endswith(_VERDICT) and len(path) > len(_ROLLOUTS + _VERDICT):
            return self._rollout(path[len(_ROLLOUTS) : -len(_VERDICT)], environ, start)
        return _body(start, "404 Not Found", {"error": "Available: /metrics, /readyz, /livez, /rollouts/NAME/verdict."})

    def _rollout(self, name: str, environ: dict[str, Any], start: _START) -> Iterable[bytes]:
        _read_body(environ)
        status, body = self._verdict(_as_text(name), environ.get("QUERY_STRING", ""))
        return _body(start, f"{status} {HTTPStatus(status).phrase}", dict(body))

    def _readiness(self, start: _START) -> Iterable[bytes]:
        detail, listen_error = self._health.detail(), self._health.listen_error()
        if listen_error:
            detail |= {"ready": False, "listen_error": listen_error}
        return _json(start, detail["ready"], detail)


def _as_text(name: str) -> str:
    """WSGI gives bytes of a path as Latin-1."""
    return name.encode("latin-1").decode("utf-8", "replace")


def _read_body(environ: dict[str, Any]) -> None:
    """What is left unread when a connection is closed may lose the answer."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if length.isascii() and length.isdigit():
        environ["wsgi.input"].read(min(int(length), BODY_BYTES_MAX))


def _json(start: _START, good: bool, value: dict[str, Any]) -> list[bytes]:
    return _body(start, "200 OK" if good else "503 Service Unavailable", value)


def _body(start: _START, status: str, value: dict[str, Any]) -> list[bytes]:
    body = json.dumps(value).encode() + b"\n"
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def open_pages(
    address: str,
    registry: CollectorRegistry,
    health: Health,
    alive: Callable[[], bool],
    verdict: RolloutVerdictPage = lambda *_: without_ledger(),
) -> OpsServer:
    """Serve the pages at the address of `server.metrics`. Raises: AddressTaken."""
    host, port = host_and_port(address)
    try:
        return OpsServer(host, port, registry, health, alive, verdict)
    except OSError as error:
        raise AddressTaken("server.metrics", address, reason_of(error)) from error
