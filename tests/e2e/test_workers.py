"""Two workers behind a real Envoy, on a Unix socket each and on one TCP port, while clients ask all the time."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.demo.installation import TRANSPORT_VARIABLE, Change
from extproc.server.sockets.free_ports import free_ports
from tests.e2e.asking import CHAT, CLIENTS, Asking
from tests.e2e.harness import Stack, require_envoy, wait_until
from tests.e2e.measured import Measured
from tests.json_lines import json_lines

pytestmark = pytest.mark.transport

BY_GRPC = os.environ.get(TRANSPORT_VARIABLE) == "grpc"
"""That library closes its sockets with its process, and leaves what comes in that instant without an answer."""


def two_workers(address: str, **limits: int) -> Change:
    """The demo's configuration with them."""

    def change(data: dict[str, Any]) -> None:
        data["limits"] = limits
        data["server"] |= {"workers": 2, "reload_interval_ms": 50}
        if address == "tcp":
            data["server"]["listen"] = LISTEN

    return change


def many_connections(envoy: dict[str, Any]) -> None:
    """Envoy opens few, and the system spreads connections, not streams: a new one each time, to see both workers."""
    (cluster,) = (each for each in envoy["static_resources"]["clusters"] if each["name"] == "llm_extproc")
    (options,) = cluster["typed_extension_protocol_options"].values()
    options["common_http_protocol_options"] = {"max_requests_per_connection": 1}


LISTEN = f"127.0.0.1:{free_ports(1)[0]}"


def ask(stack: Stack) -> int:
    """The status of one chat."""
    body = {"model": "tiny-chat", "messages": [{"role": "user", "content": "Hello"}]}
    return stack.curl(CHAT, body=body).status


def exchanges(stack: Stack) -> list[dict[str, Any]]:
    """The lines of ended exchanges."""
    return [line for line in json_lines(stack.processor.log) if line["event"] == "exchange"]


def workers_in(lines: list[dict[str, Any]]) -> set[int]:
    """Which workers wrote them."""
    return {line["worker"] for line in lines}


def detail(stack: Stack) -> dict[str, Any]:
    """What readiness shows, when it is ready."""
    shown: dict[str, Any] = json.loads(stack.processor.page("/readyz"))
    return shown


def pids(stack: Stack) -> set[int]:
    """Of the workers, when all serve; else none."""
    try:
        return {worker["pid"] for worker in detail(stack)["workers"]}
    except OSError:
        return set()


@pytest.fixture(scope="module", params=["unix", "tcp"])
def address(request: pytest.FixtureRequest) -> str:
    """What kind of address the workers listen on."""
    return str(request.param)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, address: str) -> Iterator[Stack]:
    """The demo with two workers."""
    require_envoy()
    change_envoy = many_connections if address == "tcp" else None
    with Stack(tmp_path_factory.mktemp("workers"), change=two_workers(address), change_envoy=change_envoy) as running:
        yield running


def test_both_work_and_neither_a_reload_nor_a_replacement_loses_a_request(stack: Stack, address: str) -> None:
    """Every request is answered; one revision is in force everywhere; the page has each exchange once."""
    measured, lines = Measured(stack), len(exchanges(stack))
    before, first = pids(stack), detail(stack)["revision"]
    with Asking(stack) as asking:
        wait_until(lambda: workers_in(exchanges(stack)[lines:]) == {0, 1}, "both workers have answered")
        stack.write_config(two_workers(address, json_depth_max=63))
        wait_until(lambda: detail(stack)["revision"] != first, "the new configuration is in force")
        shown = detail(stack)
        assert {worker["revision"] for worker in shown["workers"]} == {shown["revision"]}
        stack.processor.signal(signal.SIGUSR2)
        wait_until(lambda: (now := pids(stack)) and now.isdisjoint(before), "both are replaced", 30)
        asking.more(20)
    assert sum(asking.statuses.values()) - asking.statuses[200] <= (CLIENTS if BY_GRPC else 0)
    answered = asking.statuses[200]
    wait_until(lambda: measured.inflight == 0, "no exchange is running")
    assert measured.rise("llm_requests_total", outcome="completed") == answered
    wait_until(lambda: len(exchanges(stack)) - lines == answered, "each has its line, up to 50 ms late")
    assert measured.rise("llm_request_duration_seconds_count") == answered
    assert measured.rise("llm_config_reloads_total", result="ok") == 1
    assert measured.rise("llm_worker_restarts_total") == 0


def test_a_worker_killed_amid_traffic_costs_its_own_streams(stack: Stack) -> None:
    """Clients of the other are served on; it comes back by itself; what was counted stays counted, once."""
    measured, lines = Measured(stack), len(exchanges(stack))
    (victim, other) = (worker["pid"] for worker in detail(stack)["workers"])
    with Asking(stack) as asking:
        wait_until(lambda: workers_in(exchanges(stack)[lines:]) == {0, 1}, "both workers have answered")
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: (now := pids(stack)) and victim not in now, "another is in its place", 20)
        asking.more(20)
    failed = sum(count for status, count in asking.statuses.items() if status != 200)
    assert set(asking.statuses) <= {200, 503, 504}
    assert failed <= 2 * CLIENTS or BY_GRPC
    assert other in pids(stack)
    wait_until(lambda: measured.inflight == 0, "no exchange is running")
    counted = measured.rise("llm_requests_total")
    answered = asking.statuses[200]
    assert answered - CLIENTS <= counted <= answered + failed  # it may die between an answer and its count
    assert measured.rise("llm_worker_restarts_total", reason="SIGKILL") == 1
    assert [ask(stack) for _ in range(4)] == [200] * 4
    wait_until(lambda: measured.rise("llm_requests_total") == counted + 4, "the page goes on")
