"""Callers by the certificate that Envoy forwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.identity import CertificateCaller
from extproc.exchange.certificate_source import CertificateSource, elements_of
from extproc.exchange.credentials import CallerRequest, CredentialRefused

SOURCE = CertificateSource(
    [
        CertificateCaller(san="spiffe://example/ns/search/*", team="search"),
        CertificateCaller(san="atlas.example", team="atlas", tier="gold"),
    ]
)
PAIRS = st.lists(st.tuples(st.sampled_from(["uri", "dns", "hash", "by", "subject"]), st.text()), min_size=1, max_size=4)


def team(forwarded: str) -> str:
    """The team of a certificate; empty if the request has none."""
    caller = SOURCE.identify(CallerRequest({"x-forwarded-client-cert": forwarded}, {}, "", 0.0))
    return "" if caller is None else caller.identity.team


def reason(forwarded: str) -> str:
    """Why it is refused."""
    with pytest.raises(CredentialRefused) as refused:
        team(forwarded)
    return refused.value.reason


def test_a_name_of_the_certificate_has_a_team() -> None:
    """URI or DNS name, exact or by its beginning; without a certificate the next source is asked."""
    assert team("By=spiffe://x;Hash=1a;URI=spiffe://example/ns/search/sa/index") == "search"
    assert team("Hash=1a;DNS=other.example;DNS=atlas.example") == "atlas"
    assert team('hash=1a;dns="atlas.example"') == "atlas"
    assert team("") == ""
    assert SOURCE.identify(CallerRequest({}, {}, "", 0.0)) is None


@pytest.mark.parametrize(
    ("forwarded", "why"),
    [
        ("Hash=1a;URI=spiffe://example/ns/searching/sa/x", "unknown"),
        ("Hash=1a;DNS=atlas.example.org", "unknown"),
        ("Hash=1a;Subject=atlas.example", "unknown"),
        ("By=atlas.example;Hash=1a", "unknown"),
        ('Hash=1a;Subject="x;DNS=atlas.example"', "unknown"),
        ('Hash=1a;Subject="x\\";DNS=atlas.example"', "unknown"),
        ("DNS=atlas.example,DNS=atlas.example", "ambiguous"),
        ("DNS=other.example,DNS=atlas.example", "ambiguous"),
        ("atlas.example", "malformed"),
        ('DNS="atlas.example', "malformed"),
        ('DNS="atlas.example"x', "malformed"),
        ("DNS=atlas.example,", "malformed"),
    ],
)
def test_another_certificate_is_refused(forwarded: str, why: str) -> None:
    """A name that only looks like it, a name in another pair, and more than one certificate."""
    assert reason(forwarded) == why


@given(st.lists(PAIRS, min_size=1, max_size=3))
def test_what_envoy_writes_is_read(elements: list[list[tuple[str, str]]]) -> None:
    """With quoted values of any text."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    written = ",".join(";".join(f"{key}={quoted(value)}" for key, value in pairs) for pairs in elements)
    assert list(elements_of(written)) == elements


@given(st.text(st.sampled_from('a=;,"\\ ')))
def test_any_text_is_read_or_refused(text: str) -> None:
    """In one of two ways."""
    try:
        assert list(elements_of(text))
    except ValueError:
        return
