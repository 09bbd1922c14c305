"""Hosts: every way of writing one leads to the same form, and lists are of labels, not of letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.rules.hosts import HostList, HostRules, host_of, is_ip_address


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("ex%61mple.org", "example.org"),
        ("ｅｘａｍｐｌｅ．org", "example.org"),
        ("example。org", "example.org"),
        ("exam\u00adple\u200b.org", "example.org"),
        ("exam\u034fple\u3164.org", "example.org"),
        ("ex\u180bample\u115f.org\U000e0100", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),  # browsers no longer take it for strasse
        ("STRAẞE.example", "xn--strae-oqa.example"),
        ("ᾳ.example", "xn--mxaq.example"),
        ("ϲ.example", "xn--4xa.example"),
        ("аpple.com", "xn--pple-43d.com"),
        ("127.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0x0xa", "0x0xa"),
        ("0o7", "0o7"),
        ("1_0", "1_0"),
        ("1..2", "1..2"),
        ("0x", "0.0.0.0"),
        ("[::1]", "[::1]"),
        ("[0:0::0:1]", "[::1]"),
        ("[::FFFF:127.0.0.1]", "127.0.0.1"),
        ("[no]", "[no]"),
        ("1.2.3.4.5", "1.2.3.4.5"),
        ("256.0.0.1", "256.0.0.1"),
        ("3com.example", "3com.example"),
    ],
)
def test_a_host_has_one_form(written: str, host: str) -> None:
    """As browsers understand it."""
    assert host_of(written) == host


@given(st.text(max_size=30) | st.from_regex(r"[0-9a-fx.]{1,20}", fullmatch=True))
def test_any_text_has_a_form(written: str) -> None:
    """Whatever stands in the place of a host; and it is ASCII, unless it stands in brackets."""
    host = host_of(written)
    assert host.isascii() or host.startswith("[")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[no]"])
def test_addresses_are_told_from_names(host: str) -> None:
    """Also those that are none, in brackets."""
    assert is_ip_address(host)
    assert not is_ip_address("example.org")


@pytest.mark.parametrize(
    ("host", "listed"),
    [
        ("example.org", True),
        ("www.example.org", True),
        ("badexample.org", False),
        ("example.org.evil.net", False),
        ("org", False),
        ("xn--bcher-kva.example", True),
        ("10.0.0.1", True),
        ("9.10.0.0.1", False),
    ],
)
def test_a_list_holds_hosts_and_those_under_them(host: str, listed: bool) -> None:
    """Label by label; an address is only itself."""
    assert HostList(["Example.org", "bücher.example", "10.0.0.1"]).has(host) == listed


@pytest.mark.parametrize(
    ("allow", "deny", "ip_addresses", "host", "permitted"),
    [
        (None, [], False, "example.org", True),
        (None, ["example.org"], False, "a.example.org", False),
        (["example.org"], [], False, "example.net", False),
        (["example.org"], ["a.example.org"], False, "a.example.org", False),
        (None, [], False, "10.0.0.1", False),
        (None, [], True, "10.0.0.1", True),
        (["10.0.0.1"], [], False, "167772161", True),
        (["example.org"], [], True, "10.0.0.1", False),
        ([], [], False, "example.org", False),
    ],
)
def test_what_is_denied_is_denied_though_it_is_allowed(
    allow: list[str] | None, deny: list[str], ip_addresses: bool, host: str, permitted: bool
) -> None:
    """An address must be allowed as such, or by name."""
    assert HostRules(allow, deny, ip_addresses).permit(host) == permitted
