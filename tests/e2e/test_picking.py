"""With ``pick: load`` the processor says which server gets a request, and Envoy follows it while that server lives."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from extproc.demo.installation import LOOPBACK
from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request
from extproc.model_servers.resolve import addresses_of
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Stack, wait_until

CHAT = "/v1/chat/completions"
SYSTEM = "You help the customers of a bookshop. " * 50
NAME = "localhost"
ASKED = 15
"""Prompts with nothing in common: each of three servers is the home of some."""


class Server:
    """A model server that says of itself what a test wants; None: nothing, as it is too busy to answer that."""

    def __init__(self, name: str) -> None:
        self.waiting: int | None = 0
        self.model_server = ModelServer(name, respond=self._respond, speed=0)

    @property
    def endpoint(self) -> str:
        """HOST:PORT."""
        return f"{LOOPBACK}:{self.model_server.port}"

    def paths(self, path: str) -> int:
        """How many requests for it came."""
        return sum(seen.request.path == path for seen in self.model_server.seen)

    def _respond(self, request: Request) -> Scripted | None:
        if request.path != "/metrics":
            return None
        if self.waiting is None:
            return Scripted(503)
        numbers = {"num_requests_waiting": self.waiting, "num_requests_running": 0, "kv_cache_usage_perc": 0}
        lines = [f'vllm:{name}{{engine="0"}} {value}\n' for name, value in numbers.items()]
        return Scripted(headers=(("content-type", "text/plain"),), chunks=["".join(lines).encode()])


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Three servers of one version."""
    made = [Server(f"server{number}") for number in range(3)]
    with ExitStack() as running:
        for server in made:
            running.enter_context(server.model_server)
        yield made


def ipv4_only(envoy: dict[str, Any]) -> None:
    """To Envoy's resolver localhost is always ::1 too, and it prefers that; the model servers do not listen there."""
    for cluster in envoy["static_resources"]["clusters"]:
        if cluster["type"] == "STRICT_DNS":
            cluster["dns_lookup_family"] = "V4_ONLY"


@pytest.fixture(params=[(1, LOOPBACK), (2, LOOPBACK), (2, NAME)], ids=["one process", "two workers", "names"])
def stack(make_stack: MakeStack, servers: list[Server], request: pytest.FixtureRequest) -> Stack:
    """One version with three endpoints, whose load is known."""
    workers, host = request.param
    if host == NAME and addresses_of(f"{NAME}:1") != (f"{LOOPBACK}:1",):
        pytest.skip("localhost has another address here, where the model servers do not listen")

    def change(data: dict[str, Any]) -> None:
        versions = data["models"]["tiny-chat"]["versions"]
        del versions["v2"]
        versions["v1"]["endpoints"] = [f"{host}:{server.model_server.port}" for server in servers]
        versions["v1"]["pick"] = "load"
        data["server"]["workers"] = workers

    stack = make_stack(change=change, change_envoy=ipv4_only)
    wait_until(lambda: all(server.paths("/metrics") > 1 for server in servers), "the load of all is known")
    return stack


def ask(stack: Stack, *turns: str, system: str = SYSTEM) -> int:
    """The status of one answer. Turns are of the user and the assistant in turn."""
    roles = ["user" if number % 2 == 0 else "assistant" for number in range(len(turns))]
    messages = [{"role": role, "content": turn} for role, turn in zip(roles, turns, strict=True)]
    body = {"model": "tiny-chat", "messages": [{"role": "system", "content": system}, *messages]}
    return stack.curl(CHAT, body=json.dumps(body).encode()).status


def ask_all(stack: Stack, about: str) -> None:
    """Requests with nothing in common."""
    assert {ask(stack, "Hello", system=f"{number}: {about}") for number in range(ASKED)} == {200}


def age_s(stack: Stack, server: Server) -> float:
    """Of what is known of a server's load, as the metrics show it."""
    return stack.metric("llm_endpoint_load_age_seconds", endpoint=server.endpoint)


def counts(servers: list[Server]) -> list[int]:
    """How many chats each got."""
    return [server.paths(CHAT) for server in servers]


def test_a_conversation_stays_with_a_server_and_others_are_shared_out(stack: Stack, servers: list[Server]) -> None:
    """Through the real load balancer."""
    turns = ["Hello, I look for a book on rivers."]
    for number in range(6):
        assert ask(stack, *turns) == 200
        turns += [f"Answer {number}", f"And what about number {number}?"]
    assert sorted(counts(servers)) == [0, 0, 6]


def test_a_server_that_is_gone_gets_no_request(stack: Stack, servers: list[Server]) -> None:
    """At first Envoy tries another one, since a pick is a wish; as soon as it is known, it is not picked."""
    assert ask(stack, "Hello") == 200
    (home,) = [server for server in servers if server.paths(CHAT)]
    home.model_server.stop()
    at_first = Counter(ask(stack, "Hello", "Hi", f"Question {number}") for number in range(4))
    assert at_first[200] >= 2
    wait_until(lambda: stack.metric("llm_endpoint_scrapes_total", result="unreachable") >= 1, "it is known to be gone")
    assert {ask(stack, "Hello", "Hi", f"Late question {number}") for number in range(8)} == {200}


def test_a_server_with_a_queue_gets_nothing_until_its_numbers_are_too_old(stack: Stack, servers: list[Server]) -> None:
    """What it says is heard within a scrape. When it says nothing any more, the processor's own load counts again."""
    busy = servers[1]
    busy.waiting, asked = 50, busy.paths("/metrics")
    wait_until(lambda: busy.paths("/metrics") > asked + 1, "its queue is known")
    ask_all(stack, "with a queue")
    assert (busy.paths(CHAT), sum(counts(servers))) == (0, ASKED)
    busy.waiting = None
    wait_until(lambda: age_s(stack, busy) > 2, "its numbers are too old")
    assert all(age_s(stack, server) < 2 for server in servers if server is not busy)
    ask_all(stack, "without numbers")
    assert busy.paths(CHAT) > 0
    assert stack.metric("llm_endpoint_scrapes_total", result="failed") > 1


@pytest.mark.usefixtures("stack")
def test_each_server_is_asked_by_one_process_at_most_five_times_a_second(servers: list[Server]) -> None:
    """However many workers there are: a page costs a model server some milliseconds."""
    begun_s, before = time.monotonic(), [server.paths("/metrics") for server in servers]
    wait_until(lambda: all(server.paths("/metrics") >= 10 for server in servers), "ten pages")
    passed_s = time.monotonic() - begun_s
    for server, earlier in zip(servers, before, strict=True):
        assert server.paths("/metrics") - earlier <= passed_s / 0.2 + 2  # one at each end, up to its delay
