"""Callers by the claims of a token that Envoy has verified."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.config.identity import JwtClaims, JwtSection
from extproc.domain.identity import user_hash
from extproc.exchange.credentials import Caller, CallerRequest, CredentialRefused
from extproc.exchange.jwt_source import JwtClaimsSource
from tests.playbooks.callers import CLAIMS, SEARCH, TOKEN, failed, verified

SECTION = JwtSection(
    source="jwt",
    issuer="https://login.example",
    audiences=("llm",),
    claims=JwtClaims(team="team", project="project", tier="tier", user="sub"),
)
KEY = b"the key of the users"
SOURCE = JwtClaimsSource(SECTION, 0, KEY, takes_others=False)


def caller(found: dict[str, Any], **headers: str) -> Caller | None:
    """Who asks, with what Envoy says."""
    return SOURCE.identify(CallerRequest(headers, found, "", 0.0))


def reason(found: dict[str, Any], **headers: str) -> str:
    """Why a token is refused."""
    with pytest.raises(CredentialRefused) as refused:
        caller(found, **headers)
    return refused.value.reason


def test_claims_say_who_asks() -> None:
    """A list with one entry is that entry; a user is a hash; what is missing is open."""
    found = caller(verified(CLAIMS))
    assert found is not None
    identity = found.identity
    assert (identity.team, identity.project, identity.tier, identity.budget_code) == ("search", "index", "", "")
    assert identity.user == user_hash("ann@example.org", KEY)


@pytest.mark.parametrize(
    "changed",
    [
        {"team": None},
        {"team": ""},
        {"team": 7.0},
        {"team": ["search", "atlas"]},
        {"team": {"name": "search"}},
        {"team": "x" * 10_000},
        {"team": "=1+1"},
        {"team": "a\nb"},
        {"project": ["a", "b"]},
        {"tier": "gold|x"},
    ],
)
def test_a_claim_that_is_no_name_is_refused(changed: dict[str, Any]) -> None:
    """Whatever an issuer lets its users write there."""
    assert reason(verified({**CLAIMS, **changed})) == "unusable_claim"


def test_a_token_that_envoy_has_not_verified_is_refused() -> None:
    """Also if Envoy says nothing, as its configuration is another one."""
    assert reason({}, authorization=f"Bearer {TOKEN}") == "unverified"
    assert reason(failed("Jwt is expired"), authorization=f"Bearer {TOKEN}") == "expired"
    assert reason(failed("Jwt not yet valid"), authorization=f"Bearer {TOKEN}") == "not_yet_valid"
    assert reason({"llm_failure_0": "odd"}, authorization=f"Bearer {TOKEN}") == "unverified"


def test_without_a_token_the_next_source_is_asked() -> None:
    """A key is no token, and another issuer's token is for its source; where no other takes a key, it is refused."""
    assert caller({}) is None
    assert caller({}, authorization=f"Bearer {SEARCH}") is None
    assert caller(verified(CLAIMS, 1), authorization=f"Bearer {TOKEN}") is None
    first = JwtClaimsSource(SECTION, 0, KEY, takes_others=False, is_last=False)
    other = failed("Jwt issuer is not configured")
    assert first.identify(CallerRequest({"authorization": f"Bearer {TOKEN}"}, other, "", 0.0)) is None
    assert reason(other, authorization=f"Bearer {TOKEN}") == "not_for_us"
    alone = JwtClaimsSource(SECTION, 0, KEY, takes_others=True)
    with pytest.raises(CredentialRefused):
        alone.identify(CallerRequest({"authorization": f"Bearer {SEARCH}"}, {}, "", 0.0))
