"""A stream that has begun, and its events."""

from __future__ import annotations

from typing import Any

from extproc.exchange.events import (
    ResponseBody,
)
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.driver import (
    SSE,
    Conversation,
    asked,
    chat_chunk,
    request_body,
    response_headers,
)

HELLO = chat_chunk("") + chat_chunk("Hel") + chat_chunk("lo") + chat_chunk(finish="stop")


def streaming(snapshot: Snapshot, media: str = SSE, **fields: Any) -> Conversation:
    """A streamed chat up to its first event."""
    talk = asked(snapshot, body=request_body(stream=True, **fields))
    talk.hears(response_headers(media))
    return talk


def event(*parts: bytes, end: bool = False) -> ResponseBody:
    """One chunk of the stream."""
    return ResponseBody(b"".join(parts), end)
