"""HTTP/2 frames as bytes: numbers, flags, and serializers of the frames that we send. Source: RFC 9113, 4 and 6."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEADER_BYTES: Final = 9
PRIORITY_BYTES: Final = 5
DEFAULT_TABLE_BYTES: Final = 4_096
DEFAULT_WINDOW_BYTES: Final = 65_535
WINDOW_BYTES_MAX: Final = 2**31 - 1
DEFAULT_FRAME_BYTES: Final = 16_384
FRAME_BYTES_MAX: Final = 2**24 - 1

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY_FLAG: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6


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


_HEADER: Final = Struct("!HBBBL")
_SETTING: Final = Struct("!HL")
_UINT32: Final = Struct("!L")
_TWO_UINT32: Final = Struct("!LL")


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
