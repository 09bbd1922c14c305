"""Peers that do what no Envoy does, on real sockets: what they end is their stream or their connection, never more.

In each test another client has an exchange under way on a connection of its own, and is answered to its end. What peers
make us keep and wait for is in ``test_hostile_peers_held.py``.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from extproc.server.transport.fast.connection import FastConnection
from extproc.server.transport.fast.health import CHECK, WATCH
from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.frames import ErrorCode, frame, reset, window_update
from extproc.server.transport.h2.streams import Stream
from extproc.server.transport.session import Session
from tests.unit.server.loops import until
from tests.unit.server.transport.fast.peers import (
    BEGIN,
    PING,
    QUESTION,
    SMALL_BYTES,
    alive,
    call,
    code_of,
    held_bytes,
    on_both_loops,
    serving,
)
from tests.unit.server.transport.h2.wire import HELLO, data, grpc, headers

# --- the connection ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSN"])
@on_both_loops
async def test_who_does_not_speak_http2_is_told_so_and_left(octets: bytes) -> None:
    """HTTP/1, TLS, and a preface with a fault."""
    async with serving() as served, served.neighbour():
        peer = await served.peer(octets)
        assert code_of(await peer.until_closed()) is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize("octets", [b"", HELLO[:10], HELLO[:24], HELLO[:30]])
@on_both_loops
async def test_who_never_finishes_its_preface_is_left(octets: bytes) -> None:
    """Silence from the start, half a preface, a preface without SETTINGS, and with half of them."""
    async with serving(preface_s_max=0.05) as served, served.neighbour():
        peer = await served.peer(octets)
        await peer.until_closed()
        assert "the preface and SETTINGS did not come in time" in served.wired.stream.getvalue()


@on_both_loops
async def test_who_sends_its_preface_byte_by_byte_for_ever_is_left() -> None:
    """It is the time since the connection that counts, not the time since the last byte."""
    async with serving(preface_s_max=0.05) as served, served.neighbour():
        peer = await served.peer(b"")
        for octet in itertools.chain(frames.PREFACE, frame(frames.SETTINGS, 0, 0, bytes(6_000))):
            if not await peer.send(bytes([octet])):
                break
            await asyncio.sleep(0.002)
        else:
            raise AssertionError("every byte was taken")


FAULTS = {
    "a frame too large": (data(1, b"x" * 16_385)[:9], ErrorCode.FRAME_SIZE_ERROR),
    "a block that cannot be decoded": (headers(1, b"\xff" * 9), ErrorCode.COMPRESSION_ERROR),
    "a block too large": (
        headers(1, b"\x10\x01a" * 5_000, 0) + frame(9, 0, 1, bytes(9_000)),
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "headers too large once decoded": (
        headers(1, call() + b"\x40\x01a\x7f\xd1\x0e" + b"v" * 2_000 + b"\xbe" * 40),
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "the connection's window overflows": (window_update(0, 2**31 - 1), ErrorCode.FLOW_CONTROL_ERROR),
    "a stream that was never opened": (data(1, b"x"), ErrorCode.PROTOCOL_ERROR),
    "a push": (frame(frames.PUSH_PROMISE, 4, 1, b"\0\0\0\2"), ErrorCode.PROTOCOL_ERROR),
}


@pytest.mark.parametrize(("octets", "code"), FAULTS.values(), ids=FAULTS)
@on_both_loops
async def test_a_fault_ends_its_connection_only(octets: bytes, code: ErrorCode) -> None:
    """The peer is told why; nothing of the connection is left."""
    async with serving() as served, served.neighbour():
        peer = await served.peer(HELLO + octets)
        assert code_of(await peer.until_closed()) is code
        await until(lambda: len(served.server.connections) == 1)


def rapid_resets() -> Iterator[bytes]:
    """CVE-2023-44487."""
    for stream_id in itertools.count(1, 2):
        yield headers(stream_id, call()) + reset(stream_id, ErrorCode.CANCEL)


def made_resets() -> Iterator[bytes]:
    """CVE-2025-8671."""
    for stream_id in itertools.count(1, 2):
        yield headers(stream_id, call()) + window_update(stream_id, 0)


FLOODS = {
    "PING": lambda: itertools.repeat(PING),
    "SETTINGS": lambda: itertools.repeat(frames.settings({})),
    "SETTINGS acknowledgements": lambda: itertools.repeat(frame(frames.SETTINGS, frames.ACK, 0)),
    "PRIORITY": lambda: itertools.repeat(frame(frames.PRIORITY, 0, 1, bytes(5))),
    "unknown frames": lambda: itertools.repeat(frame(0xBE, 0, 0)),
    "empty DATA": lambda: itertools.chain([headers(1, call())], itertools.repeat(data(1, b""))),
    "CONTINUATION": lambda: itertools.chain([headers(1, b"", 0)], itertools.repeat(frame(9, 0, 1, b""))),
    "rapid reset": rapid_resets,
    "made resets": made_resets,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
@on_both_loops
async def test_a_flood_ends_its_connection_and_leaves_nothing_behind(flood: object) -> None:
    """Far more than the limit is sent; the connection holds little all the while, and no object outlives it."""
    assert callable(flood)
    async with serving(resets_per_second_max=2_000) as served, served.neighbour():
        before = alive(FastConnection, Stream, Session)
        peer = await served.peer()
        connection = await served.connection(peer)
        reading = asyncio.create_task(peer.until_closed())
        octets, most = flood(), 0
        while await peer.send(b"".join(itertools.islice(octets, 500))):
            most = max(most, held_bytes(connection))
        assert most < SMALL_BYTES
        assert code_of(await reading) in (ErrorCode.ENHANCE_YOUR_CALM, None)  # a reset may overtake the GOAWAY
        assert "ENHANCE_YOUR_CALM" in served.wired.stream.getvalue()
        await until(lambda: len(served.server.connections) == 1)
        del connection
        await until(lambda: alive(FastConnection, Stream, Session) == before)


# --- the stream ends -------------------------------------------------------------------------------------------------

BAD_STREAMS = {
    "a malformed header": (headers(1, call() + b"\x10\x01A\x01b"), "reset PROTOCOL_ERROR"),
    "a window that overflows": (headers(1, call()) + window_update(1, 2**31 - 1), "reset FLOW_CONTROL_ERROR"),
    "DATA after END_STREAM": (headers(1, call(), 5) + data(1, b"x"), "reset STREAM_CLOSED"),
    "a message too large": (headers(1, call()) + data(1, b"\0\xff\xff\xff\xff"), "8"),
    "a compressed message": (headers(1, call()) + data(1, grpc(b"", 1)), "12"),
    "a message that is none": (headers(1, call()) + data(1, grpc(b"\xff\xff")), "13"),
    "a message that is none after a good one": (headers(1, call()) + data(1, BEGIN + grpc(b"\xff\xff")), "13"),
    "a message without an end": (headers(1, call()) + data(1, BEGIN + b"\0", 1), "13"),
    "a message of no kind": (headers(1, call()) + data(1, grpc(b"")), "13"),
    "an unknown method": (headers(1), "12"),
    "another encoding": (headers(1, call() + b"\x10\x0dgrpc-encoding\x04gzip"), "12"),
    "a health question that is none": (headers(1, call(CHECK)) + data(1, grpc(b"\xff\xff")), "13"),
    "a health call without a question": (headers(1, call(CHECK), 5), "13"),
    "a watch without a question": (headers(1, call(WATCH)) + data(1, b"", 1), "13"),
    "an unknown service": (headers(1, call(CHECK)) + data(1, grpc(b"\x0a\x01x")), "5"),
}


@pytest.mark.parametrize(("octets", "ends"), BAD_STREAMS.values(), ids=BAD_STREAMS)
@on_both_loops
async def test_a_bad_stream_ends_alone(octets: bytes, ends: str) -> None:
    """The next stream of the same connection is served, and so is the neighbour; nothing is left in flight."""
    async with serving() as served, served.neighbour():
        peer = await served.peer(HELLO + octets)
        if ends.startswith("reset "):
            ended = await peer.until(lambda f: (f.kind, f.stream_id) == (frames.RST_STREAM, 1))
            assert f"reset {ended.code.name}" == ends
        else:
            assert await peer.status(1) == ends
        await peer.send(headers(3, call(CHECK)) + data(3, QUESTION, 1))
        assert await peer.status(3) == "0"
        connection = await served.connection(peer)
        assert connection._h2.stream_count == 0
        assert (connection.exchanges, list(connection._silent)) == ({}, [])
        assert served.wired.processor.inflight == 1


@on_both_loops
async def test_calls_too_many_are_refused_one_by_one() -> None:
    """Those that were there before go on; a call that never sends anything costs an entry, and no session."""
    async with serving(concurrent_streams_max=100) as served, served.neighbour():
        sessions = alive(Session)
        octets = b"".join(headers(stream_id, call()) for stream_id in range(1, 1_001, 2))
        peer = await served.peer(HELLO + octets)
        refused = await peer.until(lambda f: (f.kind, f.stream_id) == (frames.RST_STREAM, 999))
        assert refused.code is ErrorCode.REFUSED_STREAM
        connection = await served.connection(peer)
        assert (connection._h2.stream_count, len(list(connection._silent))) == (100, 100)
        assert alive(Session) == sessions
        await peer.send(data(1, BEGIN))
        answered = await peer.until(lambda f: f.kind == frames.DATA)
        assert answered.stream_id == 1
