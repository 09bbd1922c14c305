"""Envoy's messages, made for tests."""

from __future__ import annotations

from typing import Any

from extproc._pb import ext_proc_pb2 as pb
from extproc.exchange.events import Event
from extproc.wire.decode import decode

ENVOYS = "envoy.filters.http.ext_proc"
"""Under which Envoy sends attributes."""


def decoded(message: pb.ProcessingRequest) -> Event:
    """The event of a message that Envoy sends."""
    return decode(message.SerializeToString())


def header_map(*headers: tuple[str, bytes]) -> pb.HeaderMap:
    """Headers as Envoy sends them: values in ``raw_value``."""
    return pb.HeaderMap(headers=[pb.HeaderValue(key=key, raw_value=value) for key, value in headers])


def with_headers(*headers: tuple[str, bytes], end: bool = False) -> pb.HttpHeaders:
    """A headers message."""
    return pb.HttpHeaders(headers=header_map(*headers), end_of_stream=end)


def request_with(name: str, part: Any) -> pb.ProcessingRequest:
    """A message with one part."""
    parts: dict[str, Any] = {name: part}
    return pb.ProcessingRequest(**parts)
