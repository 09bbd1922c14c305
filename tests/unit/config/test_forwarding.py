"""Which headers Envoy withholds from the processor."""

from __future__ import annotations

import pytest

from extproc.config.forwarding import TRACE_HEADERS, excluded_headers
from extproc.config.load import parse_document
from tests.unit.server.envoy import CONFIG


@pytest.mark.parametrize(("otel", "withheld"), [("", True), ("otel: { endpoint: 'http://127.0.0.1:4317' }", False)])
def test_headers_of_traces_come_where_spans_are_made(otel: str, withheld: bool) -> None:
    """Otherwise nothing reads them."""
    headers, _ = excluded_headers(parse_document(CONFIG + otel, "test"))
    assert (set(TRACE_HEADERS) <= set(headers)) is withheld
    assert set(TRACE_HEADERS).isdisjoint(headers) is not withheld
    assert "authorization" in headers
