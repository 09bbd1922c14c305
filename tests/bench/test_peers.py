"""Peers are set up to guard; that they do was seen by hand, with the versions of the day (docs/benchmarks.md)."""

from __future__ import annotations

import pytest

from tests.bench import peers


@pytest.mark.parametrize("name", [peers.CONTENT_FILTER, peers.PRESIDIO])
def test_a_guarded_peer_guards_both_directions_of_every_request(name: str) -> None:
    """Without being asked by a request."""
    (guardrail,) = peers._configuration(name, "127.0.0.1:1", "127.0.0.1:2")["guardrails"]
    parameters = guardrail["litellm_params"]
    assert parameters["default_on"] is True
    assert parameters["mode"] == ["pre_call", "post_call"]


def test_a_plain_peer_guards_nothing() -> None:
    """It is what the ratios without guards are of."""
    assert peers._configuration(peers.PLAIN, "127.0.0.1:1", "127.0.0.1:2")["guardrails"] == []
