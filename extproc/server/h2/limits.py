"""Limits against hostile peers: over a stream's limit that stream ends, over a connection's that connection."""

from __future__ import annotations

from dataclasses import dataclass

from extproc.server.h2.frames import DEFAULT_FRAME_BYTES, DEFAULT_WINDOW_BYTES, FRAME_BYTES_MAX, WINDOW_BYTES_MAX


@dataclass(frozen=True, slots=True)
class H2Limits:
    """Each is a security limit. Defaults suit Envoy as the only peer."""

    message_bytes_max: int = 5_242_880
    """One gRPC message of a peer. [bytes] Over it: the stream ends with RESOURCE_EXHAUSTED."""

    unfinished_bytes_max: int = 536_870_912
    """What has come of messages that are not whole yet, over all streams. [bytes] Over it: the stream that adds to it
    ends with RESOURCE_EXHAUSTED."""

    header_block_bytes_max: int = 16_384
    """A header block as it is sent, all CONTINUATION frames together. [bytes] Over it: the connection ends."""

    header_list_bytes_max: int = 65_536
    """Headers once decoded, each with 32 bytes on top (RFC 9113, 6.5.2). [bytes] Over it: the connection ends."""

    continuation_frames_max: int = 8
    """CONTINUATION frames of one header block (CVE-2024-27316). [frames] Over it: the connection ends."""

    concurrent_streams_max: int = 16_384
    """Streams of one connection. [streams] Over it: a new stream is refused."""

    stream_window_bytes: int = 1_048_576
    """How much a peer may send on a stream before we have read it. [bytes] Over it: the stream ends."""

    connection_window_bytes: int = 16_777_216
    """The same for all streams of a connection. [bytes] Over it: the connection ends."""

    stream_output_bytes_max: int = 8_388_608
    """What waits for a peer that does not take it, of one stream. [bytes] Over it: the stream ends."""

    stream_output_bytes_pause: int = 262_144
    """From here on the stream's window is not given back. [bytes]"""

    frame_bytes_max: int = 16_384
    """One frame's payload, as told in SETTINGS. [bytes] Over it: the connection ends."""

    control_frames_per_second_max: int = 2_000
    """PING, SETTINGS, PRIORITY, GOAWAY, empty DATA and unknown frames (CVE-2019-9512, 9515, 9518). Over it: the
    connection ends."""

    settings_per_second_max: int = 100
    """SETTINGS alone: each may move the window of every stream (CVE-2019-9515). Over it: the connection ends."""

    resets_per_second_max: int = 20_000
    """Streams that the peer resets (CVE-2023-44487), or makes us reset by a mistake (CVE-2025-8671); Envoy resets one
    for each client that leaves. Over it: the connection ends."""

    def __post_init__(self) -> None:
        """Raises: ValueError, if HTTP/2 has no words for a limit; a peer may use its defaults before it reads ours."""
        for name, least, most in (
            ("stream_window_bytes", DEFAULT_WINDOW_BYTES, WINDOW_BYTES_MAX),
            ("connection_window_bytes", DEFAULT_WINDOW_BYTES, WINDOW_BYTES_MAX),
            ("frame_bytes_max", DEFAULT_FRAME_BYTES, FRAME_BYTES_MAX),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}: HTTP/2 allows {least} to {most}")
