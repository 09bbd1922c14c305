"""The sources of a configuration, compiled; ``playbooks/test_identity.py`` plays them."""

from __future__ import annotations

import pytest

from extproc.config.identity import Identity
from extproc.domain.identity import CallerIdentity
from extproc.exchange.caller import CallerSources, ClaimRefused, compile_sources, user_key_of
from extproc.exchange.credentials import CallerRequest, CredentialRefused
from tests.playbooks.callers import API_KEY, CERTIFICATE, FILES, HOP, HOPS, JWT, NOW_S, SEARCH
from tests.playbooks.driver import VERSION, snapshot_of

ALL = {"sources": [API_KEY, JWT, CERTIFICATE, HOP], "trusted_hops": HOPS, "user_hash_key_file": "users.key"}


def sources_of(**identity: object) -> CallerSources:
    """Compiled sources."""
    callers = snapshot_of(VERSION, identity=identity).callers
    assert callers is not None
    return callers


def test_without_sources_there_are_none() -> None:
    """And no key of users."""
    assert compile_sources(Identity(), {}) is None
    assert user_key_of(Identity(), {}) == b""


def test_the_headers_of_all_sources_are_hidden() -> None:
    """From filters and from model servers."""
    callers = sources_of(**ALL)
    assert callers.credential_headers == (
        "authorization",
        "x-api-key",
        "x-forwarded-client-cert",
        "x-identity-signature",
        "x-user",
    )
    seen = callers.seen_headers(
        {"authorization": "a", "x-user": "ann", "x-team": "atlas", "x-project": "maps", "x-other": "1"},
        CallerIdentity("search", tier="gold"),
    )
    assert seen == {"x-team": "search", "x-tier": "gold", "x-other": "1"}


def test_a_claim_beyond_the_identity_names_its_header_and_not_its_value() -> None:
    """For the client; the record counts it under the identity that the credential has."""
    request = CallerRequest({"x-api-key": SEARCH, "x-team": "atlas", "x-tier": "gold"}, {}, "", NOW_S)
    with pytest.raises(ClaimRefused, match="x-team") as refused:
        sources_of(sources=[API_KEY]).settle(request)
    assert refused.value.exceeded == ("team", "tier")
    assert refused.value.identity.key_id == "search-1"
    assert "atlas" not in str(refused.value)


def test_files_are_those_of_the_document() -> None:
    """By the path that it has."""
    assert set(FILES) == {"keys.yaml", "hop.key", "users.key"}
    with pytest.raises(CredentialRefused):
        sources_of(sources=[API_KEY]).settle(CallerRequest({}, {}, "", NOW_S))
