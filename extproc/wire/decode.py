"""Decodes Envoy's messages into events.

Response chunks, which most messages are, and headers are parsed by hand if they are encoded in the usual way: that
takes about half the time. Everything else is parsed by the protobuf library; both must agree (tests/unit/wire).
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.struct_pb2 import Struct, Value

from extproc._pb import ext_proc_pb2 as pb
from extproc.domain.contract import JWT_NAMESPACE
from extproc.exchange.events import (
    Event,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.wire.header_map import read_header_map

# Envoy uses this key regardless of the filter's name.
_ATTRIBUTES: Final = "envoy.filters.http.ext_proc"
_DETAILS: Final = "response.code_details"
_UPSTREAM: Final = "upstream.address"
# Tags of length-delimited fields. Source: protobuf.dev, "Encoding".
_RESPONSE_BODY: Final = pb.ProcessingRequest.RESPONSE_BODY_FIELD_NUMBER << 3 | 2
_METADATA: Final = pb.ProcessingRequest.METADATA_CONTEXT_FIELD_NUMBER << 3 | 2
_BODY: Final = pb.HttpBody.BODY_FIELD_NUMBER << 3 | 2
_REQUEST_HEADERS: Final = pb.ProcessingRequest.REQUEST_HEADERS_FIELD_NUMBER << 3 | 2
_RESPONSE_HEADERS: Final = pb.ProcessingRequest.RESPONSE_HEADERS_FIELD_NUMBER << 3 | 2
_HEADER_MAP: Final = pb.HttpHeaders.HEADERS_FIELD_NUMBER << 3 | 2
_END: Final = bytes([pb.HttpHeaders.END_OF_STREAM_FIELD_NUMBER << 3, 1])
_NOTHING_MORE: Final = pb.ProcessingRequest()


class UnknownMessage(Exception):
    """Envoy sent a message without any known part."""


def decode(content: bytes) -> Event:
    """Decode one message.

    Raises: DecodeError (protobuf's) for invalid bytes; UnknownMessage.
    """
    chunk = plain_chunk(content)
    if chunk is not None:
        return ResponseBody(chunk, False)
    if content[:1] in _HEADERS:
        event = _plain_headers(content)
        if event is not None:
            return event
    return parsed(content)


def parsed(content: bytes) -> Event:
    """The same by the protobuf library alone. Raises: as ``decode``."""
    message = pb.ProcessingRequest.FromString(content)
    kind = message.WhichOneof("request")
    if kind == "response_body":
        return ResponseBody(message.response_body.body, message.response_body.end_of_stream)
    if kind == "request_headers":
        return RequestHeaders(
            _headers(message.request_headers), message.request_headers.end_of_stream, _verified(message)
        )
    if kind == "request_body":
        return RequestBody(message.request_body.body, message.request_body.end_of_stream)
    if kind == "response_headers":
        headers = message.response_headers
        return ResponseHeaders(_headers(headers), headers.end_of_stream, *_attributes(message))
    if kind == "response_trailers":
        return ResponseTrailers()
    if kind == "request_trailers":
        return RequestTrailers()
    raise UnknownMessage(kind or "empty")


_HEADERS: Final = bytes([_REQUEST_HEADERS]), bytes([_RESPONSE_HEADERS])


def _plain_headers(content: bytes) -> RequestHeaders | ResponseHeaders | None:
    """A message that begins with headers below 16 KiB, as Envoy encodes them; otherwise None. Raises: DecodeError."""
    size = len(content)
    if size < 5:
        return None
    at, left = _length(content, 1)
    end = at + left
    if end > size or left < 3 or content[at] != _HEADER_MAP:
        return None
    at, left = _length(content, at + 1)
    map_end = at + left
    if map_end > end:
        return None
    is_last = map_end != end
    if is_last and content[map_end:end] != _END:
        return None
    headers = read_header_map(content, at, map_end)
    if headers is None:
        return None
    more = pb.ProcessingRequest.FromString(content[end:]) if end < size else _NOTHING_MORE
    if more.WhichOneof("request") is not None:
        return None
    if content[0] == _REQUEST_HEADERS:
        return RequestHeaders(headers, is_last, _verified(more))
    return ResponseHeaders(headers, is_last, *_attributes(more))


def plain_chunk(content: bytes) -> bytes | None:
    """The body of a message that is only a response chunk below 16 KiB and not the last one; otherwise None.

    With tokens, Envoy repeats their claims after each chunk: they are not read.
    """
    size = len(content)
    if not 5 <= size < 1 << 14 or content[0] != _RESPONSE_BODY:
        return None
    # Lengths are read as ``_length`` does, written out: this runs for each event of a stream.
    at, left = 2, content[1]
    if left >= 0x80:
        at, left = 3, left & 0x7F | content[2] << 7
    end = at + left
    if end != size and not _is_metadata(content, end):
        return None
    if left < 3 or content[at] != _BODY:
        return None
    left, at = content[at + 1], at + 2
    if left >= 0x80:
        left, at = left & 0x7F | content[at] << 7, at + 1
    return content[at:end] if at + left == end else None


def _is_metadata(content: bytes, at: int) -> bool:
    """Whether the rest of a message is metadata alone."""
    if at > len(content) - 3 or content[at] != _METADATA:
        return False
    at, left = _length(content, at + 1)
    return at + left == len(content)


def _length(content: bytes, at: int) -> tuple[int, int]:
    """The start of a field whose length is at ``at``, and that length [bytes]: a varint of one or two bytes."""
    low = content[at]
    return (at + 1, low) if low < 0x80 else (at + 2, low & 0x7F | content[at + 1] << 7)


def _headers(message: pb.HttpHeaders) -> dict[str, str]:
    """Header values are in ``raw_value``; several with one name are joined, as HTTP specifies."""
    headers: dict[str, str] = {}
    for header in message.headers.headers:
        value = header.raw_value.decode("utf-8", "replace") if header.raw_value else header.value
        headers[header.key] = f"{headers[header.key]},{value}" if header.key in headers else value
    return headers


def _verified(message: pb.ProcessingRequest) -> dict[str, Any] | None:
    """What Envoy's JWT filter has found; None without it."""
    if not message.HasField("metadata_context"):
        return None
    found = message.metadata_context.filter_metadata
    return _plain_struct(found[JWT_NAMESPACE]) if JWT_NAMESPACE in found else None


def _plain_struct(struct: Struct) -> dict[str, Any]:
    return {name: _plain(value) for name, value in struct.fields.items()}


def _plain(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _plain_struct(value.struct_value)
    if kind == "list_value":
        return [_plain(one) for one in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


def _attributes(message: pb.ProcessingRequest) -> tuple[str, str]:
    """The details and the upstream of an answer."""
    found = message.attributes.get(_ATTRIBUTES)
    if found is None:
        return "", ""
    get = found.fields.get
    details, upstream = get(_DETAILS), get(_UPSTREAM)
    return "" if details is None else details.string_value, "" if upstream is None else upstream.string_value
