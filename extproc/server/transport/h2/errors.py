"""What a peer did wrong: on a stream, which is reset for it, or on the connection, which ends for it."""

from __future__ import annotations

from extproc.server.transport.h2.frames import ErrorCode


class ConnectionFault(Exception):
    """The connection cannot go on. ``reason`` is ours, for the log."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class StreamFault(Exception):
    """The stream cannot go on; the connection can."""

    def __init__(self, stream_id: int, code: ErrorCode) -> None:
        super().__init__(code.name)
        self.stream_id = stream_id
        self.code = code
