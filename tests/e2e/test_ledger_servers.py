"""Entries say which model server answered, as the real Envoy knows it: of several, and behind a fallback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import select

from extproc.demo.installation import LOOPBACK
from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Scripted
from extproc.ledger.allocation.server_lives import server_lives
from extproc.ledger.schema import ENTRIES
from extproc.ledger.store import LedgerStore, entry_of
from tests.e2e.asking import CHAT
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Stack, wait_until
from tests.e2e.ledger_load import ID_HEADER, with_ledger
from tests.e2e.scripted_models import Reset
from tests.unit.ledger.allocation.model_pages import vllm_page

pytestmark = pytest.mark.once

ASKED = 12
PAGE = Scripted(headers=(("content-type", "text/plain"),), chunks=[vllm_page()])


def chat(stack: Stack, text: str) -> str:
    """The id of an exchange that was answered."""
    answer = stack.curl(CHAT, body={"model": "tiny-chat", "messages": [{"role": "user", "content": text}]})
    assert answer.status == 200
    return answer.headers[ID_HEADER]


def servers_of(stack: Stack, exchanges: int) -> dict[str, str]:
    """The server of each exchange, as soon as there are so many."""
    store = LedgerStore("sqlite:///ledger.db", stack.directory)
    try:
        wait_until(lambda: len(list(store.rows(select(ENTRIES)))) >= exchanges, "all are stored")
        return {entry.exchange: entry.server for entry in map(entry_of, store.rows(select(ENTRIES)))}
    finally:
        store.close()


def address_of(server: ModelServer) -> str:
    """IP:PORT."""
    return f"{LOOPBACK}:{server.port}"


@pytest.fixture
def twins() -> Iterator[list[ModelServer]]:
    """Two servers of one version."""
    made = [ModelServer(f"twin{number}", speed=0) for number in range(2)]
    with ExitStack() as running:
        for server in made:
            running.enter_context(server)
        yield made


def test_each_entry_has_the_server_that_had_its_request(make_stack: MakeStack, twins: list[ModelServer]) -> None:
    """Of two endpoints of one version, between which Envoy chooses."""

    def change(data: dict[str, Any]) -> None:
        versions = data["models"]["tiny-chat"]["versions"]
        del versions["v2"]
        versions["v1"]["endpoints"] = [address_of(server) for server in twins]
        with_ledger("sqlite:///ledger.db")(data)

    stack = make_stack(change=change)
    text_of = {chat(stack, text): text for text in [f"Number {number}" for number in range(ASKED)]}
    had = {
        seen.request.document["messages"][-1]["content"]: address_of(server)
        for server in twins
        for seen in server.seen
        if seen.request.path == CHAT
    }
    assert set(had.values()) == {address_of(server) for server in twins}
    assert {text_of[one]: server for one, server in servers_of(stack, ASKED).items()} == had


def test_servers_are_sampled_by_the_addresses_that_entries_have(make_stack: MakeStack) -> None:
    """So that GPU time and exchanges meet: from the configuration through the process that ships."""
    server = ModelServer("v1", respond=lambda request: PAGE if request.path == "/metrics" else None, speed=0)
    with server:

        def change(data: dict[str, Any]) -> None:
            versions = data["models"]["tiny-chat"]["versions"]
            del versions["v2"]
            versions["v1"]["endpoints"] = [address_of(server)]
            gpus = {"endpoint": address_of(server), "gpus": 2, "kind": "H100", "price": "h100"}
            data["gpus"] = {"servers": [gpus], "prices": [{"name": "h100", "per_gpu_hour": "2.50"}]}
            with_ledger("sqlite:///ledger.db")(data)

        stack = make_stack(change=change)
        chat(stack, "Hello")
        wait_until(lambda: any(one.request.path == "/metrics" for one in server.seen), "the server was asked")
        (entry,) = servers_of(stack, 1).values()
        stack.processor.stop()
        store = LedgerStore("sqlite:///ledger.db", stack.directory)
        with store.reading() as connection:
            lives = server_lives(connection, 0, 1 << 62)
        store.close()
    assert entry == address_of(server)
    assert [(name, one.exists.begin.tolist()) for name, one in lives.items()] == [(entry, [1_000_000_000])]


def test_behind_a_fallback_it_is_the_server_of_the_version_that_answered(make_stack: MakeStack) -> None:
    """What Envoy asks in front is an internal listener; the first attempt reached another server."""
    fails: list[Any] = []
    first = ModelServer("v1", respond=lambda _: fails[0] if fails else None, speed=0)
    second = ModelServer("v2", speed=0)

    def change(data: dict[str, Any]) -> None:
        versions = data["models"]["tiny-chat"]["versions"]
        versions["v1"]["weight"], versions["v2"]["weight"] = 1, 0
        with_ledger("sqlite:///ledger.db")(data)

    stack = make_stack(models={"v1": first, "v2": second}, change=change, as_shown=True)
    expected = {chat(stack, "Hello"): address_of(first)}
    for fault in (Reset(), Scripted(503)):
        fails[:] = [fault]
        expected |= {chat(stack, f"Hello {number}"): address_of(second) for number in range(3)}
    assert servers_of(stack, len(expected)) == expected
