"""The pages that people, probes and Prometheus read."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from extproc._pb.health_pb2 import HealthCheckResponse
from extproc.ledger.rollouts.verdict_board import PageAnswer
from extproc.server.operations.health import EXT_PROC, READINESS, Health
from extproc.server.operations.pages import BODY_BYTES_MAX, OpsServer, open_pages
from extproc.server.sockets.address import AddressTaken
from extproc.sinks.metrics import Metrics
from tests.hangs import HANG_S

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


class Served:
    """The pages, and a client's requests to them."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.health = Health()
        self.alive = True
        self.host = host
        self.asked: list[tuple[str, str]] = []
        self.pages = OpsServer(host, 0, Metrics(10).registry, self.health, lambda: self.alive, self.verdict)

    def verdict(self, name: str, query: str) -> PageAnswer:
        """Of a rollout that still runs."""
        self.asked.append((name, query))
        return PageAnswer(503 if query else 200, {"verdict": "hold"})

    def get(self, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        """One request."""
        return self.send("GET", path, None, {key.replace("_", "-"): value for key, value in headers.items()})

    def send(self, method: str, path: str, sent: bytes | None, headers: dict[str, str]) -> tuple[HTTPResponse, bytes]:
        """Likewise, with a body."""
        connection = HTTPConnection(self.host, self.pages.port, timeout=HANG_S)
        connection.request(method, path, sent, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body


@pytest.fixture
def served() -> Iterator[Served]:
    """Pages on a free port."""
    served = Served()
    yield served
    served.pages.close()


def test_metrics_are_in_the_format_that_prometheus_reads(served: Served) -> None:
    """With its content type."""
    response, body = served.get("/metrics")
    assert (response.status, response.headers["content-type"].startswith("text/plain; version=")) == (200, True)
    assert b"llm_inflight_exchanges 0.0" in body


def test_metrics_are_compressed_for_who_asks(served: Served) -> None:
    """Prometheus does."""
    response, body = served.get("/metrics", accept_encoding="gzip")
    assert response.headers["content-encoding"] == "gzip"
    assert b"llm_inflight_exchanges 0.0" in gzip.decompress(body)


def test_readiness_follows_the_process(served: Served) -> None:
    """Before it serves and when it drains: 503. What is in force is told each time."""
    served.health.revision = "abc"
    served.health.identity = "teams are only claimed"
    response, body = served.get("/readyz")
    assert (response.status, response.headers["content-type"]) == (503, "application/json")
    served.health.set_ready(True)
    response, body = served.get("/readyz")
    assert response.status == 200
    assert json.loads(body) == {
        "ready": True,
        "draining": False,
        "wait_ms": 0,
        "revision": "abc",
        "config_error": "",
        "identity": "teams are only claimed",
        "prompt_store_error": "",
        "ledger_error": "",
        "restart_needed": [],
        "envoy_stale": [],
    }
    served.health.drain()
    response, body = served.get("/readyz")
    assert (response.status, json.loads(body)["draining"]) == (503, True)


def test_a_process_that_is_behind_is_not_ready(served: Served) -> None:
    """It goes on serving whoever has no other; orchestrators and people are told."""
    served.health.set_ready(True)
    served.health.watch(lambda: 1.5, 1.0)
    response, body = served.get("/readyz")
    assert (response.status, json.loads(body)["ready"], json.loads(body)["wait_ms"]) == (503, False, 1500)
    assert served.health.status(READINESS) == NOT_SERVING
    assert served.health.status("") == served.health.status(EXT_PROC) == SERVING
    served.health.watch(lambda: 0.5, 1.0)
    assert served.get("/readyz")[0].status == 200
    assert served.health.status(READINESS) == SERVING


def test_a_bad_configuration_is_told_and_does_not_end_readiness(served: Served) -> None:
    """The last good one is in force: taking the process out of service would make it worse."""
    served.health.set_ready(True)
    served.health.config_error = "llm-extproc.yaml:3:1: filters: …"
    response, body = served.get("/readyz")
    assert (response.status, json.loads(body)["config_error"]) == (200, "llm-extproc.yaml:3:1: filters: …")


@pytest.mark.parametrize(("alive", "status"), [(True, 200), (False, 503)])
def test_liveness_is_that_the_event_loop_turns(served: Served, alive: bool, status: int) -> None:
    """A process that hangs must be restarted, though its pages still answer."""
    served.alive = alive
    response, body = served.get("/livez")
    assert (response.status, json.loads(body)) == (status, {"alive": alive})


def test_other_paths_tell_which_there_are(served: Served) -> None:
    """404, and where to look instead."""
    response, body = served.get("/")
    assert (response.status, json.loads(body)) == (
        404,
        {"error": "Available: /metrics, /readyz, /livez, /rollouts/NAME/verdict."},
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("chat-v2", "chat-v2"),
        ("meta/llama-3:8b", "meta/llama-3:8b"),
        ("meta%2Fllama", "meta/llama"),
        ("%C3%A9", "é"),
        ("%FF", "\N{REPLACEMENT CHARACTER}"),
        ("verdict", "verdict"),
    ],
)
def test_the_verdict_of_a_rollout(served: Served, path: str, name: str) -> None:
    """Models have slashes in their names; the query goes with it, and a status that waits is one."""
    response, body = served.get(f"/rollouts/{path}/verdict")
    assert (response.status, response.headers["content-type"], json.loads(body)) == (
        *(200, "application/json"),
        {"verdict": "hold"},
    )
    response, body = served.get(f"/rollouts/{path}/verdict?until=promoted")
    assert (response.status, response.reason) == (503, "Service Unavailable")
    assert served.asked == [(name, ""), (name, "until=promoted")]


@pytest.mark.parametrize("path", ["/rollouts//verdict", "/rollouts/verdict", "/rollouts/chat-v2", "/rollouts/"])
def test_a_verdict_without_a_name(served: Served, path: str) -> None:
    """Is another path."""
    assert (served.get(path)[0].status, served.asked) == (404, [])


@pytest.mark.parametrize("length", [0, 100, BODY_BYTES_MAX])
def test_flagger_posts_to_its_gates(served: Served, length: int) -> None:
    """What it sends is read, so that its connection is not reset before it has the answer."""
    response, body = served.send("POST", "/rollouts/chat-v2/verdict", b"x" * length, {})
    assert (response.status, json.loads(body)) == (200, {"verdict": "hold"})


def test_without_a_ledger_there_is_no_verdict() -> None:
    """And it says so."""
    pages = OpsServer("127.0.0.1", 0, Metrics(10).registry, Health(), lambda: True)
    try:
        connection = HTTPConnection("127.0.0.1", pages.port, timeout=HANG_S)
        connection.request("GET", "/rollouts/chat-v2/verdict")
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())) == (
            404,
            {"error": "There is no `ledger:` in the configuration, so nothing is rolled out."},
        )
        connection.close()
    finally:
        pages.close()


def test_a_slow_client_does_not_hold_up_another(served: Served) -> None:
    """Its request never ends; the probe's is answered all the same."""
    with socket.create_connection(("127.0.0.1", served.pages.port)) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert served.get("/livez")[0].status == 200


def test_a_client_that_leaves_is_not_worth_a_line(
    served: Served, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing on the streams of the process, which are a log of JSON lines."""
    ended = threading.Event()
    server = served.pages._server
    monkeypatch.setattr(server, "shutdown_request", _telling(server.shutdown_request, ended))
    with socket.create_connection(("127.0.0.1", served.pages.port)) as leaving:
        leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        leaving.sendall(b"GET /met")
    assert ended.wait(HANG_S)
    assert capfd.readouterr() == ("", "")


def test_pages_are_served_on_ipv6_too() -> None:
    """As the address of the configuration says."""
    served = Served("::1")
    try:
        assert served.get("/livez")[0].status == 200
    finally:
        served.pages.close()


def test_a_port_that_is_taken_is_an_error(served: Served) -> None:
    """Not shared, and not another one."""
    with pytest.raises(OSError, match="in use"):
        OpsServer("127.0.0.1", served.pages.port, Metrics(10).registry, served.health, lambda: True)


def test_an_address_that_is_taken_is_told_by_its_key(served: Served) -> None:
    """Which setting to change."""
    address = f"127.0.0.1:{served.pages.port}"
    with pytest.raises(AddressTaken, match=f"server.metrics: .*{address}"):
        open_pages(address, Metrics(10).registry, served.health, lambda: True)
    free = open_pages("127.0.0.1:0", Metrics(10).registry, served.health, lambda: True)
    assert free.port
    free.close()


def _telling(shutdown_request: Callable[[Any], None], ended: threading.Event) -> Callable[[Any], None]:
    def wrapped(request: Any) -> None:
        shutdown_request(request)
        ended.set()

    return wrapped
