"""With ``pick: load`` the processor says which server gets a request, and Envoy follows it while that server lives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from extproc.demo.installation import LOOPBACK
from extproc.demo.model_server import ModelServer
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Stack

CHAT = "/v1/chat/completions"
SYSTEM = "You help the customers of a bookshop. " * 50


@pytest.fixture
def servers() -> Iterator[list[ModelServer]]:
    """Three servers of one version."""
    with ExitStack() as running:
        yield [running.enter_context(ModelServer(f"server{number}", speed=0)) for number in range(3)]


@pytest.fixture
def stack(make_stack: MakeStack, servers: list[ModelServer]) -> Stack:
    """One version with three endpoints."""

    def change(data: dict[str, Any]) -> None:
        versions = data["models"]["tiny-chat"]["versions"]
        del versions["v2"]
        versions["v1"]["endpoints"] = [f"{LOOPBACK}:{server.port}" for server in servers]
        versions["v1"]["pick"] = "load"

    return make_stack(change=change)


def ask(stack: Stack, *turns: str) -> int:
    """The status of one answer. Turns are of the user and the assistant in turn."""
    roles = ["user" if number % 2 == 0 else "assistant" for number in range(len(turns))]
    messages = [{"role": role, "content": turn} for role, turn in zip(roles, turns, strict=True)]
    body = {"model": "tiny-chat", "messages": [{"role": "system", "content": SYSTEM}, *messages]}
    return stack.curl(CHAT, body=json.dumps(body).encode()).status


def counts(servers: list[ModelServer]) -> list[int]:
    """How many requests each got."""
    return [len(list(server.seen)) for server in servers]


def test_a_conversation_stays_with_a_server_and_others_are_shared_out(stack: Stack, servers: list[ModelServer]) -> None:
    """Through the real load balancer."""
    turns = ["Hello, I look for a book on rivers."]
    for number in range(6):
        assert ask(stack, *turns) == 200
        turns += [f"Answer {number}", f"And what about number {number}?"]
    assert sorted(counts(servers)) == [0, 0, 6]


def test_a_server_that_is_gone_costs_no_request(stack: Stack, servers: list[ModelServer]) -> None:
    """Envoy goes to another one: the pick is a wish."""
    assert ask(stack, "Hello") == 200
    (home,) = [server for server in servers if list(server.seen)]
    home.stop()
    statuses = Counter(ask(stack, "Hello", "Hi", f"Question {number}") for number in range(12))
    assert statuses[200] >= 11
