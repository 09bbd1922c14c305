"""Callers by API key."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from extproc.config.api_keys import parse_api_keys
from extproc.exchange.api_key_source import ApiKeySource
from extproc.exchange.credentials import CallerRequest, CredentialRefused
from tests.playbooks.callers import (
    ATLAS,
    BEFORE,
    EXPIRED,
    KEYS,
    LATE,
    NOW_S,
    REVOKED,
    ROTATED,
    SEARCH,
    STRANGER,
    TOKEN,
)

SOURCE = ApiKeySource(parse_api_keys(KEYS, "keys.yaml"), leaves_tokens=True)


def asked(headers: Mapping[str, str], utc_s: float = NOW_S) -> CallerRequest:
    """A request with these headers."""
    return CallerRequest(headers, {}, "", utc_s)


def reason(headers: Mapping[str, str], utc_s: float = NOW_S) -> tuple[str, str]:
    """Why a key is refused, and which it is."""
    with pytest.raises(CredentialRefused) as refused:
        SOURCE.identify(asked(headers, utc_s))
    return refused.value.reason, refused.value.key_id


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {ATLAS}"},
        {"authorization": f"bearer {ATLAS}"},
        {"x-api-key": ATLAS},
        {"x-api-key": f" {ATLAS} ", "authorization": f"Bearer {ATLAS}"},
        {"x-api-key": ATLAS, "authorization": f"Bearer {TOKEN}"},
    ],
)
def test_a_key_has_an_owner(headers: Mapping[str, str]) -> None:
    """In either header, or in both; a token is for another source."""
    caller = SOURCE.identify(asked(headers))
    assert caller is not None
    identity = caller.identity
    assert (identity.team, identity.project, identity.budget_code, identity.tier) == ("atlas", "maps", "b-7", "gold")
    assert (identity.key_id, identity.source) == ("atlas-1", "api_key")


def test_a_request_without_a_key_is_for_the_next_source() -> None:
    """A token too, unless there is no source for tokens."""
    assert SOURCE.identify(asked({})) is None
    assert SOURCE.identify(asked({"authorization": f"Bearer {TOKEN}"})) is None
    with pytest.raises(CredentialRefused):
        ApiKeySource((), leaves_tokens=False).identify(asked({"authorization": f"Bearer {TOKEN}"}))


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"authorization": ""}, "empty"),
        ({"authorization": "Bearer"}, "empty"),
        ({"authorization": "Basic dXNlcjpwYXNz"}, "empty"),
        ({"x-api-key": ""}, "empty"),
        ({"x-api-key": "  "}, "empty"),
        ({"authorization": f"Bearer {STRANGER}"}, "unknown"),
        ({"authorization": f"Bearer {SEARCH},{SEARCH}"}, "malformed"),
        ({"authorization": f"Bearer {SEARCH},Bearer {SEARCH}"}, "malformed"),
        ({"authorization": f"Bearer {SEARCH.lower()}"}, "malformed"),
        ({"x-api-key": SEARCH[:-1]}, "malformed"),
        ({"x-api-key": "x" * 10_000}, "unknown"),
        ({"x-api-key": "\udcff"}, "unknown"),
        ({"x-api-key": SEARCH, "authorization": f"Bearer {ATLAS}"}, "ambiguous"),
        ({"x-api-key": "", "authorization": f"Bearer {ATLAS}"}, "ambiguous"),
    ],
)
def test_a_wrong_key_is_refused(headers: Mapping[str, str], why: str) -> None:
    """Sent twice, joined, cut off, of nobody, or not there at all."""
    assert reason(headers) == (why, "")


def test_a_key_ends() -> None:
    """Revoked, expired, or after its grace; the log can say which it was."""
    assert reason({"x-api-key": REVOKED}) == ("revoked", "gone-1")
    assert reason({"x-api-key": EXPIRED}) == ("expired", "old-1")
    assert SOURCE.identify(asked({"x-api-key": EXPIRED}, NOW_S - 1)) is not None
    assert reason({"x-api-key": LATE}) == ("expired", "new-2")


def test_a_rotated_key_is_taken_until_its_grace_ends() -> None:
    """Both are of one owner, under one id."""
    old, new = (SOURCE.identify(asked({"x-api-key": key})) for key in (BEFORE, ROTATED))
    assert old == new
    assert reason({"x-api-key": BEFORE}, NOW_S + 1) == ("expired", "new-1")
    assert SOURCE.identify(asked({"x-api-key": ROTATED}, NOW_S + 1)) is not None
