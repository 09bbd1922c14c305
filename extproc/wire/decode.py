"""Envoy's messages as events. The only place, with ``encode``, that knows both."""

from __future__ import annotations

from extproc._pb import ext_proc_pb2 as pb
from extproc.exchange.events import (
    Event,
    RequestBody,
    RequestHeaders,
    RequestTrailers,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)

# Envoy uses this key whatever the filter is named.
_ATTRIBUTES = "envoy.filters.http.ext_proc"
_DETAILS = "response.code_details"


class UnknownMessage(Exception):
    """Envoy sent a message that holds none of the parts we know."""


def decode(content: bytes) -> Event:
    """The event of one message's bytes.

    Raises: DecodeError (protobuf's) for bytes that are no message; UnknownMessage.
    """
    message = pb.ProcessingRequest.FromString(content)
    kind = message.WhichOneof("request")
    if kind == "response_body":
        return ResponseBody(message.response_body.body, message.response_body.end_of_stream)
    if kind == "request_headers":
        return RequestHeaders(_headers(message.request_headers), message.request_headers.end_of_stream)
    if kind == "request_body":
        return RequestBody(message.request_body.body, message.request_body.end_of_stream)
    if kind == "response_headers":
        headers = message.response_headers
        return ResponseHeaders(_headers(headers), headers.end_of_stream, _details(message))
    if kind == "response_trailers":
        return ResponseTrailers()
    if kind == "request_trailers":
        return RequestTrailers()
    raise UnknownMessage(kind or "empty")


def _headers(message: pb.HttpHeaders) -> dict[str, str]:
    """Header values come in ``raw_value``; several of one name are joined, as HTTP says."""
    headers: dict[str, str] = {}
    for header in message.headers.headers:
        value = header.raw_value.decode("utf-8", "replace") if header.raw_value else header.value
        headers[header.key] = f"{headers[header.key]},{value}" if header.key in headers else value
    return headers


def _details(message: pb.ProcessingRequest) -> str:
    if _ATTRIBUTES not in message.attributes:
        return ""
    fields = message.attributes[_ATTRIBUTES].fields
    return fields[_DETAILS].string_value if _DETAILS in fields else ""
