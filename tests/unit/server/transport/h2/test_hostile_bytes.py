"""Whatever bytes come, in whatever cuts: no exception, and the laws of ``laws.py`` hold."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.connection import H2Connection
from extproc.server.transport.h2.events import H2Event
from extproc.server.transport.h2.limits import H2Limits
from tests.unit.server.transport.h2.laws import SMALL, LawfulConnection
from tests.unit.server.transport.h2.wire import HELLO, PLAIN_REQUEST, data, grpc, headers

STREAMS = st.sampled_from([0, 1, 2, 3, 5, 7, 9, 11, 2**31 - 1])
NUMBERS = st.sampled_from([0, 1, 100, 16_384, 65_535, 2**31 - 1, 2**31, 2**32 - 1]).map(lambda n: n.to_bytes(4))
SETTINGS = st.lists(st.tuples(st.integers(0, 8), NUMBERS), max_size=3).map(
    lambda pairs: b"".join(name.to_bytes(2) + value for name, value in pairs)
)
MESSAGES = st.builds(
    grpc, st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"!", b"~", b"*" * 3_000])), st.just(0)
)
PAYLOADS = st.one_of(st.binary(max_size=40), NUMBERS, SETTINGS, MESSAGES, st.just(PLAIN_REQUEST), st.just(b"\x05" * 9))
ANY_FRAME = st.builds(
    frames.frame,
    st.integers(0, 11),
    st.one_of(st.sampled_from([0, 1, 4, 5, 8, 0x20]), st.integers(0, 255)),
    STREAMS,
    PAYLOADS,
)
LIKELY_STREAMS = st.sampled_from([1, 3, 5, 7, 9])
LIKELY_FRAME = st.one_of(
    st.builds(headers, LIKELY_STREAMS, st.just(PLAIN_REQUEST), st.sampled_from([4, 5])),
    st.builds(data, LIKELY_STREAMS, MESSAGES, st.sampled_from([0, 0, 1])),
    st.builds(frames.window_update, st.one_of(st.just(0), LIKELY_STREAMS), st.integers(1, 70_000)),
    st.builds(frames.reset, LIKELY_STREAMS, st.just(frames.ErrorCode.CANCEL)),
    st.builds(frames.settings, st.dictionaries(st.just(frames.INITIAL_WINDOW_SIZE), st.integers(0, 70_000))),
)
SESSIONS = st.lists(st.one_of(LIKELY_FRAME, LIKELY_FRAME, ANY_FRAME), max_size=30).map(b"".join)


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    """The same bytes in pieces."""
    bounds = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in pairwise(bounds)]


@given(st.binary(max_size=200))
def test_random_bytes_instead_of_a_preface(octets: bytes) -> None:
    """A peer that does not speak HTTP/2 ends its connection, at the first byte that is wrong."""
    connection = LawfulConnection()
    connection.receive(octets)
    assert connection.connection.closed != frames.PREFACE.startswith(octets[: len(frames.PREFACE)])


@given(st.binary(max_size=400))
def test_random_bytes_after_the_preface(octets: bytes) -> None:
    """Random bytes are at most a connection error."""
    connection = LawfulConnection()
    connection.receive(HELLO + octets)


@given(SESSIONS, st.lists(st.integers(0, 10_000), max_size=6))
def test_frames_of_any_kind(session: bytes, places: list[int]) -> None:
    """Frames that make sense, mixed with frames that do not, cut anywhere, with an application that answers."""
    connection = LawfulConnection()
    for piece in cut(HELLO + session, places):
        connection.receive(piece)


@given(
    st.lists(LIKELY_FRAME, min_size=3, max_size=20).map(b"".join),
    st.integers(0, 10_000),
    st.binary(max_size=4),
    st.data(),
)
def test_a_valid_session_with_a_fault_in_it(session: bytes, place: int, fault: bytes, drawn: st.DataObject) -> None:
    """Bytes overwritten, inserted or lost in the middle of a valid session."""
    place %= len(session)
    lost = drawn.draw(st.sampled_from([0, 1, len(fault), 9]))
    connection = LawfulConnection()
    connection.receive(HELLO + session[:place] + fault + session[place + lost :])


def read(pieces: list[bytes], limits: H2Limits) -> tuple[list[H2Event], bytes]:
    """The events and the output of a connection that nobody answers on."""
    connection = H2Connection(limits)
    events = [event for piece in pieces for event in connection.receive(piece, 0)]
    return events, connection.take_output()


@given(SESSIONS, st.lists(st.integers(0, 10_000), max_size=8))
def test_cuts_change_nothing(session: bytes, places: list[int]) -> None:
    """How the network cuts the bytes changes neither events nor output."""
    octets = HELLO + session
    assert read(cut(octets, places), SMALL) == read([octets], SMALL)


SESSION = b"".join(
    (
        HELLO,
        headers(1, PLAIN_REQUEST[:20], flags=0),
        frames.frame(frames.CONTINUATION, frames.END_HEADERS, 1, PLAIN_REQUEST[20:]),
        data(1, grpc(b"one") + grpc(b"") + grpc(b"two")[:4]),
        headers(3),
        data(1, b"\x03" + grpc(b"two")[4:] + b"\0\0\0", frames.PADDED),
        frames.frame(frames.PING, 0, 0, b"12345678"),
        data(3, grpc(b"x" * 40_000)[:16_000]),
        data(3, grpc(b"x" * 40_000)[16_000:32_000]),
        data(3, grpc(b"x" * 40_000)[32_000:], frames.END_STREAM),
        frames.reset(1, frames.ErrorCode.CANCEL),
        frames.frame(frames.DATA, 0, 9, b"a fault at the end"),
    )
)


def test_a_cut_at_every_offset() -> None:
    """A session with every kind of piece in it, cut in two at each of its offsets."""
    whole = read([SESSION], H2Limits())
    assert [type(event).__name__ for event in whole[0]] == [
        *("CallReceived", "MessageReceived", "MessageReceived", "CallReceived", "MessageReceived"),
        *("MessageAnnounced", "MessageReceived", "CallEnded", "CallEnded", "CallEnded", "ConnectionEnded"),
    ]
    for place in [*range(600), *range(600, len(SESSION), 97), *range(len(SESSION) - 60, len(SESSION))]:
        assert read([SESSION[:place], SESSION[place:]], H2Limits()) == whole


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_tiny_reads(size: int) -> None:
    """The same in reads of a few bytes."""
    pieces = [SESSION[start : start + size] for start in range(0, len(SESSION), size)]
    assert read(pieces, H2Limits()) == read([SESSION], H2Limits())
