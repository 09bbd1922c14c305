"""The sending half of a connection: messages and statuses, as far as the peer's windows allow.

A stream is in ``_waiting`` only while it waits for the connection's window, and not while it waits for its own: so each
WINDOW_UPDATE costs no more than the output it unblocks. While a stream waits for the connection's window, that window
is empty.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from struct import Struct
from typing import Final

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.errors import ConnectionFault, StreamFault
from extproc.server.transport.h2.events import CallEnded, H2Event, OutputDrained
from extproc.server.transport.h2.frames import ErrorCode
from extproc.server.transport.h2.headers import RESPONSE_HEADERS, TABLE_EMPTIED, trailers
from extproc.server.transport.h2.limits import H2Limits
from extproc.server.transport.h2.streams import NOTHING, Stream

PREFIX: Final = Struct("!BL")  # of a gRPC message: compressed flag, length
_DATA_AND_PREFIX: Final = Struct("!HBBBLBL")
_PING: Final = frames.frame(frames.PING, 0, 0, b"alive?\0\0")
_REMEMBERED_RESETS_MAX: Final = 1024
_WAITING_MESSAGE_BYTES: Final = 256  # overhead of a queued message
_SECOND_NS: Final = 1_000_000_000


class SendingHalf:
    """All streams of a connection, and its output."""

    def __init__(self, limits: H2Limits) -> None:
        self._limits = limits
        self._streams: dict[int, Stream] = {}
        self._unfinished_bytes = 0  # of incoming messages, over all streams
        self._output_bytes = 0  # of queued outgoing messages, over all streams, with overhead
        self._highest_id = 0
        self._reset_by_us: OrderedDict[int, None] = OrderedDict()  # reset by us: frames for them may be in flight
        self._send_window = frames.DEFAULT_WINDOW_BYTES
        self._peer_window = frames.DEFAULT_WINDOW_BYTES
        self._peer_frame_bytes = frames.DEFAULT_FRAME_BYTES
        self._table_told_empty = False
        self._block_start = b""  # required prefix of the next header block
        self._waiting: OrderedDict[int, Stream] = OrderedDict()
        self._asked_to_leave = False
        self._drained_at: int | None = None  # the last stream that GOAWAY promised to process
        self.closed = False
        self._out: list[bytes] = [self._greeting()]

    def _greeting(self) -> bytes:
        limits = self._limits
        told = frames.settings(
            {
                frames.MAX_CONCURRENT_STREAMS: limits.concurrent_streams_max,
                frames.INITIAL_WINDOW_SIZE: limits.stream_window_bytes,
                frames.MAX_FRAME_SIZE: limits.frame_bytes_max,
                frames.MAX_HEADER_LIST_SIZE: limits.header_list_bytes_max,
            }
        )
        more = limits.connection_window_bytes - frames.DEFAULT_WINDOW_BYTES
        return told + frames.window_update(0, more) if more else told

    @property
    def stream_count(self) -> int:
        """Streams that are not closed in both directions."""
        return len(self._streams)

    def take_output(self) -> bytes:
        """Take the pending output."""
        if not self._out:
            return b""
        output = b"".join(self._out)
        self._out.clear()
        return output

    def output_bytes(self, stream_id: int) -> int:
        """Output of a stream that waits for the peer's window. [bytes]"""
        stream = self._streams.get(stream_id)
        return stream.output_bytes if stream is not None else 0

    # --- calls -----------------------------------------------------------------------------------------------------

    def send_message(self, stream_id: int, message: bytes) -> bool:
        """Send one gRPC message, now or when the windows allow it.

        Returns: whether the stream still accepts messages; False if it is gone, finished, or its peer reads too
        slowly. After False, no more events of the stream follow.
        """
        stream = self._streams.get(stream_id)
        if stream is None or stream.trailers is not None:
            return False
        if not stream.headers_sent:
            stream.headers_sent = True
            self._write_headers(frames.END_HEADERS, stream_id, RESPONSE_HEADERS)
        length = PREFIX.size + len(message)
        if (
            not stream.output
            and length <= stream.send_window
            and length <= self._send_window
            and length <= self._peer_frame_bytes
        ):
            self._send_window -= length
            stream.send_window -= length
            self._out.append(
                _DATA_AND_PREFIX.pack(length >> 8, length & 0xFF, frames.DATA, 0, stream_id, 0, len(message)) + message
            )
            return True
        return self._send_in_pieces(stream, PREFIX.pack(0, len(message)) + message)

    def _send_in_pieces(self, stream: Stream, output: bytes) -> bool:
        if stream.output is None:
            stream.output = deque()
        stream.output.append(memoryview(output))
        stream.output_bytes += len(output)
        self._output_bytes += len(output) + _WAITING_MESSAGE_BYTES
        self._flush(stream)
        if (
            stream.output_bytes > self._limits.stream_output_bytes_max
            or self._output_bytes > self._limits.output_bytes_max
        ):
            self._reset(stream.stream_id, ErrorCode.ENHANCE_YOUR_CALM)
            return False
        return True

    def hold(self, stream_id: int) -> None:
        """Stop updating a stream's window: at most ``stream_window_bytes`` more arrive until ``release()``."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.held = True

    def release(self, stream_id: int) -> None:
        """Update a stream's window again."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.held = False
            self._give_back_to_stream(stream)

    def finish(self, stream_id: int, status: int, message: str = "", http_status: int = 200) -> None:
        """End a call with a gRPC status, after its pending output; no more events of the stream follow.

        Args:
            message: for humans; at most 1,024 characters are sent.
            http_status: of a response that has not begun.
        """
        stream = self._streams.get(stream_id)
        if stream is None or stream.trailers is not None:
            return
        stream.trailers = trailers(status, message, stream.headers_sent, http_status)
        self._drop_partial(stream)
        if not stream.output:
            self._write_trailers(stream)

    def refuse(self, stream_id: int) -> None:
        """End a call of which nothing was read but its headers, so that its client may make it again elsewhere."""
        if stream_id in self._streams:
            self._reset(stream_id, ErrorCode.REFUSED_STREAM)

    def ping(self) -> None:
        """Send a keepalive: any later input counts as a reply."""
        if not self.closed:
            self._out.append(_PING)

    def end_stalled(self, now_ns: int) -> list[H2Event]:
        """End streams whose peer has read nothing for too long. [ns]

        Call it periodically: the time counts from the first call that sees a stream wait.
        """
        events: list[H2Event] = []
        if not self._output_bytes:
            return events
        stalled_ns_max = self._limits.stream_stalled_s_max * _SECOND_NS
        for stream in [stream for stream in self._streams.values() if stream.output]:
            if not stream.stalled_ns:
                stream.stalled_ns = now_ns
            elif now_ns - stream.stalled_ns > stalled_ns_max and self._reset(
                stream.stream_id, ErrorCode.ENHANCE_YOUR_CALM
            ):
                events.append(CallEnded(stream.stream_id, reset=True))
        return events

    def ask_to_leave(self) -> None:
        """Announce GOAWAY once: the peer should open new streams elsewhere, and may open some here until it has read
        that.
        """
        if not self._asked_to_leave and self._drained_at is None and not self.closed:
            self._asked_to_leave = True
            self._out.append(frames.go_away(frames.WINDOW_BYTES_MAX, ErrorCode.NO_ERROR))

    def go_away(self) -> None:
        """Reject new streams from now on; open ones continue."""
        if self._drained_at is None and not self.closed:
            self._drained_at = self._highest_id
            self._out.append(frames.go_away(self._highest_id, ErrorCode.NO_ERROR))

    # --- writing ---------------------------------------------------------------------------------------------------

    def _write_headers(self, flags: int, stream_id: int, block: bytes) -> None:
        if self._block_start:
            block, self._block_start = self._block_start + block, b""
        self._out.append(frames.frame(frames.HEADERS, flags, stream_id, block))

    def _write_trailers(self, stream: Stream) -> None:
        self._write_headers(frames.END_HEADERS | frames.END_STREAM, stream.stream_id, stream.trailers or b"")
        if stream.remote_closed:
            self._forget(stream.stream_id)
        else:
            self._reset(stream.stream_id, ErrorCode.NO_ERROR)

    def _flush(self, stream: Stream) -> bool:
        """Send pending output of a stream as the windows allow. Returns: whether all was sent, and the stream is still
        open.
        """
        while stream.output:
            room = min(self._send_window, stream.send_window, self._peer_frame_bytes)
            if room <= 0:
                self._wait(stream)
                return False
            piece = stream.output.popleft()
            if len(piece) > room:
                stream.output.appendleft(piece[room:])
                piece = piece[:room]
            else:
                self._output_bytes -= _WAITING_MESSAGE_BYTES
            stream.stalled_ns = 0
            self._output_bytes -= len(piece)
            self._out.append(frames.frame(frames.DATA, 0, stream.stream_id, piece))
            stream.output_bytes -= len(piece)
            stream.send_window -= len(piece)
            self._send_window -= len(piece)
        self._waiting.pop(stream.stream_id, None)
        if stream.trailers is not None:
            self._write_trailers(stream)
            return False
        self._give_back_to_stream(stream)
        return True

    def _wait(self, stream: Stream) -> None:
        self._give_back_to_stream(stream)
        if stream.send_window > 0:
            self._waiting[stream.stream_id] = stream
        else:
            self._waiting.pop(stream.stream_id, None)

    def _flush_waiting(self, events: list[H2Event]) -> None:
        """The connection's window has grown: streams take turns, and each may use all of it."""
        while self._waiting and self._send_window > 0:
            stream_id, stream = self._waiting.popitem(last=False)
            if self._flush(stream):
                events.append(OutputDrained(stream_id))

    def _give_back_to_stream(self, stream: Stream) -> None:
        """Update the window in steps of half its size; not while the peer does not read, or we are paused."""
        if stream.unreturned_bytes * 2 < self._limits.stream_window_bytes or stream.remote_closed:
            return
        if stream.held or stream.output_bytes >= self._limits.stream_output_bytes_pause or stream.trailers is not None:
            return
        self._out.append(frames.window_update(stream.stream_id, stream.unreturned_bytes))
        stream.receive_window += stream.unreturned_bytes
        stream.unreturned_bytes = 0

    # --- what the peer lets us send ----------------------------------------------------------------------------------

    def _apply_settings(self, payload: bytes, events: list[H2Event]) -> None:
        """Apply and acknowledge; the acknowledgement precedes output that a larger window unblocks.

        The initial window changes once, however often it occurs: each change visits every stream.
        """
        window = self._peer_window
        for name, value in frames.read_settings(payload):
            if name == frames.INITIAL_WINDOW_SIZE:
                window = value
                if value > frames.WINDOW_BYTES_MAX:
                    raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")
            elif name == frames.MAX_FRAME_SIZE:
                if not frames.DEFAULT_FRAME_BYTES <= value <= frames.FRAME_BYTES_MAX:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame size is out of range")
                self._peer_frame_bytes = value
            elif name == frames.HEADER_TABLE_SIZE:
                self._peer_table_changed(value)
            elif name == frames.ENABLE_PUSH and value > 1:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is neither 0 nor 1")
        self._out.append(frames.frame(frames.SETTINGS, frames.ACK, 0))
        change, self._peer_window = window - self._peer_window, window
        if change and not self._peer_window_changed(change, events):
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window overflows")

    def _peer_window_changed(self, change: int, events: list[H2Event]) -> bool:
        """SETTINGS changed the window of every stream. Returns: False if one overflows."""
        for stream in list(self._streams.values()):
            stream.send_window += change
            if stream.send_window > frames.WINDOW_BYTES_MAX:
                return False
            if stream.output and self._flush(stream):
                events.append(OutputDrained(stream.stream_id))
        return True

    def _peer_table_changed(self, size_bytes: int) -> None:
        """Our blocks never use the peer's table; a smaller size must still be acknowledged once (RFC 7541, 4.2)."""
        if size_bytes < frames.DEFAULT_TABLE_BYTES and not self._table_told_empty:
            self._table_told_empty = True
            self._block_start = TABLE_EMPTIED

    def _read_window_update(self, flags: int, stream_id: int, payload: bytes, events: list[H2Event]) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE has a wrong length")
        increment = frames.read_uint31(payload)
        if not stream_id:
            self._grow_connection_window(increment, events)
            return
        if self._is_idle(stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE came on a stream that was never opened")
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        if not increment:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
        if stream.send_window + increment > frames.WINDOW_BYTES_MAX:
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR)
        stream.send_window += increment
        if stream.output and self._flush(stream):
            events.append(OutputDrained(stream_id))

    def _grow_connection_window(self, increment: int, events: list[H2Event]) -> None:
        if not increment:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the connection's window grows by nothing")
        if self._send_window + increment > frames.WINDOW_BYTES_MAX:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window overflows")
        self._send_window += increment
        self._flush_waiting(events)

    # --- ends ------------------------------------------------------------------------------------------------------

    def _is_idle(self, stream_id: int) -> bool:
        return stream_id > self._highest_id or not stream_id % 2

    def _reset(self, stream_id: int, code: ErrorCode) -> bool:
        """End a stream. Returns: whether a call was still open on it."""
        self._out.append(frames.reset(stream_id, code))
        self._reset_by_us[stream_id] = None
        if len(self._reset_by_us) > _REMEMBERED_RESETS_MAX:
            self._reset_by_us.popitem(last=False)
        return self._forget(stream_id)

    def _forget(self, stream_id: int) -> bool:
        """Forget a stream. Returns: whether a call was still open on it."""
        stream = self._streams.pop(stream_id, None)
        if stream is None:
            return False
        self._waiting.pop(stream_id, None)
        if stream.output:
            self._output_bytes -= stream.output_bytes + len(stream.output) * _WAITING_MESSAGE_BYTES
        self._drop_partial(stream)
        return stream.trailers is None

    def _drop_partial(self, stream: Stream) -> None:
        if stream.partial:
            self._unfinished_bytes -= len(stream.partial)
            stream.partial = NOTHING
        stream.missing_bytes = 0
