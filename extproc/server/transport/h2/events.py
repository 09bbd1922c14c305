"""What a connection tells its shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from extproc.server.transport.h2.frames import ErrorCode


@dataclass(slots=True)
class CallReceived:
    """A stream began: its headers, names in lower case."""

    stream_id: int
    headers: Mapping[bytes, bytes]


@dataclass(slots=True)
class MessageReceived:
    """One gRPC message, without its prefix."""

    stream_id: int
    message: bytes


@dataclass(slots=True)
class MessageAnnounced:
    """A gRPC message has begun, of this length without its prefix; the rest of it comes with later reads. [bytes]"""

    stream_id: int
    size_bytes: int


@dataclass(slots=True)
class CallEnded:
    """The peer sends no more on a stream; with ``reset`` it wants no more either, and the call is over.

    A call gets at most one without ``reset``, then at most one with it, and nothing after that.
    """

    stream_id: int
    reset: bool


@dataclass(slots=True)
class OutputDrained:
    """What waited on a stream for the peer's window has gone out."""

    stream_id: int


@dataclass(slots=True)
class ConnectionEnded:
    """Nothing more is read: close the connection once the output is written. ``reason`` is ours, for the log."""

    code: ErrorCode
    reason: str


H2Event = CallReceived | MessageAnnounced | MessageReceived | CallEnded | OutputDrained | ConnectionEnded
