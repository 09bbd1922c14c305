"""Limits against hostile peers: exceeding a stream's limit ends the stream, a connection's the connection.

The table in ``docs/limits.md`` is generated from this file: what a limit bounds, its unit in brackets, and the effect
after ``Over it:``.
"""

from __future__ import annotations

from dataclasses import dataclass

from extproc.server.transport.h2.frames import (
    DEFAULT_FRAME_BYTES,
    DEFAULT_WINDOW_BYTES,
    FRAME_BYTES_MAX,
    WINDOW_BYTES_MAX,
)


@dataclass(frozen=True, slots=True)
class H2Limits:
    """Each is a security limit. Defaults suit Envoy as the only peer."""

    message_bytes_max: int = 5_242_880
    """One gRPC message of a peer; the server sets it to the largest body of the configuration plus 1 MiB. [bytes] Over
    it: the stream ends with RESOURCE_EXHAUSTED.
    """

    unfinished_bytes_max: int = 536_870_912
    """Received parts of incomplete messages, over all streams. [bytes] Over it: the stream that adds to it ends with
    RESOURCE_EXHAUSTED.
    """

    header_block_bytes_max: int = 16_384
    """A header block as sent, including all CONTINUATION frames. [bytes] Over it: the connection ends."""

    header_list_bytes_max: int = 65_536
    """Decoded headers, plus 32 bytes each (RFC 9113, 6.5.2). [bytes] Over it: the connection ends."""

    continuation_frames_max: int = 8
    """CONTINUATION frames of one header block (CVE-2024-27316). [frames] Over it: the connection ends."""

    concurrent_streams_max: int = 16_384
    """Concurrent streams of one connection. [streams] Over it: a new stream is rejected."""

    stream_window_bytes: int = 1_048_576
    """Flow-control window of a stream: data that a peer may send before we have read it. [bytes] Over it: the stream
    ends.
    """

    connection_window_bytes: int = 16_777_216
    """The same for all streams of a connection. [bytes] Over it: the connection ends."""

    stream_output_bytes_max: int = 8_388_608
    """Pending output of one stream; in the server at least twice a message. [bytes] Over it: the stream ends."""

    stream_output_bytes_pause: int = 262_144
    """Pending output of one stream before backpressure on its peer. [bytes] Over it: the stream's window is not
    updated.
    """

    output_bytes_max: int = 268_435_456
    """Pending output over all streams, plus 256 bytes per message; in the server at least 32 times a message. [bytes]
    Over it: the stream that adds to it ends.
    """

    stream_stalled_s_max: float = 600.0
    """How long the output or status of a stream may be stalled; Envoy's own timeout for a stalled stream comes first.
    [s] Over it: the stream ends.
    """

    frame_bytes_max: int = 16_384
    """Payload of one frame, as announced in SETTINGS. [bytes] Over it: the connection ends."""

    control_frames_per_second_max: int = 2_000
    """PING, SETTINGS, PRIORITY, GOAWAY, empty DATA and unknown frames (CVE-2019-9512, 9515, 9518). [frames]
    Over it: the connection ends."""

    settings_per_second_max: int = 100
    """SETTINGS alone: each may move the window of every stream (CVE-2019-9515). [frames]
    Over it: the connection ends."""

    resets_per_second_max: int = 20_000
    """Streams reset by the peer (CVE-2023-44487), or by us because of its errors (CVE-2025-8671); Envoy resets one for
    each client that leaves. [streams] Over it: the connection ends.
    """

    @classmethod
    def for_messages(cls, message_bytes_max: int) -> H2Limits:
        """The defaults, with room for messages of this size, so that a queued reply never counts against the peer."""
        default = cls()
        return cls(
            message_bytes_max=message_bytes_max,
            stream_output_bytes_max=max(default.stream_output_bytes_max, 2 * message_bytes_max),
            output_bytes_max=max(default.output_bytes_max, 32 * message_bytes_max),
        )

    def __post_init__(self) -> None:
        """Raises: ValueError for a limit that HTTP/2 cannot announce; a peer may use its defaults before it
        reads ours.
        """
        for name, least, most in (
            ("stream_window_bytes", DEFAULT_WINDOW_BYTES, WINDOW_BYTES_MAX),
            ("connection_window_bytes", DEFAULT_WINDOW_BYTES, WINDOW_BYTES_MAX),
            ("frame_bytes_max", DEFAULT_FRAME_BYTES, FRAME_BYTES_MAX),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}: HTTP/2 allows {least} to {most}")


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Limits that need a clock or sockets, which the owner of the connection enforces.

    The silence of a call that has had a message is not limited: a model may think for minutes before its first
    word.
    """

    connections_max: int = 512
    """Concurrent connections; Envoy opens a few per thread. Half of the usual file descriptor limit of a process.
    [connections] Over it: a new connection is closed immediately.
    """

    preface_s_max: float = 10.0
    """Time from the connection to the preface and the first SETTINGS. [s] Over it: the connection ends."""

    first_message_s_max: float = 60.0
    """Time from a call to its first message; Envoy sends both together. [s] Over it: the stream ends."""

    waiting_bytes_max: int = 268_435_456
    """Messages of a connection that are queued behind an earlier one of their stream. [bytes] Over it: reading pauses
    until there are fewer.
    """

    unsent_bytes_max: int = 536_870_912
    """Data written to a connection and not received by its peer's machine. [bytes] Over it: the connection ends."""

    unsent_s_max: float = 60.0
    """How long that data may be stalled, also after we have closed the connection. [s] Over it: the connection ends."""

    silence_s_max: float = 60.0
    """Idle time of a peer before a keepalive. [s] Over it: PING is sent."""

    answer_s_max: float = 30.0
    """Time from that PING to any bytes of the peer, whose machine may have lost power. [s] Over it: the connection
    ends.
    """

    look_s: float = 1.0
    """Interval at which these timeouts are checked, which is also their precision. [s]"""
