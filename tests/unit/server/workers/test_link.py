"""What goes over the link between a supervisor and a worker comes out at the other end, or the link is broken."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.load import parse_document, revision_of
from extproc.demo.installation import DEMO_CONFIG
from extproc.server.operations.config_files import read_config
from extproc.server.operations.config_in_force import ConfigInForce
from extproc.server.sockets.certificates import Certificates
from extproc.server.workers import link as module
from extproc.server.workers.link import (
    Link,
    LinkBroken,
    StartOrder,
    message_bytes,
    receive_first,
)
from tests.unit.server.envoy import CONFIG
from tests.unit.server.loops import in_loop

DOCUMENT = parse_document(CONFIG, "test")


@contextlib.asynccontextmanager
async def linked() -> AsyncIterator[tuple[Link, socket.socket]]:
    """A link, and the other end of it as a bare socket."""
    ours, theirs = socket.socketpair()
    link = await Link.open(ours)
    try:
        with theirs:
            yield link, theirs
    finally:
        link.close()


def test_the_demos_configuration_means_the_same_in_a_worker() -> None:
    """Every filter, prompt and default: the revision is a checksum of them all."""
    files = read_config(DEMO_CONFIG)
    config = ConfigInForce(files.loaded.document, files.prompts)
    sent = ConfigInForce.of_message(config.to_message())
    assert sent == config
    assert revision_of(sent.document, sent.prompts) == revision_of(files.loaded.document, files.prompts)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))), st.binary())
def test_prompts_and_certificates_arrive_to_the_byte(prompts: dict[str, str], pem: bytes) -> None:
    """Also with the order to start, over a real pair of sockets that is read before there is a loop."""
    config = ConfigInForce(DOCUMENT, prompts, Certificates(pem, pem + b"key"))
    order = StartOrder(1, 2, "unix:/x", 7, "/folder", ConfigInForce(DOCUMENT, {}), config)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(message_bytes(order.to_message()))
        assert StartOrder.of_message(receive_first(theirs)) == order


@in_loop
async def test_messages_come_in_their_order() -> None:
    """However they are cut."""
    async with linked() as (link, other):
        pieces = message_bytes({"kind": "ask", "number": 1}) + message_bytes({"kind": "drain"})
        for cut in range(0, len(pieces), 5):
            other.sendall(pieces[cut : cut + 5])
            await asyncio.sleep(0)
        assert [await link.receive() for _ in range(2)] == [{"kind": "ask", "number": 1}, {"kind": "drain"}]


@in_loop
async def test_a_message_of_megabytes_arrives() -> None:
    """Longer than any buffer on its way."""
    ours, theirs = socket.socketpair()
    here, there = await Link.open(ours), await Link.open(theirs)
    here.send("config", text="x" * 5_000_000)
    assert len((await there.receive())["text"]) == 5_000_000
    here.close()
    there.close()


@pytest.mark.parametrize(
    "sent", [b"", b"\x00\x00", b"\x00\x00\x00\x09{}", b"\xff\xff\xff\xff{}", b"\x00\x00\x00\x02{{"]
)
@in_loop
async def test_an_end_in_mid_message_or_a_length_over_the_limit_breaks_the_link(sent: bytes) -> None:
    """No more is read into memory than the limit allows."""
    async with linked() as (link, other):
        other.sendall(sent)
        other.shutdown(socket.SHUT_WR)
        with pytest.raises(LinkBroken):
            await link.receive()


def test_a_worker_whose_supervisor_has_gone_before_it_began_is_told() -> None:
    """It ends without having served."""
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs, pytest.raises(LinkBroken):
        receive_first(theirs)


def test_a_message_over_the_limit_is_refused_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a configuration too large for a worker is refused as a whole."""
    monkeypatch.setattr(module, "MESSAGE_BYTES_MAX", 10)
    with pytest.raises(ValueError, match="too long for a worker"):
        message_bytes({"kind": "config"})


@in_loop
async def test_a_worker_that_reads_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it has a limit; at it the link breaks, and the worker is ended for that."""
    monkeypatch.setattr(module, "UNREAD_BYTES_MAX", 100_000)
    async with linked() as (link, _):
        sent = 0
        receiving = asyncio.ensure_future(link.receive())
        while not receiving.done() and sent < 100:
            link.send("config", text="x" * 100_000)
            sent += 1
            await asyncio.sleep(0)
        assert sent < 100
        with pytest.raises(LinkBroken):
            await receiving
