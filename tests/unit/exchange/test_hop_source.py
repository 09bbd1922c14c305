"""Callers by the headers of a trusted hop."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange.credentials import CallerRequest, CredentialRefused
from extproc.exchange.hop_source import HopSource, SigningKey, signed_text
from tests.playbooks.callers import HOP_KEY, LISTENER, NOW_S, USER_KEY, signature

NAMES = ("x-team", "x-project", "x-budget-code", "x-tier")
SOURCE = HopSource(NAMES, [SigningKey("x-identity-signature", HOP_KEY, 60)], frozenset({LISTENER}), "x-user", USER_KEY)
SAID = {":method": "POST", ":path": "/v1/messages?beta=true", "x-team": "search", "x-project": "index", "x-user": "ann"}
SIGNED = {**SAID, "x-identity-signature": signature(SAID)}


def team(headers: Mapping[str, str], hop: str = "", utc_s: float = NOW_S) -> str:
    """The team; empty if the request has no credential of a hop."""
    caller = SOURCE.identify(CallerRequest(headers, {}, hop, utc_s))
    return "" if caller is None else caller.identity.team


def reason(headers: Mapping[str, str], hop: str = "", utc_s: float = NOW_S) -> str:
    """Why it is refused."""
    with pytest.raises(CredentialRefused) as refused:
        team(headers, hop, utc_s)
    return refused.value.reason


def test_signed_headers_are_believed_for_a_time() -> None:
    """Either way: clocks differ."""
    assert team(SIGNED) == "search"
    assert team(SIGNED, utc_s=NOW_S + 60) == team(SIGNED, utc_s=NOW_S - 60) == "search"
    assert reason(SIGNED, utc_s=NOW_S + 61) == reason(SIGNED, utc_s=NOW_S - 61) == "expired"


@pytest.mark.parametrize("name", [*SAID, "x-budget-code", "x-tier"])
def test_no_part_can_be_changed(name: str) -> None:
    """Method, path, and each header, also one that was not sent."""
    assert reason({**SIGNED, name: "atlas"}) == "unverified"
    if name in SAID:
        assert reason({key: value for key, value in SIGNED.items() if key != name}) == "unverified"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "malformed"),
        ("v1=00", "malformed"),
        ("t=,v1=00", "malformed"),
        ("t=-1,v1=00", "malformed"),
        ("t=١,v1=00", "malformed"),
        ("t=1e9,v1=00", "malformed"),
        (f"t={'9' * 5_000},v1=00", "malformed"),
        (f"t={NOW_S}", "unverified"),
        (f"t={NOW_S},v1=", "unverified"),
        (f"t={NOW_S},v1=é", "unverified"),
        (f"{signature(SAID)},{signature(SAID)}", "unverified"),
        (signature(SAID).upper(), "malformed"),
        (signature(SAID, key=b"another key of a hop"), "unverified"),
    ],
)
def test_another_signature_is_refused(written: str, why: str) -> None:
    """Of another key, cut off, twice, or of no time."""
    assert reason({**SIGNED, "x-identity-signature": written}) == why


VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12)
PARTS = st.fixed_dictionaries(dict.fromkeys((":method", ":path", *NAMES), VALUES))


@given(PARTS, PARTS, st.integers(0, 10**11), st.integers(0, 10**11))
def test_different_requests_have_different_texts(
    one: dict[str, str], other: dict[str, str], time_s: int, other_s: int
) -> None:
    """However a text is shared out between two values."""
    same = (one, time_s) == (other, other_s)
    assert (signed_text(time_s, one, NAMES) == signed_text(other_s, other, NAMES)) is same


@given(st.text(st.sampled_from("ab:-x"), max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_a_text_cannot_be_cut_elsewhere(text: str, cut: int, elsewhere: int) -> None:
    """Between two headers: what is taken from one and given to the next changes the signature."""
    cut, elsewhere = min(cut, len(text)), min(elsewhere, len(text))
    first = {"x-team": text[:cut], "x-project": text[cut:]}
    second = {"x-team": text[:elsewhere], "x-project": text[elsewhere:]}
    assert (signed_text(1, first, NAMES) == signed_text(1, second, NAMES)) is (cut == elsewhere)


def test_a_listener_of_its_own_is_believed() -> None:
    """Without a signature; a client's listener, or another name, is none."""
    assert team({"x-team": "atlas"}, hop=LISTENER) == "atlas"
    assert team({"x-team": "atlas"}) == team({"x-team": "atlas"}, hop="127.0.0.1:1") == ""
    assert team({}, hop=LISTENER) == ""


@pytest.mark.parametrize("value", ["x" * 10_000, "=1+1", "a\x00b", "a,b", " a", "é"])
def test_what_a_hop_says_must_be_a_name(value: str) -> None:
    """A hop may pass on what its users write."""
    assert reason({"x-team": value}, hop=LISTENER) == "unusable_claim"
    assert reason({"x-team": "atlas", "x-budget-code": value}, hop=LISTENER) == "unusable_claim"
    assert reason({"x-project": "maps"}, hop=LISTENER) == "unusable_claim"
