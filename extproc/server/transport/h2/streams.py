"""The state of one stream that is not closed in both directions."""

from __future__ import annotations

from collections import deque
from typing import Final

NOTHING: Final = bytearray()
"""Shared empty buffer; never modified."""


class Stream:
    """Windows, the incomplete incoming message, and pending output.

    ``partial`` is the beginning of a message without its prefix, and ``missing_bytes`` the rest; when nothing is
    missing, ``partial`` is the beginning of a prefix. ``trailers`` is set when the stream is finished but has
    pending output; then input is dropped.
    """

    __slots__ = (
        "content_bytes",
        "headers_sent",
        "held",
        "missing_bytes",
        "output",
        "output_bytes",
        "partial",
        "receive_window",
        "remote_closed",
        "send_window",
        "stalled_ns",
        "stream_id",
        "trailers",
        "unreturned_bytes",
    )

    def __init__(self, stream_id: int, receive_window: int, send_window: int, content_bytes: int = -1) -> None:
        self.stream_id = stream_id
        self.receive_window = receive_window
        self.send_window = send_window  # negative after the peer has reduced its initial window
        self.unreturned_bytes = 0  # received and not yet returned to the peer's window
        self.content_bytes = content_bytes  # rest of content-length; negative without one
        self.partial = NOTHING
        self.missing_bytes = 0
        self.output: deque[memoryview] | None = None  # most streams never wait
        self.output_bytes = 0
        self.stalled_ns = 0  # when it was first seen that the peer read nothing; 0 after it read some
        self.held = False  # paused by the application
        self.headers_sent = False
        self.remote_closed = False
        self.trailers: bytes | None = None
