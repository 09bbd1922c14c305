"""What hostile peers make us keep and wait for, on real sockets, is bounded; another client is served all the while."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from functools import partial

import pytest

from extproc._pb import ext_proc_pb2 as pb
from extproc.domain.record import Outcome
from extproc.server.transport import session as module
from extproc.server.transport.fast.connection import FastConnection
from extproc.server.transport.fast.health import CHECK, WATCH
from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.frames import FRAME_HEADER_BYTES, ErrorCode, frame, reset, window_update
from extproc.server.transport.h2.streams import Stream
from extproc.server.transport.long_messages import LONG_MESSAGE_BYTES, LongMessageLimits
from extproc.server.transport.processor import METHOD
from extproc.server.transport.session import Replies, Session
from tests.hangs import HANG_S
from tests.unit.server.clients import asks_for_time
from tests.unit.server.envoy import request_body, snapshot
from tests.unit.server.fakes import SECRET, SlowExchange
from tests.unit.server.loops import until
from tests.unit.server.transport.fast.peers import (
    BEGIN,
    PING,
    QUESTION,
    SMALL_BYTES,
    STALLED,
    WIDE,
    Peer,
    alive,
    body_frames,
    call,
    code_of,
    held_bytes,
    on_both_loops,
    serving,
)
from tests.unit.server.transport.h2.wire import HELLO, data, grpc, headers

# --- a peer that takes nothing ---------------------------------------------------------------------------------------


@on_both_loops
async def test_a_stream_that_is_given_no_window_ends() -> None:
    """Its exchange is measured as aborted; the connection serves on as soon as it has windows."""
    async with serving(stream_stalled_s_max=0.1) as served, served.neighbour():
        peer = await served.peer(HELLO + STALLED + headers(1, call()) + data(1, BEGIN))
        ended = await peer.until(lambda f: (f.kind, f.stream_id) == (frames.RST_STREAM, 1))
        assert ended.code is ErrorCode.ENHANCE_YOUR_CALM
        await until(lambda: served.wired.processor.inflight == 1)
        assert [record.outcome for record in served.wired.records.all] == [Outcome.ABORTED]
        await peer.send(headers(3, call(CHECK)) + data(3, QUESTION, 1) + window_update(3, 100))
        assert await peer.status(3) == "0"


@pytest.mark.parametrize("path", [CHECK, WATCH])
@on_both_loops
async def test_a_status_that_nobody_takes_does_not_wait_for_ever(path: bytes) -> None:
    """A health call with a window of nothing: finished, or a watch that goes on; neither stays, nor its task."""
    async with serving(stream_stalled_s_max=0.1) as served, served.neighbour():
        peer = await served.peer(HELLO + STALLED + headers(1, call(path)) + data(1, QUESTION, 1))
        connection = await served.connection(peer)
        await until(lambda: connection._h2.stream_count == 1)
        await peer.until(lambda f: f.kind == frames.RST_STREAM)
        await until(lambda: connection._h2.stream_count == 0)
        await until(lambda: not connection._health._watchers)


@on_both_loops
async def test_a_watch_that_may_not_wait_at_all_ends_with_its_task() -> None:
    """What it has to say goes over the limit on output: the stream is reset, and nobody waits to say more."""
    async with serving(output_bytes_max=100) as served, served.neighbour():
        peer = await served.peer(HELLO + STALLED + headers(1, call(WATCH)) + data(1, QUESTION, 1))
        await peer.until(lambda f: f.kind == frames.RST_STREAM)
        connection = await served.connection(peer)
        await until(lambda: not connection._health._watchers)


@on_both_loops
async def test_output_for_windows_that_stay_shut_is_bounded_over_all_streams() -> None:
    """1,000 calls whose answers wait: beyond the limit they end, and what is held never passes it."""
    async with serving(output_bytes_max=100_000) as served, served.neighbour():
        peer = await served.peer(HELLO + STALLED)
        connection = await served.connection(peer)
        calls = range(1, 2_001, 2)
        await peer.send(b"".join(headers(n, call(CHECK)) + data(n, QUESTION, 1) for n in calls))
        refused = await peer.until(lambda f: (f.kind, f.stream_id) == (frames.RST_STREAM, 1_999))
        assert refused.code is ErrorCode.ENHANCE_YOUR_CALM
        assert 99_000 < connection._h2._output_bytes <= 100_000
        assert connection._h2.stream_count == 100_000 // (256 + len(QUESTION) + 2)


async def take_nothing(peer: Peer, octets: bytes) -> None:
    """Send until nothing more is taken of us either."""
    while await peer.send(octets):
        pass


@on_both_loops
async def test_a_peer_that_does_not_read_is_not_read_and_is_left() -> None:
    """PINGs whose answers it never takes: they back up to it, what is held stays small, and in the end it is left."""
    async with serving(unsent_s_max=0.3, control_frames_per_second_max=10**9) as served, served.neighbour():
        peer = await served.peer(HELLO, receive_buffer_bytes=4_096)
        connection = await served.connection(peer)
        flooding, most = asyncio.create_task(take_nothing(peer, PING * 1_000)), 0
        while connection in served.server.connections:
            most = max(most, held_bytes(connection))
            await asyncio.sleep(0.005)
        assert most < SMALL_BYTES
        assert "the peer takes nothing of what it is sent" in served.wired.stream.getvalue()
        await flooding


@on_both_loops
async def test_a_peer_with_wide_windows_that_does_not_read_is_left_at_the_limit() -> None:
    """Small requests that ask for large answers, all in one read: what is unsent is bounded, not only timed."""
    async with serving(unsent_bytes_max=8_000_000) as served, served.neighbour():
        served.wired.processor.snapshot = snapshot("p" * 1_000_000)
        peer = await served.peer(HELLO + WIDE, 4_096)
        connection = await served.connection(peer)
        body = grpc(request_body().SerializeToString())
        await peer.send(b"".join(headers(n, call()) + data(n, BEGIN + body) for n in range(1, 101, 2)))
        await until(lambda: connection not in served.server.connections)
        assert connection._written_bytes < 16_000_000
        assert "the peer takes too little of what it is sent" in served.wired.stream.getvalue()
        await until(lambda: served.wired.processor.inflight == 1)


@on_both_loops
async def test_a_connection_that_we_close_does_not_wait_for_ever_for_its_last_bytes() -> None:
    """A peer whose buffer is full when it makes a fault never takes the GOAWAY."""
    async with serving(unsent_s_max=0.2) as served, served.neighbour():
        served.wired.processor.snapshot = snapshot("p" * 20_000)
        peer = await served.peer(HELLO + WIDE, receive_buffer_bytes=4_096)
        connection = await served.connection(peer)
        body = grpc(request_body().SerializeToString())

        def has_come_to(number: int) -> bool:
            return connection._h2._highest_id == number

        for stream_id in range(1, 2_001, 2):
            await peer.send(headers(stream_id, call()) + data(stream_id, BEGIN + body))
            await until(partial(has_come_to, stream_id))
            if connection._transport.get_write_buffer_size():
                break
        await peer.send(data(0, b"a fault"))
        await until(lambda: connection._h2.closed)
        assert connection in served.server.connections
        await until(lambda: connection not in served.server.connections)


# --- silence ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [METHOD.encode(), CHECK, WATCH])
@on_both_loops
async def test_a_call_that_never_sends_its_first_message_ends(path: bytes) -> None:
    """DEADLINE_EXCEEDED, for half a message too; one that has had a message may be silent as long as it likes."""
    async with serving(first_message_s_max=0.1) as served, served.neighbour():
        peer = await served.peer(HELLO + headers(1, call()) + data(1, BEGIN))
        await peer.send(headers(3, call(path)) + data(3, b"\0\0"))
        assert await peer.status(3) == "4"
        connection = await served.connection(peer)
        assert list(connection.exchanges) == [1]
        assert connection._h2.stream_count == 1


@on_both_loops
async def test_a_silent_peer_is_asked_for_a_sign_of_life_and_stays() -> None:
    """Again and again, as long as it answers; its exchange goes on."""
    async with serving(silence_s_max=0.05, answer_s_max=5) as served:
        peer = await served.peer(HELLO + headers(1, call()) + data(1, BEGIN))
        for _ in range(3):
            asked = await peer.until(lambda f: f.kind == frames.PING and not f.flags)
            await peer.send(frame(frames.PING, frames.ACK, 0, asked.payload))
        await peer.send(data(1, grpc(request_body().SerializeToString())))
        assert (await peer.until(lambda f: f.kind == frames.DATA)).stream_id == 1


@on_both_loops
async def test_a_peer_that_gives_no_sign_of_life_is_left() -> None:
    """A machine without power answers nothing; its exchanges are measured as aborted."""
    async with serving(silence_s_max=0.5, answer_s_max=0.1) as served:
        peer = await served.peer(HELLO + headers(1, call()) + data(1, BEGIN))
        found = await peer.until_closed()
        assert [f for f in found if f.kind == frames.PING]
        assert "the peer does not reply to the keepalive" in served.wired.stream.getvalue()
        await until(lambda: served.wired.processor.inflight == 0)
        assert [record.outcome for record in served.wired.records.all] == [Outcome.ABORTED]


# --- half-closed sockets ---------------------------------------------------------------------------------------------


def replies_in(octets: bytes) -> list[pb.ProcessingResponse]:
    """The answers that have come whole on a stream."""
    found = []
    while len(octets) >= 5 and len(octets) >= (size := 5 + int.from_bytes(octets[1:5])):
        found.append(pb.ProcessingResponse.FromString(octets[5:size]))
        octets = octets[size:]
    return [reply for reply in found if not asks_for_time(reply)]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[SlowExchange]:
    """Exchanges that wait in a body that says so."""
    SlowExchange.taken.clear()
    SlowExchange.let_go.clear()
    monkeypatch.setattr(module, "Exchange", SlowExchange)
    return SlowExchange


@on_both_loops
async def test_a_peer_that_sends_no_more_gets_the_replies_that_are_under_way(slow: type[SlowExchange]) -> None:
    """It has shut its side down while a thread is in its message; the reply comes, then GOAWAY, then the end."""
    async with serving() as served, served.neighbour():
        peer = await served.peer(HELLO + WIDE + headers(1, call()) + data(1, BEGIN) + headers(3, call()))
        await peer.send(data(3, BEGIN) + body_frames(1, "slow " * 20_000))
        await until(slow.taken.is_set)
        peer.socket.shutdown(socket.SHUT_WR)
        connection = await served.connection(peer)
        await until(lambda: connection._peer_has_left)
        slow.let_go.set()
        found = await peer.until_closed()
        replies = replies_in(b"".join(f.payload for f in found if (f.kind, f.stream_id) == (frames.DATA, 1)))
        assert [reply.WhichOneof("response") for reply in replies] == ["request_headers", "request_body"]
        assert code_of(found) is ErrorCode.NO_ERROR
        assert not [f for f in found if f.kind == frames.HEADERS and f.flags & frames.END_STREAM]  # never OK
        await until(lambda: served.wired.processor.inflight == 1)


@pytest.mark.parametrize("octets", [b"", HELLO[:9], HELLO, HELLO + headers(1, call()) + data(1, BEGIN)])
@on_both_loops
async def test_a_peer_that_sends_no_more_and_waits_for_nothing_is_left(octets: bytes) -> None:
    """At any point of its life; an exchange that was open is measured as aborted."""
    async with serving() as served, served.neighbour():
        peer = await served.peer(octets)
        peer.socket.shutdown(socket.SHUT_WR)
        await peer.until_closed()
        await until(lambda: len(served.server.connections) == 1)
        assert served.wired.processor.inflight == 1
        begun = len(octets) > len(HELLO)
        assert [record.outcome for record in served.wired.records.all] == [Outcome.ABORTED] * begun


# --- what a peer makes us keep ---------------------------------------------------------------------------------------


@on_both_loops
async def test_long_requests_beyond_the_room_are_refused_at_once(slow: type[SlowExchange]) -> None:
    """More than may be judged get 503 and when to come back; what was let in is answered, and small ones all along."""
    calls = range(1, 81, 2)
    async with serving() as served:
        served.wired.processor.long_messages.limits = LongMessageLimits(long_bytes_max=1_000_000)
        async with served.neighbour():
            peer = await served.peer(HELLO + WIDE + b"".join(headers(n, call()) + data(n, BEGIN) for n in calls))
            received = dict.fromkeys(calls, b"")
            await peer.send(b"".join(body_frames(n, "slow " * 30_000) for n in calls))

            async def receive_until(answered: int) -> None:
                while sum(len(replies_in(octets)) == 2 for octets in received.values()) < answered:
                    for f in await peer.receive():
                        if f.kind == frames.DATA:
                            received[f.stream_id] += f.payload

            await receive_until(len(calls) - 4)  # of 1 MB a connection has three quarters, which is four messages
            refused = [replies_in(octets)[1] for octets in received.values() if len(replies_in(octets)) == 2]
            assert {reply.immediate_response.status.code for reply in refused} == {503}
            told = {h.header.key: h.header.raw_value for h in refused[0].immediate_response.headers.set_headers}
            assert told["retry-after"] == b"1"
            slow.let_go.set()
            await receive_until(len(calls))
            assert sum(replies_in(octets)[1].HasField("request_body") for octets in received.values()) == 4


@on_both_loops
async def test_a_long_request_without_room_is_refused_before_it_has_come() -> None:
    """Its first bytes say how long it is; the room of those that have come in part is free again when they go."""
    calls = range(1, 13, 2)
    async with serving() as served:
        served.wired.processor.long_messages.limits = LongMessageLimits(long_bytes_max=1_000_000)
        async with served.neighbour():
            peer = await served.peer(HELLO + WIDE + b"".join(headers(n, call()) + data(n, BEGIN) for n in calls))
            for n in calls:
                await peer.send(body_frames(n, "prose " * 33_000)[: FRAME_HEADER_BYTES + 16_384])
            received = dict.fromkeys(calls, b"")
            while not all(len(replies_in(received[n])) == 2 for n in (9, 11)):  # three quarters of 1 MB are three
                for f in await peer.receive():
                    if f.kind == frames.DATA:
                        received[f.stream_id] += f.payload
            assert {len(replies_in(received[n])) for n in (1, 3, 5)} == {1}
            refused = [replies_in(received[n])[1].immediate_response for n in (7, 9, 11)]
            assert [reply.status.code for reply in refused] == [503] * 3
            assert [record.reason for record in served.wired.records.all] == ["overloaded"] * 3
            await peer.send(b"".join(reset(n, ErrorCode.CANCEL) for n in (1, 3, 5)))
            await until(lambda: not served.wired.processor.long_messages._held)


@on_both_loops
async def test_work_for_a_stream_that_has_gone_is_never_begun(slow: type[SlowExchange]) -> None:
    """It waits for its turn behind one that takes long; when it is reset it ends at once, and is measured."""
    async with serving() as served, served.neighbour():
        peer = await served.peer(HELLO + WIDE + b"".join(headers(n, call()) + data(n, BEGIN) for n in (1, 3, 5)))
        await peer.send(body_frames(1, "slow " * 30_000))
        await until(slow.taken.is_set)
        await peer.send(body_frames(3, "x" * 100_000) + body_frames(5, "x" * 100_000))
        connection = await served.connection(peer)
        await until(lambda: len([one for one in connection.exchanges.values() if one.busy]) == 3)
        await peer.send(reset(3, ErrorCode.CANCEL) + reset(5, ErrorCode.CANCEL))
        await until(lambda: served.wired.processor.inflight == 2)
        assert [record.outcome for record in served.wired.records.all] == [Outcome.ABORTED] * 2
        assert "abandoned" not in served.wired.steps  # nothing was done for them
        slow.let_go.set()
        await peer.until(lambda f: (f.kind, f.stream_id) == (frames.DATA, 1) and len(f.payload) > 100)


@on_both_loops
async def test_a_bad_message_behind_a_large_one_ends_its_stream(slow: type[SlowExchange]) -> None:
    """It waits for the thread like any other; the connection goes on."""
    async with serving() as served, served.neighbour():
        peer = await served.peer(HELLO + WIDE + headers(1, call()) + data(1, BEGIN))
        await peer.send(body_frames(1, "slow " * 20_000) + data(1, grpc(b"\xff\xff")))
        await until(slow.taken.is_set)
        slow.let_go.set()
        assert await peer.status(1) == "13"
        connection = await served.connection(peer)
        await until(lambda: served.wired.processor.inflight == 1)
        assert connection._waiting_bytes == 0


@on_both_loops
async def test_a_call_is_not_late_whose_message_we_do_not_read(slow: type[SlowExchange]) -> None:
    """A message waits for one in a thread, and nothing is read; what another call begins with is taken when it is."""
    async with serving(waiting_bytes_max=1, first_message_s_max=0.05) as served, served.neighbour():
        peer = await served.peer(HELLO + WIDE + headers(1, call()) + data(1, BEGIN) + headers(3, call()))
        await peer.send(body_frames(1, "slow " * 20_000) + data(1, BEGIN))
        connection = await served.connection(peer)
        await until(lambda: slow.taken.is_set() and not connection._is_read)
        await peer.send(data(3, BEGIN))
        late = time.monotonic() + 0.2
        await until(lambda: time.monotonic() > late)
        slow.let_go.set()
        answered = await peer.until(lambda f: f.stream_id == 3)
        assert not answered.flags & frames.END_STREAM
        assert (await peer.until(lambda f: (f.kind, f.stream_id) == (frames.DATA, 3))).payload


@pytest.mark.interpreted
@pytest.mark.parametrize("gone", [False, True])
@on_both_loops
async def test_a_fault_of_ours_in_a_thread_ends_its_stream(monkeypatch: pytest.MonkeyPatch, gone: bool) -> None:
    """Also when the stream has gone by then; the session is closed, and the connection goes on."""
    taken, let_go = threading.Event(), threading.Event()

    def fail(session: Session, message: bytes) -> Replies:
        if len(message) < LONG_MESSAGE_BYTES:
            return receive(session, message)
        taken.set()
        assert let_go.wait(HANG_S)
        raise ValueError(SECRET)

    receive = Session.receive
    monkeypatch.setattr(Session, "receive", fail)
    async with serving() as served, served.neighbour():
        peer = await served.peer(HELLO + headers(1, call()) + data(1, BEGIN) + body_frames(1, "x" * 70_000))
        await until(taken.is_set)
        if gone:
            await peer.send(reset(1, ErrorCode.CANCEL))
            connection = await served.connection(peer)
            await until(lambda: not connection.exchanges)
        let_go.set()
        if not gone:
            assert await peer.status(1) == "13"
        await until(lambda: served.wired.processor.inflight == 1)
        await peer.send(headers(3, call(CHECK)) + data(3, QUESTION, 1))
        assert await peer.status(3) == "0"
        assert SECRET not in served.wired.stream.getvalue()


@on_both_loops
async def test_a_large_message_that_is_none_on_a_stream_that_has_gone_is_forgotten() -> None:
    """Its exchange had begun; it is measured once, and nothing is in flight."""
    async with serving() as served, served.neighbour():
        octets = grpc(b"\xff" * 100_000)
        pieces = b"".join(data(1, octets[start : start + 16_384]) for start in range(0, len(octets), 16_384))
        peer = await served.peer(HELLO + headers(1, call()) + data(1, BEGIN))
        await peer.send(pieces + reset(1, ErrorCode.CANCEL) + headers(3, call(CHECK)) + data(3, QUESTION, 1))
        assert await peer.status(3) == "0"
        await until(lambda: served.wired.processor.inflight == 1)
        assert [record.outcome for record in served.wired.records.all] == [Outcome.ABORTED]


@on_both_loops
async def test_connections_too_many_are_closed_at_once() -> None:
    """Those that are there are served on; when one leaves there is room; the log says it once, not for each."""
    async with serving(connections_max=3) as served, served.neighbour():
        first, second = await served.peer(), await served.peer()
        await first.receive()
        await second.receive()
        for _ in range(5):
            assert await (await served.peer()).until_closed() == []
        assert served.wired.stream.getvalue().count("there are 3 connections already") == 1
        await second.send(headers(1, call(CHECK)) + data(1, QUESTION, 1))
        assert await second.status(1) == "0"
        first.socket.close()
        await until(lambda: len(served.server.connections) == 2)
        assert await (await served.peer()).receive()


@on_both_loops
async def test_peers_that_are_cut_off_anywhere_leave_nothing_behind() -> None:
    """300 connections that end by FIN or RST at random places of a session with exchanges, health and uploads."""
    chance = random.Random(1)
    session = HELLO + headers(1, call()) + data(1, BEGIN) + headers(3, call(WATCH)) + data(3, QUESTION)
    session += headers(5, call()) + data(5, BEGIN) + body_frames(5, "x" * 70_000) + headers(7, call(CHECK))
    async with serving() as served, served.neighbour():
        before, tasks = alive(FastConnection, Stream, Session), len(asyncio.all_tasks())
        for _ in range(300):
            peer = await served.peer(session[: chance.randrange(len(session) + 1)])
            if chance.random() < 0.5:
                peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.socket.close()
        await until(lambda: len(served.server.connections) == 1 and served.wired.processor.inflight == 1)
        await until(lambda: len(asyncio.all_tasks()) == tasks)
        await until(lambda: alive(FastConnection, Stream, Session) == before)
        assert {record.outcome for record in served.wired.records.all} == {Outcome.ABORTED}
