"""The receiving half, on top of the sending half; the package docstring has the theory of operation."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.errors import ConnectionFault, StreamFault
from extproc.server.transport.h2.events import (
    CallEnded,
    CallReceived,
    ConnectionEnded,
    H2Event,
    MessageAnnounced,
    MessageReceived,
)
from extproc.server.transport.h2.frames import ErrorCode
from extproc.server.transport.h2.header_blocks import HeaderBlock, HeaderBlocks, unpadded
from extproc.server.transport.h2.headers import HeaderReader, Malformed, TooLarge, Undecodable, content_bytes
from extproc.server.transport.h2.limits import H2Limits
from extproc.server.transport.h2.rates import Rates
from extproc.server.transport.h2.sending import PREFIX, SendingHalf
from extproc.server.transport.h2.streams import Stream

GRPC_OK: Final = 0
GRPC_RESOURCE_EXHAUSTED: Final = 8
GRPC_UNIMPLEMENTED: Final = 12
GRPC_INTERNAL: Final = 13
_FRAME_HEADER: Final = Struct("!HBBBL")


class H2Connection(SendingHalf):
    """The server side of one connection."""

    def __init__(self, limits: H2Limits) -> None:
        super().__init__(limits)
        self._preface_missing = frames.PREFACE
        self._settings_seen = False
        self._pieces: list[bytes] = []  # of a frame that has partly arrived
        self._missing_bytes = 0  # no input yet
        self._header_blocks = HeaderBlocks(limits)
        self._header_reader = HeaderReader(limits.header_list_bytes_max)
        self._receive_window = limits.connection_window_bytes
        self._unreturned_bytes = 0
        self._rates = Rates(limits)

    @property
    def greeted(self) -> bool:
        """Whether the preface and the peer's first SETTINGS have arrived."""
        return self._settings_seen

    # --- frames ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now_ns: int) -> list[H2Event]:
        """Process bytes from the peer. Never raises; after ``ConnectionEnded`` input is ignored.

        Args:
            now_ns: monotonic time, for the per-second limits. [ns]
        """
        events: list[H2Event] = []
        if self.closed:
            return events
        self._rates.now_ns = now_ns
        try:
            if self._preface_missing:
                data = self._read_preface(data)
            if len(data) < self._missing_bytes:
                self._pieces.append(data)
                self._missing_bytes -= len(data)
            elif data:
                self._read_frames(data, events)
        except ConnectionFault as fault:
            self._end_connection(fault, events)
        return events

    def _read_preface(self, data: bytes) -> bytes:
        expected = self._preface_missing
        come = data[: len(expected)]
        if not expected.startswith(come):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "this is not HTTP/2 with prior knowledge")
        self._preface_missing = expected[len(come) :]
        return data[len(come) :]

    def _read_frames(self, data: bytes, events: list[H2Event]) -> None:
        if self._pieces:
            data = b"".join((*self._pieces, data))
            self._pieces.clear()
        position, end = 0, len(data)
        needed = frames.FRAME_HEADER_BYTES
        while end - position >= frames.FRAME_HEADER_BYTES:
            high, low, kind, flags, stream_id = _FRAME_HEADER.unpack_from(data, position)
            length = high << 8 | low
            if length > self._limits.frame_bytes_max:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame is too large")
            start = position + frames.FRAME_HEADER_BYTES
            if start + length > end:
                needed = frames.FRAME_HEADER_BYTES + length
                break
            self._read_frame(kind, flags, stream_id & frames.WINDOW_BYTES_MAX, data, start, start + length, events)
            position = start + length
        self._missing_bytes = needed - (end - position)
        if position < end:
            self._pieces.append(data[position:])

    def _read_frame(
        self, kind: int, flags: int, stream_id: int, data: bytes, start: int, end: int, events: list[H2Event]
    ) -> None:
        if self._header_blocks.is_open and kind != frames.CONTINUATION:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame came between the pieces of a header block")
        if not self._settings_seen and (kind != frames.SETTINGS or flags & frames.ACK):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS must be the first frame")
        try:
            if kind == frames.DATA:
                self._read_data(flags, stream_id, data, start, end, events)
            elif kind in _HANDLERS:
                _HANDLERS[kind](self, flags, stream_id, data[start:end], events)
            else:
                self._rates.control_frame()
        except StreamFault as fault:
            self._rates.reset()
            if self._reset(fault.stream_id, fault.code):
                events.append(CallEnded(fault.stream_id, reset=True))

    # --- DATA ------------------------------------------------------------------------------------------------------

    def _read_data(self, flags: int, stream_id: int, data: bytes, start: int, end: int, events: list[H2Event]) -> None:
        charged = end - start
        self._receive_window -= charged
        if self._receive_window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window was exceeded")
        self._unreturned_bytes += charged
        if self._unreturned_bytes * 2 >= self._limits.connection_window_bytes:
            self._give_back_to_connection()
        ends = bool(flags & frames.END_STREAM)
        stream = self._streams.get(stream_id)
        if stream is None:
            if not charged and not ends:
                self._rates.control_frame()
            self._read_late(stream_id, ends)
            return
        if stream.remote_closed:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED)
        stream.receive_window -= charged
        if stream.receive_window < 0:
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR)
        stream.unreturned_bytes += charged
        if flags & frames.PADDED:
            data = unpadded(data[start:end])
            start, end = 0, len(data)
        if stream.content_bytes >= 0:
            self._count_content(stream, end - start, ends)
        if start == end and not ends:
            self._rates.control_frame()
        if stream.trailers is None:
            self._read_messages(stream, data, start, end, events)
        if ends:
            self._remote_end(stream, events)
        elif stream.unreturned_bytes * 2 >= self._limits.stream_window_bytes:
            self._give_back_to_stream(stream)

    def _count_content(self, stream: Stream, come_bytes: int, ends: bool) -> None:
        stream.content_bytes -= come_bytes
        if stream.content_bytes < 0 or (ends and stream.content_bytes):
            raise StreamFault(stream.stream_id, ErrorCode.PROTOCOL_ERROR)

    def _read_late(self, stream_id: int, ends: bool) -> None:
        """DATA or trailers on a forgotten stream: in flight when we reset it, once up to its end; otherwise
        an error.
        """
        if self._is_idle(stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame came on a stream that was never opened")
        if stream_id not in self._reset_by_us:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED)
        if ends:
            del self._reset_by_us[stream_id]

    def _read_messages(self, stream: Stream, data: bytes, position: int, end: int, events: list[H2Event]) -> None:
        if stream.missing_bytes:
            position = self._go_on_with_message(stream, data, position, end, events)
        elif stream.partial:
            data = bytes(stream.partial) + data[position:end]
            position, end = 0, len(data)
            self._drop_partial(stream)
        while end - position >= PREFIX.size:
            compressed, length = PREFIX.unpack_from(data, position)
            if compressed or length > self._limits.message_bytes_max:
                self._refuse_message(stream, compressed, events)
                return
            start = position + PREFIX.size
            position = start + length
            if position > end:
                stream.missing_bytes = position - end
                events.append(MessageAnnounced(stream.stream_id, length))
                self._keep(stream, data[start:end], events)
                return
            events.append(MessageReceived(stream.stream_id, data[start:position]))
        if position < end:
            self._keep(stream, data[position:end], events)

    def _go_on_with_message(self, stream: Stream, data: bytes, position: int, end: int, events: list[H2Event]) -> int:
        """Returns: the offset of the next message."""
        come = min(end - position, stream.missing_bytes)
        stream.missing_bytes -= come
        if stream.missing_bytes:
            self._keep(stream, data[position:end], events)
            return end
        message = b"".join((stream.partial, data[position : position + come]))
        self._drop_partial(stream)
        events.append(MessageReceived(stream.stream_id, message))
        return position + come

    def _keep(self, stream: Stream, piece: bytes, events: list[H2Event]) -> None:
        if stream.partial:
            stream.partial += piece
        else:
            stream.partial = bytearray(piece)
        self._unfinished_bytes += len(piece)
        if self._unfinished_bytes > self._limits.unfinished_bytes_max:
            self._end_call(stream, GRPC_RESOURCE_EXHAUSTED, "too many messages have come in part", events)

    def _refuse_message(self, stream: Stream, compressed: int, events: list[H2Event]) -> None:
        if compressed:
            self._end_call(stream, GRPC_UNIMPLEMENTED, "messages must not be compressed", events)
        else:
            reason = f"a message is larger than {self._limits.message_bytes_max} bytes"
            self._end_call(stream, GRPC_RESOURCE_EXHAUSTED, reason, events)

    def _end_call(self, stream: Stream, status: int, reason: str, events: list[H2Event]) -> None:
        self.finish(stream.stream_id, status, reason)
        events.append(CallEnded(stream.stream_id, reset=True, refused=True))

    def _remote_end(self, stream: Stream, events: list[H2Event]) -> None:
        stream.remote_closed = True
        if stream.trailers is not None:
            return
        if stream.partial or stream.missing_bytes:
            self._end_call(stream, GRPC_INTERNAL, "the stream ended within a message", events)
        else:
            events.append(CallEnded(stream.stream_id, reset=False))

    def _give_back_to_connection(self) -> None:
        """Update the window in steps of half its size."""
        self._out.append(frames.window_update(0, self._unreturned_bytes))
        self._receive_window += self._unreturned_bytes
        self._unreturned_bytes = 0

    # --- HEADERS, CONTINUATION -------------------------------------------------------------------------------------

    def _read_headers(self, flags: int, stream_id: int, payload: bytes, events: list[H2Event]) -> None:
        self._read_block(self._header_blocks.begin(flags, stream_id, payload), events)

    def _read_continuation(self, flags: int, stream_id: int, payload: bytes, events: list[H2Event]) -> None:
        self._read_block(self._header_blocks.go_on(flags, stream_id, payload), events)

    def _read_block(self, block: HeaderBlock | None, events: list[H2Event]) -> None:
        if block is None:
            return
        try:
            if block.stream_id > self._highest_id:
                self._begin_call(block, events)
            else:
                self._read_trailers(block, events)
        except Malformed:
            raise StreamFault(block.stream_id, ErrorCode.PROTOCOL_ERROR) from None
        except Undecodable:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, "a header block cannot be decoded") from None
        except TooLarge:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "headers are too large") from None

    def _begin_call(self, block: HeaderBlock, events: list[H2Event]) -> None:
        stream_id = self._highest_id = block.stream_id
        headers = self._header_reader.read_request(block.fragment)
        if self._drained_at is not None or len(self._streams) >= self._limits.concurrent_streams_max:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM)
        content = content_bytes(headers)
        if content > 0 and block.ends_stream:
            raise Malformed("the content does not come")
        stream = Stream(stream_id, self._limits.stream_window_bytes, self._peer_window, content)
        self._streams[stream_id] = stream
        if headers[b":method"] != b"POST" or not headers.get(b"content-type", b"").startswith(b"application/grpc"):
            self._refuse_request(stream, headers[b":method"], block.ends_stream)
            return
        events.append(CallReceived(stream_id, headers))
        if block.ends_stream:
            self._remote_end(stream, events)

    def _refuse_request(self, stream: Stream, method: bytes, ends: bool) -> None:
        """Reject a request that is HTTP/2 but not gRPC, with an HTTP status; it does not count as a call."""
        stream.remote_closed = ends
        what, http_status = ("POST", 405) if method != b"POST" else ("content-type application/grpc", 415)
        self.finish(stream.stream_id, GRPC_UNIMPLEMENTED, f"only gRPC is spoken here: send {what}", http_status)

    def _read_trailers(self, block: HeaderBlock, events: list[H2Event]) -> None:
        stream_id = block.stream_id
        stream = self._streams.get(stream_id)
        if stream is None and stream_id not in self._reset_by_us:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, "HEADERS came on a closed stream")
        self._header_reader.read_trailers(block.fragment)
        if stream is None:
            self._read_late(stream_id, block.ends_stream)
            return
        if stream.remote_closed:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED)
        if not block.ends_stream:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
        if stream.content_bytes > 0:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
        self._remote_end(stream, events)

    # --- control frames --------------------------------------------------------------------------------------------

    def _read_priority(self, flags: int, stream_id: int, payload: bytes, events: list[H2Event]) -> None:
        self._rates.control_frame()
        if not stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PRIORITY came on no stream")
        if len(payload) != frames.PRIORITY_BYTES:
            if self._is_idle(stream_id):  # idle streams cannot be reset
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY has a wrong length")
            raise StreamFault(stream_id, ErrorCode.FRAME_SIZE_ERROR)

    def _read_reset(self, flags: int, stream_id: int, payload: bytes, events: list[H2Event]) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM has a wrong length")
        if self._is_idle(stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "RST_STREAM came on a stream that was never opened")
        self._rates.reset()
        self._reset_by_us.pop(stream_id, None)
        if self._forget(stream_id):
            events.append(CallEnded(stream_id, reset=True))

    def _read_settings(self, flags: int, stream_id: int, payload: bytes, events: list[H2Event]) -> None:
        self._rates.control_frame()
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS came on a stream")
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement has a payload")
            return
        if len(payload) % 6:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS has a wrong length")
        self._rates.settings()
        self._settings_seen = True
        self._apply_settings(payload, events)

    def _read_push_promise(self, flags: int, stream_id: int, payload: bytes, events: list[H2Event]) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a client does not push")

    def _read_ping(self, flags: int, stream_id: int, payload: bytes, events: list[H2Event]) -> None:
        self._rates.control_frame()
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PING came on a stream")
        if len(payload) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PING has a wrong length")
        if not flags & frames.ACK:
            self._out.append(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _read_go_away(self, flags: int, stream_id: int, payload: bytes, events: list[H2Event]) -> None:
        self._rates.control_frame()
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "GOAWAY came on a stream")
        if len(payload) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY has a wrong length")

    def _end_connection(self, fault: ConnectionFault, events: list[H2Event]) -> None:
        self.closed = True
        last_id = self._highest_id if self._drained_at is None else self._drained_at
        self._out.append(frames.go_away(last_id, fault.code))
        events += [
            CallEnded(stream.stream_id, reset=True) for stream in self._streams.values() if stream.trailers is None
        ]
        self._streams.clear()
        self._waiting.clear()
        self._output_bytes = self._unfinished_bytes = 0
        events.append(ConnectionEnded(fault.code, fault.reason))


_HANDLERS: Final[dict[int, Callable[[H2Connection, int, int, bytes, list[H2Event]], None]]] = {
    frames.HEADERS: H2Connection._read_headers,
    frames.PRIORITY: H2Connection._read_priority,
    frames.RST_STREAM: H2Connection._read_reset,
    frames.SETTINGS: H2Connection._read_settings,
    frames.PUSH_PROMISE: H2Connection._read_push_promise,
    frames.PING: H2Connection._read_ping,
    frames.GOAWAY: H2Connection._read_go_away,
    frames.WINDOW_UPDATE: H2Connection._read_window_update,
    frames.CONTINUATION: H2Connection._read_continuation,
}
