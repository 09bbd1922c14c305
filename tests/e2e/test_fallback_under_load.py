"""A server fails while 100 requests a second go through, half of them streams: no client sees what a retry avoids.

``make outages`` does the same for longer, and prints what clients received.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extproc.demo.outage import Outage
from extproc.demo.steady_clients import Received, SteadyClients
from tests.e2e.breakable_servers import ANSWERS, BROKEN, KILLED, SPARE, BreakableServers, with_fallback
from tests.e2e.harness import Stack
from tests.e2e.test_following import change_of, followed

RATE = 100
CLIENTS = 40
BEFORE = 50
DURING = 150
"""Answers before and while a server fails: one and a half seconds."""
RETURNS_S_MAX = 10.0
TURNS = 2


def all_answered(received: list[Received]) -> bool:
    """Whether every client got a whole answer."""
    return Counter((one.status, one.complete) for one in received) == {(200, True): len(received)}


@pytest.mark.timeout(180)
def test_a_server_that_fails_costs_no_answer(tmp_path: Path) -> None:
    """Each way to fail in turn; the other version is billed, and the traffic returns when the server is back."""
    models = BreakableServers()
    with Stack(tmp_path, models=models.servers, change=with_fallback) as stack:
        with SteadyClients(stack.base_url, RATE, CLIENTS) as clients:
            for failure in ANSWERS:
                assert models.fail_and_restore(clients, failure, before=BEFORE, during=DURING) < RETURNS_S_MAX
        assert all_answered(clients.received)
        outage = Outage(clients.received, 0)
        assert 0 < outage.streams < len(outage.received)
        for version, answers in outage.by_version.items():
            labels = {"version": version.partition("/")[2], "outcome": "completed"}
            assert stack.metric("llm_requests_total", **labels) == answers
        assert stack.metric("llm_fallback_total", **{"from": BROKEN, "to": SPARE}) > 0


@pytest.mark.timeout(180)
def test_a_server_that_dies_costs_only_the_streams_that_it_has_begun(tmp_path: Path) -> None:
    """It is killed, and comes back at its address."""
    models = BreakableServers()
    with Stack(tmp_path, models=models.servers, change=with_fallback) as stack:
        with SteadyClients(stack.base_url, RATE, CLIENTS) as clients:
            for _ in range(TURNS):
                assert models.fail_and_restore(clients, KILLED, before=BEFORE, during=DURING) < RETURNS_S_MAX
        outage = Outage(clients.received, 0)
        assert [one for one in outage.received if one.status != 200] == []
        assert len(outage.cut) <= CLIENTS
        assert all(one.streamed and one.version == BROKEN for one in outage.cut)


@pytest.mark.timeout(180)
def test_a_fallback_comes_and_goes_under_load(tmp_path: Path) -> None:
    """Envoy watches the files: internal listeners, clusters and routes change in an order in which nothing fails."""
    folder = tmp_path / "envoy"
    with Stack(tmp_path, change=change_of(folder)) as stack:
        assert all_answered(come_and_go(stack, folder))
        prompts = [server.seen for server in stack.models.values()]
        bodies = [one.body.decode() for log in prompts for one in log]
        assert {body.count('"system"') for body in bodies} == {1}  # inserted by one call or the other, never by both
        assert stack.metric("llm_extproc_failures_total") == 0


def come_and_go(stack: Stack, folder: Path) -> list[Received]:
    """What clients receive while a fallback is added and removed."""

    def falling(data: dict[str, Any]) -> None:
        change_of(folder)(data)
        with_fallback(data)

    def change(to: Callable[[dict[str, Any]], None]) -> None:
        before = followed(stack)
        stack.write_config(to)
        clients.until(lambda: followed(stack) > before, "Envoy follows")
        clients.until_answered(BEFORE)

    with SteadyClients(stack.base_url, RATE, CLIENTS) as clients:
        for _ in range(TURNS):
            change(falling)
            change(change_of(folder))
    return clients.received
