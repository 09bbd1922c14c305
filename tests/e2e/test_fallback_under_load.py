"""A server fails while 100 requests a second go through, half of them streams: no client sees what a retry avoids."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from extproc.demo.catalog import Write
from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Gate, Scripted
from extproc.demo.seen import Request
from tests.e2e.harness import Stack
from tests.e2e.scripted_models import Silent
from tests.e2e.steady_clients import Seen, SteadyClients
from tests.e2e.test_following import change_of, followed, is_served

RATE = 100
CLIENTS = 40
ASKED = 150
"""Requests while a server fails: one and a half seconds."""
FIRST_BYTE_MS = 300
RETURNS_S_MAX = 10.0
TURNS = 2


@dataclass(frozen=True, slots=True)
class Reset(Scripted):
    """The connection is closed in place of an answer."""

    async def writes(self) -> AsyncGenerator[Write, None]:
        """Nothing."""
        return
        yield

    @property
    def closes(self) -> bool:
        """At once."""
        return True


FAILURES = {
    "unavailable": Scripted(503, (("content-length", "0"),)),
    "reset": Reset(),
    "silent": Silent(gate=Gate()),
}


def with_fallback(data: dict[str, Any]) -> None:
    """Either version answers in place of the other."""
    data["models"]["tiny-chat"]["fallback"] = {
        "to": ["v1", "v2"],
        "first_byte_ms": FIRST_BYTE_MS,
        "unstreamed_first_byte_ms": FIRST_BYTE_MS,
    }


def all_answered(seen: list[Seen]) -> bool:
    """Whether every client got a whole answer."""
    return Counter((one.status, one.complete) for one in seen) == {(200, True): len(seen)}


@pytest.mark.timeout(180)
def test_a_server_that_fails_costs_no_answer(tmp_path: Path) -> None:
    """Each way to fail in turn; the other version is billed, and the traffic returns when the server is back."""
    broken: dict[str, Scripted] = {}

    def respond(_: Request) -> Scripted | None:
        return broken.get("now")

    models = {"v1": ModelServer("v1", respond=respond, speed=0), "v2": ModelServer("v2", speed=0)}
    with Stack(tmp_path, models=models, change=with_fallback) as stack:
        seen = asyncio.run(fail_in_turn(stack, broken))
        assert all_answered(seen)
        assert {one.streamed for one in seen} == {True, False}
        for version in ("v1", "v2"):
            answers = sum(one.version.endswith(version) for one in seen)
            assert stack.metric("llm_requests_total", version=version, outcome="completed") == answers
        assert stack.metric("llm_fallback_total", **{"from": "tiny-chat/v1", "to": "tiny-chat/v2"}) > 0


async def until_asked(clients: SteadyClients, count: int) -> None:
    """Until clients have got more answers."""
    until = len(clients.seen) + count
    await clients.until(lambda: len(clients.seen) >= until, f"{count} more answers")


async def until_back(clients: SteadyClients) -> None:
    """Until the first version answers again, which is soon."""
    since_s, known = time.monotonic(), len(clients.seen)
    await clients.until(partial(is_served, "v1", clients.seen, known), "it answers again")
    assert time.monotonic() - since_s < RETURNS_S_MAX


async def fail_in_turn(stack: Stack, broken: dict[str, Scripted]) -> list[Seen]:
    """What clients see meanwhile."""

    async with SteadyClients(stack.base_url, RATE, CLIENTS) as clients:
        for failure in FAILURES.values():
            await until_asked(clients, ASKED // 3)
            broken["now"] = failure
            await until_asked(clients, ASKED)
            broken.clear()
            await until_back(clients)
    return clients.seen


@pytest.mark.timeout(180)
def test_a_server_that_dies_costs_only_the_streams_that_it_has_begun(tmp_path: Path) -> None:
    """It is killed, and comes back at its address."""
    with Stack(tmp_path, change=with_fallback) as stack:
        seen = asyncio.run(die_and_return(stack))
        assert Counter(one.status for one in seen) == {200: len(seen)}
        broken_off = [one for one in seen if not one.complete]
        assert len(broken_off) <= CLIENTS
        assert all(one.streamed and one.version == "tiny-chat/v1" for one in broken_off)


async def die_and_return(stack: Stack) -> list[Seen]:
    """What clients see meanwhile."""
    server = stack.models["v1"]
    async with SteadyClients(stack.base_url, RATE, CLIENTS) as clients:
        for _ in range(TURNS):
            await until_asked(clients, ASKED // 3)
            await asyncio.to_thread(server.stop)
            await until_asked(clients, ASKED)
            await asyncio.to_thread(server.start)
            await until_back(clients)
    return clients.seen


@pytest.mark.timeout(180)
def test_a_fallback_comes_and_goes_under_load(tmp_path: Path) -> None:
    """Envoy watches the files: internal listeners, clusters and routes change in an order in which nothing fails."""
    folder = tmp_path / "envoy"
    with Stack(tmp_path, change=change_of(folder)) as stack:
        seen = asyncio.run(come_and_go(stack, folder))
        assert all_answered(seen)
        prompts = [server.seen for server in stack.models.values()]
        bodies = [one.body.decode() for log in prompts for one in log]
        assert {body.count('"system"') for body in bodies} == {1}  # inserted by one call or the other, never by both
        assert stack.metric("llm_extproc_failures_total") == 0


async def come_and_go(stack: Stack, folder: Path) -> list[Seen]:
    """What clients see while a fallback is added and removed."""

    def falling(data: dict[str, Any]) -> None:
        change_of(folder)(data)
        with_fallback(data)

    async def change(to: Callable[[dict[str, Any]], None]) -> None:
        before, asked = followed(stack), len(clients.seen)
        stack.write_config(to)
        await clients.until(lambda: followed(stack) > before, "Envoy follows")
        await clients.until(lambda: len(clients.seen) > asked + ASKED // 3, "more answers")

    async with SteadyClients(stack.base_url, RATE, CLIENTS) as clients:
        for _ in range(TURNS):
            await change(falling)
            await change(change_of(folder))
    return clients.seen
