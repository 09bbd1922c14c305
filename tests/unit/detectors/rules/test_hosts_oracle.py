"""Hosts beside a parser of the WHATWG URL standard (Ada, which Node.js uses): we must read what a browser reads.

A host that a browser leads to ``evil.example`` and we do not would pass a list that denies it. What the parser refuses,
no browser opens; there our reading is free.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from typing import NamedTuple

import pytest
from ada_url import URL
from hypothesis import assume, given
from hypothesis import strategies as st

from extproc.detectors.rules.hosts import host_of

_LAST_CODE = 0x10FFFF
_UNCOMPARED = frozenset({"Cn", "Cs", "Co"})
"""Unassigned (the parser may know a newer Unicode), surrogates, private use."""


def browsers_host(written: str) -> str | None:
    """The host of ``https://WRITTEN/`` as the standard's parser sees it, None where it refuses the URL."""
    try:
        host = str(URL(f"https://{written}/").hostname)
    except ValueError:
        return None
    return host[:-1] if host.endswith(".") else host


class Difference(NamedTuple):
    """One way in which we decided otherwise, with an example."""

    written: str
    ours: str
    browsers: str
    why: str


DIFFERENCES = (
    Difference(
        "[::ffff:127.0.0.1]",
        "127.0.0.1",
        "[::ffff:7f00:1]",
        "an IPv4 address in IPv6 clothes reaches the same machine, so that lists of IPv4 addresses hold for it",
    ),
    Difference(
        "127.1..", "127.0.0.1", "127.1.", "two dots at the end resolve nowhere; some clients drop both, so we do too"
    ),
    Difference(
        "क्\u200dष.example",
        "xn--11b2ezc.example",
        "xn--11b2ezcw70k.example",
        "browsers keep a joiner behind a virama or among Arabic letters (UTS 46, CheckJoiners), clients with IDNA 2003"
        " drop it; the two names look alike, so that a list which denies one must deny both",
    ),
)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda one: ascii(one.written))
def test_where_we_decided_otherwise(difference: Difference) -> None:
    """Each still differs, and as it is written down."""
    assert host_of(difference.written) == difference.ours, difference.why
    assert browsers_host(difference.written) == difference.browsers


def _is_decided(written: str, browsers: str) -> bool:
    """Whether a difference above speaks of this host: dots, joiners."""
    return browsers.endswith(".") or ("xn--" in browsers and any(joiner in written for joiner in "\u200c\u200d"))


def test_every_character_is_read_as_a_browser_reads_it() -> None:
    """Folded, mapped, ignored or kept: all of Unicode, one by one."""
    wrong = []
    for code in range(0x80, _LAST_CODE + 1):
        character = chr(code)
        if unicodedata.category(character) not in _UNCOMPARED:
            written = f"x{character}y.example"
            browsers = browsers_host(written)
            if browsers not in (None, host_of(written)):
                wrong.append(f"U+{code:04X} {browsers!a}")
    assert wrong == []


_PIECES = st.sampled_from(
    [
        *("a", "B", "z", "0", "9", "-", "_", "xn--", "0x", ".", "。", "．", "｡", "%41", "%2e", "%E3%80%82", "%C3%A9"),
        *("é", "e\u0301", "ß", "ẞ", "ς", "Σ", "İ", "ſ", "ϲ", "𝛓", "ﬃ", "ｅ", "１", "①", "𝐀", "K", "Å", "ᾳ", "\u0345"),
        *("а", "日", "א", "م", "क", "\u094d", "\u200b", "\u200c", "\u200d", "\u00ad", "\u2060", "\u034f", "\u115f"),
        *("\u180b", "\u3164", "\ufe0f", "\U000e0100", "~", "!", "$", "&", "'", "(", ")", "=", "+", ",", "😀"),
    ]
)
_NAMES = st.builds("{}{}".format, st.lists(_PIECES, min_size=1, max_size=8).map("".join), st.sampled_from(["", ".com"]))


@given(_NAMES | st.builds("{}.example".format, st.text(max_size=6)))
def test_names_are_read_as_a_browser_reads_them(written: str) -> None:
    """However their characters stand together; the end of a host is not decided here."""
    browsers = browsers_host(written)
    if browsers and not set("/\\?#@:\t\r\n") & set(written) and not _is_decided(written, browsers):
        assert host_of(written) == browsers


_NUMBERS = st.integers(0, 1 << 33).flatmap(
    lambda number: st.sampled_from([f"{number}", f"0{number:o}", f"0x{number:x}", f"0X{number:X}"])
)
_SMALL_NUMBERS = st.integers(0, 300).flatmap(
    lambda number: st.sampled_from([f"{number}", f"0{number:o}", f"0x{number:x}"])
)


@given(st.lists(_SMALL_NUMBERS, max_size=4), _NUMBERS | _SMALL_NUMBERS | st.sampled_from(["", "0x", "08", "1e3"]))
def test_addresses_are_read_as_a_browser_reads_them(front: list[str], last: str) -> None:
    """Decimal, octal, hexadecimal, with fewer parts than four; what no address is refused by the parser."""
    written = ".".join([*front, last])
    browsers = browsers_host(written)
    if browsers and not _is_decided(written, browsers):
        assert host_of(written) == browsers


@given(st.integers(0, (1 << 128) - 1).map(ipaddress.IPv6Address), st.booleans())
def test_addresses_in_brackets_are_read_as_a_browser_reads_them(address: ipaddress.IPv6Address, long: bool) -> None:
    """Written out or short; mapped addresses are among the differences."""
    assume(address.ipv4_mapped is None)
    written = f"[{address.exploded if long else address.compressed}]"
    assert host_of(written.upper()) == browsers_host(written)
