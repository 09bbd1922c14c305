"""Limits against hostile peers: over a stream's limit that stream ends, over a connection's that connection.

The table in ``docs/limits.md`` is made from this file: what a limit bounds, its unit in brackets, what happens
``Over it:``.
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
    """One gRPC message of a peer; the server sets it to the largest body of the configuration and 1 MiB. [bytes]
    Over it: the stream ends with RESOURCE_EXHAUSTED."""

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
    """What waits for a peer that does not take it, of one stream; in the server at least twice a message. [bytes]
    Over it: the stream ends."""

    stream_output_bytes_pause: int = 262_144
    """What waits of one stream before its peer is slowed. [bytes] Over it: the stream's window is not given back."""

    output_bytes_max: int = 268_435_456
    """The same over all streams, with 256 bytes on top for each message; in the server at least 32 times a message.
    [bytes] Over it: the stream that adds to it ends."""

    stream_stalled_s_max: float = 600.0
    """How long the output or the status of a stream waits while none of it is taken; Envoy's own limit on a stream that
    stands still comes first. [s] Over it: the stream ends."""

    frame_bytes_max: int = 16_384
    """One frame's payload, as told in SETTINGS. [bytes] Over it: the connection ends."""

    control_frames_per_second_max: int = 2_000
    """PING, SETTINGS, PRIORITY, GOAWAY, empty DATA and unknown frames (CVE-2019-9512, 9515, 9518). [frames]
    Over it: the connection ends."""

    settings_per_second_max: int = 100
    """SETTINGS alone: each may move the window of every stream (CVE-2019-9515). [frames]
    Over it: the connection ends."""

    resets_per_second_max: int = 20_000
    """Streams that the peer resets (CVE-2023-44487), or makes us reset by a mistake (CVE-2025-8671); Envoy resets one
    for each client that leaves. [streams] Over it: the connection ends."""

    @classmethod
    def for_messages(cls, message_bytes_max: int) -> H2Limits:
        """The defaults, with room for messages of this size. A reply that has to wait is no fault of the peer's."""
        default = cls()
        return cls(
            message_bytes_max=message_bytes_max,
            stream_output_bytes_max=max(default.stream_output_bytes_max, 2 * message_bytes_max),
            output_bytes_max=max(default.output_bytes_max, 32 * message_bytes_max),
        )

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


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What needs a clock or sockets, and so is the shell's.

    There is none on the silence of a call that has had a message: a model may think for minutes before its first word.
    """

    connections_max: int = 512
    """Connections at once; Envoy has a few for each of its threads. Half of the file descriptors that a process usually
    has. [connections] Over it: a new connection is closed at once."""

    preface_s_max: float = 10.0
    """From the connection to the preface and the first SETTINGS. [s] Over it: the connection ends."""

    first_message_s_max: float = 60.0
    """From a call to its first message; Envoy sends both together. [s] Over it: the stream ends."""

    waiting_bytes_max: int = 268_435_456
    """Messages of a connection that wait for an earlier one of their stream. [bytes] Over it: nothing more is read of
    the connection until there are fewer."""

    unsent_bytes_max: int = 536_870_912
    """What is written to a connection and not taken by its peer's machine. [bytes] Over it: the connection ends."""

    unsent_s_max: float = 60.0
    """How long that waits while none of it is taken, also after we have closed the connection. [s]
    Over it: the connection ends."""

    silence_s_max: float = 60.0
    """How long a peer may say nothing at all before it is asked for a sign of life. [s] Over it: PING is sent."""

    answer_s_max: float = 30.0
    """From that PING to any bytes of the peer, which may have lost its power. [s] Over it: the connection ends."""

    look_s: float = 1.0
    """How often the times above are looked at, and so how exact they are. [s]"""
