"""What holds whatever a peer sends: a connection with an application on it, held against its laws after every read.

Shared by the property tests and by the long fuzzer.
"""

from __future__ import annotations

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.connection import GRPC_INTERNAL, GRPC_OK, H2Connection
from extproc.server.transport.h2.events import (
    CallEnded,
    CallReceived,
    ConnectionEnded,
    H2Event,
    MessageAnnounced,
    MessageReceived,
    OutputDrained,
)
from extproc.server.transport.h2.limits import H2Limits
from tests.unit.server.transport.h2.wire import Frame, parse

OPEN, HALF_CLOSED, OVER = "open", "half-closed", "over"
OURS = {
    frames.DATA,
    frames.HEADERS,
    frames.RST_STREAM,
    frames.SETTINGS,
    frames.PING,
    frames.GOAWAY,
    frames.WINDOW_UPDATE,
}
SMALL = H2Limits(
    message_bytes_max=300_000,
    unfinished_bytes_max=400_000,
    header_block_bytes_max=2_000,
    header_list_bytes_max=4_000,
    continuation_frames_max=3,
    concurrent_streams_max=4,
    stream_window_bytes=65_535,
    connection_window_bytes=100_000,
    stream_output_bytes_max=200_000,
    stream_output_bytes_pause=1_000,
    output_bytes_max=300_000,
    stream_stalled_s_max=1.0,
    control_frames_per_second_max=30,
    settings_per_second_max=10,
    resets_per_second_max=10,
)


class LawfulConnection:
    """The application answers a message with itself; the message's first byte may ask for more (see ``_answer``)."""

    def __init__(self, limits: H2Limits = SMALL) -> None:
        self.connection = H2Connection(limits)
        self.limits = limits
        self.events: list[H2Event] = []
        self.written: list[Frame] = []
        self._calls: dict[int, str] = {}
        self._highest = 0
        self._ended = False
        self._announced: dict[int, int] = {}  # stream -> size of the message that is coming
        self._sent_end: dict[int, int] = {}  # stream -> the kind of frame that ended it
        self._sent_headers: set[int] = set()
        self._last_promised = 2**31

    def receive(self, octets: bytes, now_ns: int = 0) -> None:
        """Read, hold the events against the laws, let the application answer, hold the rest against them."""
        told = self.connection.receive(octets, now_ns) + self.connection.end_stalled(now_ns)
        assert not (self._ended and told), "events after ConnectionEnded"
        for event in told:
            self._check_event(event)
        self.events += told
        for event in told:
            self._answer(event)
        self._check_state()
        for frame in parse(self.connection.take_output()):
            self._check_frame(frame)
            self.written.append(frame)

    def _check_event(self, event: H2Event) -> None:
        assert not self._ended, "an event after ConnectionEnded"
        if isinstance(event, ConnectionEnded):
            assert OPEN not in self._calls.values(), "a call was left open"
            assert HALF_CLOSED not in self._calls.values(), "a call was left open"
            self._ended = True
        elif isinstance(event, CallReceived):
            assert event.stream_id % 2
            assert event.stream_id > self._highest
            self._highest = event.stream_id
            self._calls[event.stream_id] = OPEN
        elif isinstance(event, MessageAnnounced):
            assert self._calls[event.stream_id] == OPEN
            assert event.size_bytes <= self.limits.message_bytes_max
            assert event.stream_id not in self._announced, "announced twice"
            self._announced[event.stream_id] = event.size_bytes
        elif isinstance(event, MessageReceived):
            assert self._calls[event.stream_id] == OPEN
            assert len(event.message) <= self.limits.message_bytes_max
            assert len(event.message) == self._announced.pop(event.stream_id, len(event.message))
        elif isinstance(event, OutputDrained):
            assert self._calls[event.stream_id] in (OPEN, HALF_CLOSED)
        elif event.reset:
            assert self._calls[event.stream_id] in (OPEN, HALF_CLOSED)
            self._calls[event.stream_id] = OVER
        else:
            assert self._calls[event.stream_id] == OPEN
            self._calls[event.stream_id] = HALF_CLOSED

    def _answer(self, event: H2Event) -> None:
        if isinstance(event, MessageReceived):
            first = event.message[:1]
            if not self.connection.send_message(event.stream_id, event.message * (50 if first == b"*" else 1)):
                self._calls[event.stream_id] = OVER
            if first == b"!":
                self._finish(event.stream_id, GRPC_INTERNAL, "as you say: né")
            elif first == b"~":
                self.connection.go_away()
        elif isinstance(event, CallEnded) and not event.reset:
            self._finish(event.stream_id, GRPC_OK, "")

    def _finish(self, stream_id: int, status: int, message: str) -> None:
        self.connection.finish(stream_id, status, message)
        self._calls[stream_id] = OVER

    def _check_state(self) -> None:
        connection, limits = self.connection, self.limits
        assert connection.closed == self._ended
        kept = connection._streams
        assert len(kept) == connection.stream_count <= limits.concurrent_streams_max
        assert not (connection.closed and kept)
        for stream_id, state in self._calls.items():
            assert (stream_id in kept and kept[stream_id].trailers is None) == (state != OVER)
        for stream in kept.values():
            assert 0 <= stream.receive_window <= limits.stream_window_bytes
            assert stream.output_bytes == sum(map(len, stream.output or ())) <= limits.stream_output_bytes_max
            assert stream.trailers is None or stream.output_bytes, "a finished stream is kept for nothing"
            assert bool(stream.output) == (stream.output_bytes > 0)
            waits_for_connection = bool(stream.output) and stream.send_window > 0
            assert (stream.stream_id in connection._waiting) == waits_for_connection
        if not connection.closed:
            assert 0 <= connection._receive_window <= limits.connection_window_bytes
            assert connection._unfinished_bytes == sum(len(stream.partial) for stream in kept.values())
            assert connection._unfinished_bytes <= limits.unfinished_bytes_max
            waiting = [stream.output_bytes + 256 * len(stream.output or ()) for stream in kept.values()]
            assert connection._output_bytes == sum(waiting) <= limits.output_bytes_max
            assert connection._send_window >= 0
            assert not (connection._waiting and connection._send_window)
            assert sum(map(len, connection._header_blocks._pieces)) <= limits.header_block_bytes_max
            assert sum(map(len, connection._pieces)) < limits.frame_bytes_max + frames.FRAME_HEADER_BYTES

    def _check_frame(self, frame: Frame) -> None:
        assert frame.kind in OURS
        if frame.kind == frames.GOAWAY:
            promised = int.from_bytes(frame.payload[:4])
            assert promised <= self._last_promised, "GOAWAY promises more than before"
            self._last_promised = promised
        if not frame.stream_id:
            return
        assert frame.stream_id % 2
        ended_by = self._sent_end.get(frame.stream_id)
        if frame.kind == frames.RST_STREAM:
            self._sent_end[frame.stream_id] = frame.kind
            return
        assert ended_by is None, "a frame after the end of its stream"
        if frame.kind == frames.DATA:
            assert frame.stream_id in self._sent_headers
        elif frame.kind == frames.HEADERS:
            self._sent_headers.add(frame.stream_id)
            if frame.flags & frames.END_STREAM:
                self._sent_end[frame.stream_id] = frame.kind
