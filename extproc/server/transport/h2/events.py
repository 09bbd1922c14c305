"""Events that a connection reports to its owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from extproc.server.transport.h2.frames import ErrorCode


@dataclass(slots=True)
class CallReceived:
    """A stream began; header names are in lower case."""

    stream_id: int
    headers: Mapping[bytes, bytes]


@dataclass(init=False, slots=True)
class MessageReceived:
    """One gRPC message, without its prefix."""

    stream_id: int
    message: bytes

    def __init__(self, stream_id: int, message: bytes) -> None:
        self.stream_id = stream_id
        self.message = message


@dataclass(slots=True)
class MessageAnnounced:
    """A gRPC message of this length (without prefix) has begun, and continues in later reads. [bytes]"""

    stream_id: int
    size_bytes: int


@dataclass(slots=True)
class CallEnded:
    """The peer half-closed a stream; with ``reset`` it aborted it, and the call is over.

    With ``refused`` too, we ended the call: a message of it broke a rule. A call gets at most one without ``reset``,
    then at most one with it, and nothing after that.
    """

    stream_id: int
    reset: bool
    refused: bool = False


@dataclass(slots=True)
class OutputDrained:
    """Output of a stream that waited for the peer's window was sent."""

    stream_id: int


@dataclass(slots=True)
class ConnectionEnded:
    """Input is ignored from now on: close the connection once the output is written. ``reason`` is our own text, for
    the log.
    """

    code: ErrorCode
    reason: str


H2Event = CallReceived | MessageAnnounced | MessageReceived | CallEnded | OutputDrained | ConnectionEnded
