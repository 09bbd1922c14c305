"""Checks of `otel`: TLS and its files."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from extproc.config.document import Document
from extproc.config.otel import Otel
from extproc.config.problems import KeyPath, Places, Problem, Severity

_AT: KeyPath = ("otel",)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HTTP_PORT = 4_318
_TLS_KEYS = ("ca_file", "certificate_file", "key_file")


def otel_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of OpenTelemetry in an otherwise valid document."""
    otel = document.otel
    if otel is None:
        return
    yield from _endpoint_problems(otel, places)
    if (otel.certificate_file is None) != (otel.key_file is None):
        there, missing = ("key_file", "certificate_file")
        if otel.key_file is None:
            there, missing = missing, there
        yield places.problem((*_AT, there), f"`{missing}` is missing", hint=f"Add `{missing}`.", at_key=True)


def _endpoint_problems(otel: Otel, places: Places) -> Iterator[Problem]:
    at = (*_AT, "endpoint")
    try:
        parts = urlsplit(otel.endpoint)
        host, port = parts.hostname, parts.port
    except ValueError:
        found = f"found {places.quoted(at, otel.endpoint)}"
        yield places.problem(at, found, expected="a URL with a port that exists")
        return
    if port == _HTTP_PORT:
        found, hint = "4318 is the port of OTLP over HTTP", "Write 4317, unless the collector has gRPC at this one."
        yield places.problem(at, found, hint=hint, severity=Severity.WARNING)
    if parts.scheme == "https":
        return
    for key in _TLS_KEYS:
        if getattr(otel, key) is not None:
            hint = "Write `https://`, or remove it."
            yield places.problem((*_AT, key), "the endpoint has no TLS", hint=hint, at_key=True)
    if otel.headers_file is not None and host not in _LOOPBACK:
        found, hint = "the headers go there unencrypted", "Write `https://`, if the collector has it."
        yield places.problem(at, found, hint=hint, severity=Severity.WARNING)
