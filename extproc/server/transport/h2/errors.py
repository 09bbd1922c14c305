"""Protocol errors of a peer: on a stream, which is reset, or on the connection, which ends."""

from __future__ import annotations

from extproc.server.transport.h2.frames import ErrorCode


class ConnectionFault(Exception):
    """Ends the connection. ``reason`` is our own text, for the log."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class StreamFault(Exception):
    """Ends the stream; the connection continues."""

    def __init__(self, stream_id: int, code: ErrorCode) -> None:
        super().__init__(code.name)
        self.stream_id = stream_id
        self.code = code
