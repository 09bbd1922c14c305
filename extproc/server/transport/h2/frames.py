"""HTTP/2 frames as bytes: numbers, flags, and serializers of the frames that we send. Source: RFC 9113, 4 and 6."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEADER_BYTES = 9
PRIORITY_BYTES = 5
DEFAULT_TABLE_BYTES = 4_096
DEFAULT_WINDOW_BYTES = 65_535
WINDOW_BYTES_MAX = 2**31 - 1
DEFAULT_FRAME_BYTES = 16_384
FRAME_BYTES_MAX = 2**24 - 1

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY_FLAG = 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = (
    range(1, 7)
)


class ErrorCode(IntEnum):
    """Error codes of streams and connections. Source: RFC 9113, 7."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11


_HEADER = Struct("!HBBBL")
_SETTING = Struct("!HL")
_UINT32 = Struct("!L")
_TWO_UINT32 = Struct("!LL")


def frame(kind: int, flags: int, stream_id: int, payload: bytes | memoryview = b"") -> bytes:
    """Serialize one frame."""
    length = len(payload)
    return _HEADER.pack(length >> 8, length & 0xFF, kind, flags, stream_id) + payload


def settings(values: dict[int, int]) -> bytes:
    """Our SETTINGS."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(name, value) for name, value in values.items()))


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """Parse settings from a payload whose length is a multiple of 6."""
    return list(_SETTING.iter_unpack(payload))


def reset(stream_id: int, code: ErrorCode) -> bytes:
    """RST_STREAM."""
    return frame(RST_STREAM, 0, stream_id, _UINT32.pack(code))


def go_away(last_stream_id: int, code: ErrorCode) -> bytes:
    """GOAWAY."""
    return frame(GOAWAY, 0, 0, _TWO_UINT32.pack(last_stream_id, code))


def window_update(stream_id: int, increment: int) -> bytes:
    """WINDOW_UPDATE."""
    return frame(WINDOW_UPDATE, 0, stream_id, _UINT32.pack(increment))


def read_uint32(payload: bytes, offset: int = 0) -> int:
    """Four bytes as a number."""
    number: int = _UINT32.unpack_from(payload, offset)[0]
    return number


def read_uint31(payload: bytes, offset: int = 0) -> int:
    """Four bytes as a number without the reserved first bit."""
    return read_uint32(payload, offset) & WINDOW_BYTES_MAX
