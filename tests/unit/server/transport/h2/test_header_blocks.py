"""Header blocks: the same whatever their pieces, padding and priority; no peer makes us keep more than the limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.errors import ConnectionFault
from extproc.server.transport.h2.header_blocks import HeaderBlock, HeaderBlocks, unpadded
from extproc.server.transport.h2.limits import H2Limits
from tests.unit.filters.cutting import cut

LIMITS = H2Limits()


def wrapped(payload: bytes, padding: int | None, priority: bytes | None) -> tuple[int, bytes]:
    """Flags and payload of HEADERS."""
    flags = 0
    if priority is not None:
        flags, payload = flags | frames.PRIORITY_FLAG, priority + payload
    if padding is not None:
        flags, payload = flags | frames.PADDED, bytes([padding]) + payload + b"\0" * padding
    return flags, payload


@given(
    cut(st.text("abc", max_size=40)),
    st.none() | st.integers(0, 255),
    st.none() | st.binary(min_size=5, max_size=5),
    st.booleans(),
)
def test_a_block_is_its_pieces(pieces: list[str], padding: int | None, priority: bytes | None, ends: bool) -> None:
    """Without what HEADERS has around them."""
    blocks = HeaderBlocks(replace(LIMITS, continuation_frames_max=len(pieces)))
    parts = [piece.encode() for piece in pieces] or [b""]
    flags, first = wrapped(parts[0], padding, priority)
    flags |= frames.END_STREAM if ends else 0
    block = blocks.begin(flags | (frames.END_HEADERS if len(parts) == 1 else 0), 7, first)
    for place, part in enumerate(parts[1:], 2):
        assert block is None
        assert blocks.is_open
        block = blocks.go_on(frames.END_HEADERS if place == len(parts) else 0, 7, part)
    assert block == HeaderBlock(7, ends, b"".join(parts))
    assert not blocks.is_open


@pytest.mark.parametrize("stream_id", [0, 2])
def test_only_a_client_begins_streams(stream_id: int) -> None:
    """Theirs are odd."""
    with pytest.raises(ConnectionFault, match="odd numbers"):
        HeaderBlocks(LIMITS).begin(frames.END_HEADERS, stream_id, b"")


def test_only_the_open_block_goes_on() -> None:
    """Neither one that is whole nor one of another stream."""
    blocks = HeaderBlocks(LIMITS)
    with pytest.raises(ConnectionFault, match="continues nothing"):
        blocks.go_on(0, 1, b"")
    blocks.begin(0, 1, b"")
    with pytest.raises(ConnectionFault, match="continues nothing"):
        blocks.go_on(0, 3, b"")


def test_a_block_without_end_is_given_up() -> None:
    """By its frames, and by its bytes (CVE-2024-27316)."""
    blocks = HeaderBlocks(replace(LIMITS, continuation_frames_max=3))
    blocks.begin(0, 1, b"")
    for _ in range(3):
        blocks.go_on(0, 1, b"")
    with pytest.raises(ConnectionFault, match="too many pieces"):
        blocks.go_on(0, 1, b"")
    blocks = HeaderBlocks(replace(LIMITS, header_block_bytes_max=8))
    blocks.begin(0, 1, b"x" * 8)
    with pytest.raises(ConnectionFault, match="too large"):
        blocks.go_on(frames.END_HEADERS, 1, b"x")


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x05abc", b"\xff"])
def test_padding_longer_than_its_frame_is_a_fault(payload: bytes) -> None:
    """Nothing of another frame is read for it."""
    with pytest.raises(ConnectionFault, match="padding"):
        unpadded(payload)


def test_headers_too_short_for_their_priority_are_a_fault() -> None:
    """Five bytes are missing."""
    with pytest.raises(ConnectionFault, match="priority"):
        HeaderBlocks(LIMITS).begin(frames.PRIORITY_FLAG | frames.END_HEADERS, 1, b"abcd")
