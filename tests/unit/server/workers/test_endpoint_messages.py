"""Workers hear of endpoints what the supervisor knows, whenever they start."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from extproc.exchange.endpoint_loads import EndpointLoad
from extproc.server.workers import endpoint_messages
from extproc.server.workers.endpoint_messages import EndpointMessages
from extproc.server.workers.link import Link, LinkBroken
from tests.unit.server.loops import in_loop

LOAD = EndpointLoad(7, True, 1.0, 2.0, 0.5)


@asynccontextmanager
async def links() -> AsyncIterator[tuple[Link, Link]]:
    """Both ends of one."""
    ours, theirs = socket.socketpair()
    ends = await Link.open(ours), await Link.open(theirs)
    yield ends
    for end in ends:
        end.close()


@in_loop
async def test_all_workers_hear_loads_and_addresses_and_a_new_one_the_addresses() -> None:
    """In the order in which they became known; loads are read again soon."""
    async with links() as (first, heard_first), links() as (second, heard_second):
        living: list[Any] = [SimpleNamespace(link=first)]
        messages = EndpointMessages(living)
        messages.tell_load("10.0.0.1:8000", LOAD)
        messages.tell_addresses("vllm:8000", ("10.0.0.1:8000",))
        messages.tell_addresses("vllm:8000", ("10.0.0.2:8000",))
        assert await heard_first.receive() == {"kind": "endpoint_load", "endpoint": "10.0.0.1:8000", "load": [*LOAD]}
        said = [(await heard_first.receive())["addresses"] for _ in range(2)]
        assert said == [["10.0.0.1:8000"], ["10.0.0.2:8000"]]
        messages.tell_new(second)
        last = {"kind": "endpoint_addresses", "endpoint": "vllm:8000", "addresses": ["10.0.0.2:8000"]}
        assert await heard_second.receive() == last


@in_loop
async def test_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration may name others each day."""
    monkeypatch.setattr(endpoint_messages, "NAMES_MAX", 3)
    async with links() as (link, heard):
        messages = EndpointMessages([])
        for number in range(8):
            messages.tell_addresses(f"vllm{number}:8000", ("10.0.0.1:8000",))
        messages.tell_new(link)
        await link.flush()
        link.close()
        assert len([message async for message in received(heard)]) <= 3


async def received(link: Link) -> AsyncIterator[Any]:
    """All messages until the other end closes."""
    while True:
        try:
            yield await link.receive()
        except LinkBroken:
            return
