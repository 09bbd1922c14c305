"""Two workers behind a real Envoy, on a Unix socket each and on one TCP port, while clients ask all the time."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from extproc.demo.installation import TRANSPORT_VARIABLE, Change
from extproc.server.sockets.free_ports import free_ports
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Stack, wait_until
from tests.json_lines import json_lines

CHAT = "/v1/chat/completions"
CLIENTS = 4
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


class Asking:
    """Clients that ask one request after another; a context manager that lets each end its last."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._enough = threading.Event()
        self._pool = ThreadPoolExecutor(CLIENTS)
        self.statuses: Counter[int] = Counter()

    def __enter__(self) -> Asking:
        self._running = [self._pool.submit(self._ask) for _ in range(CLIENTS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._pool.shutdown()
        for each in self._running:
            each.result()

    def more(self, count: int) -> None:
        """Wait until so many more have been answered."""
        enough = self.statuses[200] + count
        wait_until(lambda: self.statuses[200] >= enough, f"{count} more answers", 20)

    def _ask(self) -> None:
        while not self._enough.is_set():
            self.statuses[ask(self._stack)] += 1


def ask(stack: Stack) -> int:
    """The status of one chat."""
    body = {"model": "tiny-chat", "messages": [{"role": "user", "content": "Hello"}]}
    return stack.curl(CHAT, body=body).status


def exchanges(stack: Stack) -> list[dict[str, Any]]:
    """The lines of ended exchanges."""
    return [line for line in json_lines(stack.processor.log) if line["event"] == "exchange"]


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


@pytest.fixture(params=["unix", "tcp"])
def address(request: pytest.FixtureRequest) -> str:
    """What kind of address the workers listen on."""
    return str(request.param)


@pytest.fixture
def stack(make_stack: MakeStack, address: str) -> Stack:
    """The demo with two workers."""
    return make_stack(change=two_workers(address), change_envoy=many_connections if address == "tcp" else None)


def test_both_work_and_neither_a_reload_nor_a_replacement_loses_a_request(stack: Stack, address: str) -> None:
    """Every request is answered; one revision is in force everywhere; the page has each exchange once."""
    before, first = pids(stack), detail(stack)["revision"]
    with Asking(stack) as asking:
        wait_until(lambda: {line["worker"] for line in exchanges(stack)} == {0, 1}, "both workers have answered")
        stack.write_config(two_workers(address, json_depth_max=63))
        wait_until(lambda: detail(stack)["revision"] != first, "the new configuration is in force")
        shown = detail(stack)
        assert {worker["revision"] for worker in shown["workers"]} == {shown["revision"]}
        stack.processor.signal(signal.SIGUSR2)
        wait_until(lambda: (now := pids(stack)) and now.isdisjoint(before), "both are replaced", 30)
        asking.more(20)
    assert sum(asking.statuses.values()) - asking.statuses[200] <= (CLIENTS if BY_GRPC else 0)
    wait_until(lambda: stack.metric("llm_inflight_exchanges") == 0, "no exchange is running")
    assert stack.metric("llm_requests_total", outcome="completed") == asking.statuses[200]
    wait_until(lambda: len(exchanges(stack)) == asking.statuses[200], "each has its line, up to 50 ms late")
    assert stack.metric("llm_request_duration_seconds_count") == asking.statuses[200]
    assert stack.metric("llm_config_reloads_total", result="ok") == 2
    assert stack.metric("llm_worker_restarts_total") == 0


def test_a_worker_killed_amid_traffic_costs_its_own_streams(stack: Stack) -> None:
    """Clients of the other are served on; it comes back by itself; what was counted stays counted, once."""
    (victim, other) = (worker["pid"] for worker in detail(stack)["workers"])
    with Asking(stack) as asking:
        wait_until(lambda: {line["worker"] for line in exchanges(stack)} == {0, 1}, "both workers have answered")
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: (now := pids(stack)) and victim not in now, "another is in its place", 20)
        asking.more(20)
    failed = sum(count for status, count in asking.statuses.items() if status != 200)
    assert set(asking.statuses) <= {200, 503, 504}
    assert failed <= 2 * CLIENTS or BY_GRPC
    assert other in pids(stack)
    wait_until(lambda: stack.metric("llm_inflight_exchanges") == 0, "no exchange is running")
    counted = stack.metric("llm_requests_total")
    answered = asking.statuses[200]
    assert answered - CLIENTS <= counted <= answered + failed  # it may die between an answer and its count
    assert stack.metric("llm_worker_restarts_total", reason="SIGKILL") == 1
    assert [ask(stack) for _ in range(4)] == [200] * 4
    wait_until(lambda: stack.metric("llm_requests_total") == counted + 4, "the page goes on")
