"""One stream: what is known of it while it is not closed in both directions."""

from __future__ import annotations

from collections import deque

NOTHING = bytearray()
"""What has come of a message of which nothing has come; never changed."""


class Stream:
    """Windows, the unfinished message that is coming in, and what waits to go out.

    ``partial`` is the beginning of a message without its prefix, and ``missing_bytes`` what it lacks; when nothing is
    missing, ``partial`` is the beginning of a prefix. ``trailers`` is set when the stream has been finished but its
    output has not all gone; then what comes in is dropped.
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
        self.send_window = send_window  # below zero after the peer has made its initial window smaller
        self.unreturned_bytes = 0  # received and not yet given back to the peer's window
        self.content_bytes = content_bytes  # still to come, as content-length says; below zero if it says nothing
        self.partial = NOTHING
        self.missing_bytes = 0
        self.output: deque[memoryview] | None = None  # most streams never wait
        self.output_bytes = 0
        self.stalled_ns = 0  # when it was first seen that none of it was taken; 0 after some was
        self.held = False  # the application does not take more for now
        self.headers_sent = False
        self.remote_closed = False
        self.trailers: bytes | None = None
