"""Server-sent events: wherever the bytes are cut, the same events come out, and no byte is lost."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.payload.sse import KEEP_ALIVE, EventTooLarge, SseEvent, SseReader, _event_of_lines, write_event
from tests.growth import grows_in_proportion
from tests.stream.recorded import EVENT_BYTES_MAX, Recorded, recordings
from tests.thorough import THOROUGH


def read(chunks: Iterable[bytes], event_bytes_max: int = EVENT_BYTES_MAX) -> list[SseEvent | str]:
    """The events of a stream; ``"too large"`` is the last one where the reader gave up."""
    reader = SseReader(event_bytes_max)
    events: list[SseEvent | str] = []
    try:
        for chunk in chunks:
            for event in reader.feed(chunk):
                events.append(event)
        for event in reader.close():
            events.append(event)
    except EventTooLarge:
        events.append("too large")
    return events


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    """The stream, cut at some places."""
    ends = sorted({place % (len(stream) + 1) for place in places} | {len(stream)})
    return [stream[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def read_by_the_standard(stream: bytes) -> list[tuple[str, bytes]]:
    """Names and data as the HTML standard has them, line by line, from the whole stream."""
    lines = re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))
    found: list[tuple[str, bytes]] = []
    data: list[bytes] = []
    name = b""
    for line in [*lines, b""]:
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if not line:
            if data:
                found.append((name.decode("utf-8", "replace"), b"\n".join(data)))
            name, data = b"", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return found


LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.sampled_from(
    [
        b"",
        b"",
        b'data: {"a":1}',
        b'data:{"a":1}',
        b"data",
        b"data:",
        b"data:  two spaces",
        b"data: [DONE]",
        "data: Grüße 🙂".encode(),
        b"data: \xff\xc3",
        b": keep-alive",
        b":",
        b"event: message_delta",
        b"event:x",
        b"id: 1",
        b"retry: 5",
        b"dataX: no",
        b" data: no",
    ]
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Lines of all sorts, with line ends of one sort or of all, with or without BOM and final empty line."""
    ends = draw(st.sampled_from([LINE_ENDS, st.just(b"\n"), st.just(b"\r\n"), st.just(b"\r")]))
    lines = b"".join(line + draw(ends) for line in draw(st.lists(LINES, max_size=14)))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + lines + draw(st.sampled_from([b"", b"data: rest", b"\r"]))


ANY_STREAM = streams() | st.text(alphabet="da:t \r\n\ufeffx", max_size=30).map(str.encode) | st.binary(max_size=30)


@given(ANY_STREAM, st.lists(st.integers(0, 10**6), max_size=8))
def test_any_cut_gives_the_same_events(stream: bytes, places: list[int]) -> None:
    """Inside CR LF, inside a character, inside the BOM, many events in one chunk, empty chunks."""
    whole = read([stream])
    assert read(cut(stream, places)) == whole
    assert read(stream[place : place + 1] for place in range(len(stream))) == whole
    assert read([b"", stream, b""]) == whole


BOM = b"\xef\xbb\xbf"
READ = re.compile(rb"(data(:.*)?|event:? ?[a-z_.]*|: keep-alive|)", re.DOTALL)


def unread_lines(stream: bytes) -> list[bytes]:
    """Lines that no reader of ours judges."""
    lines = re.split(rb"\r\n|\n|\r", stream.removeprefix(BOM))  # elsewhere it is a part of a name
    return [line for line in lines if not READ.fullmatch(line)]


@given(ANY_STREAM)
@example(b"\r\xef\xbb\xbf")
def test_no_byte_is_lost(stream: bytes) -> None:
    """The raw bytes of all events, joined, are the stream, if it has data and names only."""
    passed = b"".join(event.raw for event in read([stream]) if isinstance(event, SseEvent))
    if not unread_lines(stream) and b": keep-alive" not in stream:
        assert passed == stream


@given(ANY_STREAM)
def test_nothing_unread_is_passed_on(stream: bytes) -> None:
    """A comment, an id or a line of no known field may hold a text that no guard has seen: it does not pass."""
    assert unread_lines(b"".join(event.raw for event in read([stream]) if isinstance(event, SseEvent))) == []


def test_a_text_that_is_no_event_stream_does_not_pass() -> None:
    """A body under the wrong content type, a comment, a name: the data beside them goes on."""
    assert [event.raw for event in read([b"Ann, ann@example.com\n\n"]) if isinstance(event, SseEvent)] == [b""]
    mixed = b": ann@example.com\nevent: ann@example.com\nid: 4111111111111111\ndata: {}\n\n"
    assert read([mixed]) == [SseEvent(b"data: {}\n\n", "", b"{}")]
    assert read([b": ann@example.com\n\n"]) == [SseEvent(b": keep-alive\n\n", "", None)]


@given(ANY_STREAM)
def test_events_are_those_of_the_standard(stream: bytes) -> None:
    """Names and data; an event whose empty line is missing counts, since a client may count it."""
    events = [event for event in read([stream]) if isinstance(event, SseEvent)]
    assert [(event.name, event.data) for event in events if event.data is not None] == read_by_the_standard(stream)


@given(ANY_STREAM, st.integers(1, 40), st.lists(st.integers(0, 10**6), max_size=8))
@example(b":", 1, [])
def test_an_event_too_large_is_refused_whatever_the_cut(stream: bytes, limit: int, places: list[int]) -> None:
    """The events before it are given, in every cut alike. A comment is passed on as a keep-alive, however long."""
    whole = read([stream], limit)
    assert read(cut(stream, places), limit) == whole
    assert read((stream[place : place + 1] for place in range(len(stream))), limit) == whole
    assert all(len(event.raw) <= limit for event in whole if isinstance(event, SseEvent) and event.raw != KEEP_ALIVE)


def test_an_event_of_exactly_the_limit_passes() -> None:
    """The empty line counts."""
    event = b"data: 123456\n\n"
    assert [item.data for item in read([event * 2], len(event)) if isinstance(item, SseEvent)] == [b"123456"] * 2
    assert read([event * 2], len(event) - 1) == ["too large"]


def test_an_event_without_end_is_given_up_before_it_is_held() -> None:
    """Not more than the limit and one chunk is kept."""
    reader = SseReader(1_000)
    assert list(reader.feed(b"data: " + b"x" * 900)) == []
    with pytest.raises(EventTooLarge):
        list(reader.feed(b"x" * 500))


@pytest.mark.parametrize("item", recordings(streamed=True), ids=lambda item: item.name)
@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 1_000])
def test_recorded_streams(item: Recorded, step: int) -> None:
    """What vLLM sent gives the same events in chunks of any size, and every byte of it."""
    whole = read([item.answer])
    assert len(whole) > 3
    assert b"".join(event.raw for event in whole if isinstance(event, SseEvent)) == item.answer
    assert read(item.answer[place : place + step] for place in range(0, len(item.answer), step)) == whole


def test_keep_alive_comments_are_events_without_data() -> None:
    """vLLM writes them when its engine stalls; they are passed on as they came."""
    events = read([b": keep-alive\n\ndata: {}\n\n"])
    assert events == [SseEvent(b": keep-alive\n\n", "", None), SseEvent(b"data: {}\n\n", "", b"{}")]


@pytest.mark.parametrize("name", ["", "message_stop"])
def test_what_is_written_is_read_again(name: str) -> None:
    """Our own events are events."""
    written = write_event(b'{"a":1}', name)
    assert read([written]) == [SseEvent(written, name, b'{"a":1}')]


@pytest.mark.parametrize("step", [1, 1_000, 4_000_000])
@pytest.mark.parametrize("piece", ["x", "{}\n\ndata: ", "\r", "x\rdata: "])
def test_cost_is_linear(piece: str, step: int) -> None:
    """One huge event in tiny chunks, and many tiny events in one chunk, cost the same a byte."""

    def read_all(text: str) -> None:
        stream = f"data: {text}\n\n".encode()
        events = read(stream[place : place + step] for place in range(0, len(stream), step))
        assert sum(len(event.raw) for event in events if isinstance(event, SseEvent)) == len(stream)

    assert grows_in_proportion(read_all, piece, 400_000 if THOROUGH else 80_000)


LINES = st.sampled_from(
    [b"event: ", b"data: ", b"data:", b"a", b"word.x", b"x@y", b": note", b"id: 1", b"\n", b"\n", b"\r"]
)


@given(st.lists(LINES, min_size=1, max_size=9).map(b"".join))
@example(b"event: a\ndata: b\nc")
@example(b"event: a\ndata: b\n\n")
@example(b"event: x@y\ndata: b\n\n")
def test_the_short_ways_read_as_the_long_one(raw: bytes) -> None:
    """An event of one line of data, with a name or without, is not taken apart line by line."""
    if not raw.strip(b"\r\n") or list((reader := SseReader(1_000)).feed(raw)):
        return
    assert reader.close() == [_event_of_lines(raw, raw)]


@given(
    st.sampled_from([b"", b"event: a.b\n", b"event: x@y\n", b"id: 1\n"]), st.sampled_from([b"{}", b"", b" x", b"\xff"])
)
def test_a_whole_event_reads_as_the_long_way_does(name: bytes, data: bytes) -> None:
    """As one chunk, which is how most events come."""
    raw = name + b"data: " + data + b"\n\n"
    assert SseReader(1_000).whole(raw) == _event_of_lines(raw, raw)
