"""The section of feedback: its warning, and what Envoy sends for it. Errors: tests/config/bad/feedback.yaml."""

from __future__ import annotations

from extproc.config.forwarding import excluded_headers
from extproc.config.load import load, parse_document
from tests.unit.config.conftest import MINIMAL

LEDGER = "ledger: {}\n"
PLAIN = LEDGER + "feedback: {}\n"
NAMED = LEDGER + "feedback: { origins: ['https://chat.example.com', 'http://[::1]:3000', 'http://localhost:8080'] }\n"


def test_envoy_sends_the_origin_only_where_origins_are_named() -> None:
    """Otherwise nobody reads it."""
    for more, is_sent in ((LEDGER, False), (PLAIN, False), (NAMED, True)):
        headers, _ = excluded_headers(parse_document(MINIMAL + more, "test"))
        assert ("origin" not in headers) is is_sent


def test_named_origins_need_a_new_configuration_of_envoy() -> None:
    """Which is told; everything else works without."""
    assert load(MINIMAL + PLAIN, "c.yaml").warnings == ()
    (warning,) = load(MINIMAL + NAMED, "c.yaml").warnings
    assert str(warning).endswith(
        "warning: feedback.origins: the header `origin` needs a new Envoy configuration. Envoy keeps `origin` from the"
        " processor unless this file has `feedback.origins`: regenerate the Envoy configuration"
        " (`extproc envoy-config`) and roll it out first, or no origin is allowed."
    )
