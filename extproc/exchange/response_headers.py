"""Reads response headers: which version responded, the media type, and the body mode to request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from extproc.config.document import Limits
from extproc.config.models import find_version
from extproc.domain.contract import INTERNAL_HEADER_PREFIX, SERVED_VERSION_HEADER
from extproc.domain.record import SERVER_CHARS_MAX, ExchangeRecord
from extproc.exchange.events import BodyMode, HeaderChanges
from extproc.exchange.phases import Phase
from extproc.exchange.request import content_length
from extproc.exchange.snapshot import Snapshot
from extproc.payload.dialect import Dialect, UnreadableResponse
from extproc.payload.encoding import ENCODINGS, Decoder, decoder

EVENT_STREAM: Final = "text/event-stream"
_JSON: Final = "application/json"
_RETRY_AFTER: Final = "retry-after"
_WITHIN_ENVOY: Final = "envoy://"
"""Address of an internal listener, behind which is the server."""


def status_of(headers: Mapping[str, str]) -> int:
    """The status; 0 if it is not a number."""
    status = headers.get(":status", "")
    return int(status) if status.isdecimal() else 0


def media_of(headers: Mapping[str, str]) -> str:
    """The media type without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def note_served_version(record: ExchangeRecord, headers: Mapping[str, str], snapshot: Snapshot) -> None:
    """Record the version that responded, which differs after a fallback by Envoy."""
    served = find_version(snapshot.models, headers.get(SERVED_VERSION_HEADER, ""))
    if served is None:
        return
    facts, chosen = served[1].facts, record.version
    if chosen is None or (chosen.model, chosen.version) != (facts.model, facts.version):
        record.version = facts  # the chosen one stays as it is: it may have the prompt of a route


def note_server(record: ExchangeRecord, upstream: str, snapshot: Snapshot) -> None:
    """Record the server that Envoy asked. Args: upstream: its ``upstream.address``."""
    if snapshot.server:
        record.server = snapshot.server
    elif 0 < len(upstream) <= SERVER_CHARS_MAX and not upstream.startswith(_WITHIN_ENVOY):
        record.server = upstream


def decoder_of(headers: Mapping[str, str], limits: Limits) -> Decoder | None:
    """The decoder of a response; None without content-encoding. Raises: UnreadableResponse for an unknown encoding."""
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return None
    if encoding not in ENCODINGS:
        raise UnreadableResponse("the content-encoding of the response is not supported")
    return decoder(encoding, limits.decompression_ratio_max, limits.response_body_bytes_max)


def awaited(media: str, headers: Mapping[str, str], dialect: Dialect, snapshot: Snapshot) -> tuple[Phase, BodyMode]:
    """The phase in which a response's body is read, and how Envoy sends it. Raises: UnreadableResponse."""
    if not dialect.reads_responses:
        if media.startswith("text/"):
            raise UnreadableResponse("the response is text, but vectors were requested")
        length = content_length(headers)
        if media == _JSON and length is not None and length <= snapshot.limits.response_body_bytes_max:
            return Phase.BUFFERED, BodyMode.BUFFERED
        return Phase.OBSERVED, BodyMode.STREAMED
    if media == _JSON:
        return awaited_whole(headers, snapshot)
    if media == EVENT_STREAM:
        return Phase.STREAM, BodyMode.FULL_DUPLEX if snapshot.full_duplex else BodyMode.STREAMED
    raise UnreadableResponse("the response is neither JSON nor an event stream")


def awaited_error(
    media: str, headers: Mapping[str, str], dialect: Dialect, snapshot: Snapshot
) -> tuple[Phase, BodyMode]:
    """Like ``awaited``, for a server's error, which may have any media type. Raises: UnreadableResponse."""
    if media == EVENT_STREAM and dialect.reads_responses:
        return awaited(media, headers, dialect, snapshot)
    return awaited_whole(headers, snapshot)


def awaited_whole(headers: Mapping[str, str], snapshot: Snapshot) -> tuple[Phase, BodyMode]:
    """Like ``awaited``, for JSON and for errors of any kind.

    Envoy buffers a body whose declared length fits. A body over Envoy's buffer limit would hang, so any other is
    buffered here.
    """
    length = content_length(headers)
    if length is not None and length > snapshot.limits.response_body_bytes_max:
        raise UnreadableResponse("the response is too large")
    if length is not None or not snapshot.full_duplex:
        return Phase.BUFFERED, BodyMode.BUFFERED
    return Phase.HELD, BodyMode.FULL_DUPLEX


def header_changes(
    headers: Mapping[str, str], phase: Phase, snapshot: Snapshot, retry_after_s: int = 0
) -> HeaderChanges:
    """Remove headers that a server must not set, and a stream's length; a whole body's length is set with the body.

    Args: retry_after_s: when an error may be retried, if another server than the last one has said it. [s]
    """
    remove = [
        name for name in headers if name.startswith(INTERNAL_HEADER_PREFIX) and not _is_served(name, headers, snapshot)
    ]
    if phase in (Phase.STREAM, Phase.HELD):
        remove += [name for name in ("content-length", "content-encoding") if name in headers]
    waits = ((_RETRY_AFTER, str(retry_after_s)),) if retry_after_s and status_of(headers) >= 400 else ()
    return HeaderChanges(waits, tuple(remove))


def _is_served(name: str, headers: Mapping[str, str], snapshot: Snapshot) -> bool:
    """Whether a header is Envoy's report of the version that responded, which overwrites the server's own."""
    return name == SERVED_VERSION_HEADER and find_version(snapshot.models, headers[name]) is not None
