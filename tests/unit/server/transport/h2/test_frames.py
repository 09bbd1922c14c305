"""Frames as another implementation (``hyperframe``) writes and reads them."""

from __future__ import annotations

import hyperframe.frame as oracle
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.transport.h2 import frames

STREAMS = st.integers(1, frames.WINDOW_BYTES_MAX)
CODES = st.sampled_from(list(frames.ErrorCode))


def parsed(data: bytes) -> oracle.Frame:
    """The only frame of the bytes."""
    frame, length = oracle.Frame.parse_frame_header(memoryview(data[: frames.FRAME_HEADER_BYTES]))
    assert length == len(data) - frames.FRAME_HEADER_BYTES
    frame.parse_body(memoryview(data[frames.FRAME_HEADER_BYTES :]))
    return frame


@given(STREAMS, st.binary(max_size=80), st.booleans())
def test_data(stream_id: int, payload: bytes, ends: bool) -> None:
    """With its flag, its stream and its bytes."""
    frame = parsed(frames.frame(frames.DATA, frames.END_STREAM if ends else 0, stream_id, payload))
    assert isinstance(frame, oracle.DataFrame)
    assert (frame.stream_id, frame.data, "END_STREAM" in frame.flags) == (stream_id, payload, ends)


@given(st.dictionaries(st.integers(1, 6), st.integers(0, 2**32 - 1), max_size=6))
def test_settings_are_read_as_they_are_written(values: dict[int, int]) -> None:
    """By the other side, and by ours."""
    data = frames.settings(values)
    frame = parsed(data)
    assert isinstance(frame, oracle.SettingsFrame)
    assert frame.settings == values
    assert frames.read_settings(data[frames.FRAME_HEADER_BYTES :]) == list(values.items())


@given(STREAMS, CODES, st.integers(1, frames.WINDOW_BYTES_MAX))
def test_frames_of_one_number_or_two(stream_id: int, code: frames.ErrorCode, increment: int) -> None:
    """Resets, the end of a connection, and windows."""
    reset = parsed(frames.reset(stream_id, code))
    assert isinstance(reset, oracle.RstStreamFrame)
    assert (reset.stream_id, reset.error_code) == (stream_id, code)
    go_away = parsed(frames.go_away(stream_id, code))
    assert isinstance(go_away, oracle.GoAwayFrame)
    assert (go_away.last_stream_id, go_away.error_code) == (stream_id, code)
    update = parsed(frames.window_update(stream_id, increment))
    assert isinstance(update, oracle.WindowUpdateFrame)
    assert (update.stream_id, update.window_increment) == (stream_id, increment)


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=5))
def test_the_first_bit_of_a_31_bit_number_is_reserved(number: bytes, before: bytes) -> None:
    """A peer may set it, and it says nothing."""
    whole = int.from_bytes(number)
    assert frames.read_uint32(before + number, len(before)) == whole
    assert frames.read_uint31(before + number, len(before)) == whole % 2**31
