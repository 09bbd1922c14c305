"""Assembles header blocks from HEADERS and CONTINUATION frames, with limits (CVE-2024-27316)."""

from __future__ import annotations

from typing import NamedTuple

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.errors import ConnectionFault
from extproc.server.transport.h2.frames import ErrorCode
from extproc.server.transport.h2.limits import H2Limits


class HeaderBlock(NamedTuple):
    """A complete block."""

    stream_id: int
    ends_stream: bool
    fragment: bytes


class HeaderBlocks:
    """At most one block is open at a time; while one is, only its CONTINUATION frames are allowed."""

    __slots__ = ("_block_bytes", "_ends_stream", "_limits", "_pieces", "_stream_id", "is_open")

    def __init__(self, limits: H2Limits) -> None:
        self._limits = limits
        self.is_open = False
        self._stream_id = 0
        self._ends_stream = False
        self._pieces: list[bytes] = []
        self._block_bytes = 0

    def begin(self, flags: int, stream_id: int, payload: bytes) -> HeaderBlock | None:
        """HEADERS received. Returns: the block if it is complete. Raises: ConnectionFault."""
        if not stream_id % 2:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a client's streams have odd numbers")
        if flags & frames.PADDED:
            payload = unpadded(payload)
        if flags & frames.PRIORITY_FLAG:
            if len(payload) < frames.PRIORITY_BYTES:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS is too short for its priority")
            payload = payload[frames.PRIORITY_BYTES :]
        self._stream_id, self._ends_stream = stream_id, bool(flags & frames.END_STREAM)
        self._pieces, self._block_bytes = [], 0
        return self._add(flags, payload)

    def go_on(self, flags: int, stream_id: int, payload: bytes) -> HeaderBlock | None:
        """CONTINUATION received. Returns: the block if it is complete now. Raises: ConnectionFault."""
        if not self.is_open or stream_id != self._stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION continues nothing")
        if len(self._pieces) > self._limits.continuation_frames_max:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block has too many pieces")
        return self._add(flags, payload)

    def _add(self, flags: int, payload: bytes) -> HeaderBlock | None:
        self._pieces.append(payload)
        self._block_bytes += len(payload)
        if self._block_bytes > self._limits.header_block_bytes_max:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block is too large")
        self.is_open = not flags & frames.END_HEADERS
        if self.is_open:
            return None
        fragment = payload if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = []
        return HeaderBlock(self._stream_id, self._ends_stream, fragment)


def unpadded(payload: bytes) -> bytes:
    """Payload without padding. Raises: ConnectionFault."""
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "padding is longer than its frame")
    return payload[1 : len(payload) - payload[0]]
