"""IP and MAC addresses, as opposed to versions, chapters, slices and clock times of the same shape."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from extproc.detectors.pii.beginnings import begins_alone, ending_like, shaped_like, word_chars_in
from extproc.detectors.pii.gates import GateFamily
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.recognizer import Recognizer, Spans
from extproc.detectors.text.latin1 import WORD_BYTES, cue_before, latin1_pattern, stands_alone

_IPV4: Final = latin1_pattern(r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b")
_IPV6: Final = latin1_pattern(r"[0-9A-Fa-f:]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*")
_VERSION_CUE: Final = latin1_pattern(
    r"(?i)(?:\b(?:chapter|section|sec|clause|paragraph|article|appendix|figure|fig|table|versions?|ver|release|build|rev"
    r"|firmware|kapitel|abschnitt|ziffer|chapitre|secci[oó]n|cap[ií]tulo|v)[.: \xA0]{0,2}|\xA7[ \xA0]?)$"
)
_ADDRESS_CUE: Final = latin1_pattern(
    r"(?i)\b(?:ip(?:v4)?|ips|host|server|address|addr|adresse|from|login|subnet|dns|gateway|ping|ssh|curl|client|peer|node"
    r"|nameserver|router|via|https?|src|dst|source|destination)\b[^0-9]{0,12}$"
)
_LOCAL_CUE: Final = latin1_pattern(
    r"(?i)\b(?:ip|ipv6|host|address|addr|adresse|from|src|dst|listen(?:s|ing)?|bind|loopback|localhost|unspecified"
    r"|ping6?)(?:[ \xA0](?:on|to|is|ist|est|at))?[ \xA0]?[:=]?[ \xA0]?$"
)
_SECTION_NUMBER_MAX: Final = 30
_IPV6_CHARACTERS_MAX: Final = 45
_LOCAL: Final = frozenset({"::", "::1"})


def _ip_addresses(subject: bytes, text: str, begin: int) -> Spans:
    yield from _ipv6(subject, text, begin)
    for match in _IPV4.finditer(subject, begin):
        start, end = match.span()
        if stands_alone(subject, start, end) or _followed_by_prefix_length(subject, start, end):
            score = _ipv4_score(subject, text, start, end)
            if score:
                yield start, end, score


def _followed_by_prefix_length(subject: bytes, start: int, end: int) -> bool:
    return subject[end : end + 1] == b"/" and stands_alone(subject[:end], start, end)


def _ipv4_score(subject: bytes, text: str, start: int, end: int) -> float:
    """Confidence: chapters and versions have the same shape, with small numbers; 0 if this is not an address."""
    try:
        address = IPv4Address(text[start:end])
    except AddressValueError:
        return 0.0
    if cue_before(_VERSION_CUE, subject, start):
        return 0.0
    octets = address.packed
    small = max(octets) <= _SECTION_NUMBER_MAX and 0 not in octets and len(set(octets)) > 1
    if not small:
        return 0.8
    with_port = subject[end : end + 1] in (b":", b"/") and subject[end + 1 : end + 2].isdigit()
    return 0.7 if with_port or cue_before(_ADDRESS_CUE, subject, start) else 0.0


def _ipv6(subject: bytes, text: str, begin: int) -> Spans:
    for match in _IPV6.finditer(subject, begin):
        start, end = match.span()
        while end > start and subject[end - 1] in b".:" and subject[end - 2 : end] != b"::":
            end -= 1
        in_word = (start and subject[start - 1] in WORD_BYTES) or (end < len(subject) and subject[end] in WORD_BYTES)
        if in_word or end - start > _IPV6_CHARACTERS_MAX:
            continue
        candidate = text[start:end]
        if _ipv6_plausible(candidate) or (candidate in _LOCAL and cue_before(_LOCAL_CUE, subject, start)):
            yield start, end, 0.8


def _ipv6_plausible(candidate: str) -> bool:
    """Whether this is a host address: ``1::2`` is a slice, ``a::b`` a name in code, ``2001:db8::`` a network."""
    try:
        IPv6Address(candidate)
    except AddressValueError:
        return False
    if candidate.endswith("::"):
        return False
    groups = [group for group in candidate.split(":") if group]
    long_enough = len(groups) >= 3 or any(len(group) >= 4 for group in groups)
    return long_enough and any(character.isdigit() for character in candidate)


_MAC_SHAPES: Final = r"(?i)[0-9A-F]{2}(?:(?::[0-9A-F]{2}){5}|(?:-[0-9A-F]{2}){5})|[0-9A-F]{4}\.[0-9A-F]{4}\.[0-9A-F]{4}"
_MAC: Final = latin1_pattern(_MAC_SHAPES)
_NO_ONES_MAC: Final = frozenset({"000000000000", "ffffffffffff"})
"""Unspecified and broadcast addresses."""


def _mac_addresses(subject: bytes, text: str, begin: int) -> Spans:
    for match in _MAC.finditer(subject, begin):
        start, end = match.span()
        if _hex_goes_on(subject, start, end):
            continue
        compact = text[start:end].translate(_NO_SEPARATORS).lower()
        if compact not in _NO_ONES_MAC:
            yield start, end, 0.9


_NO_SEPARATORS: Final = {ord(separator): None for separator in ":-."}


def _hex_goes_on(subject: bytes, start: int, end: int) -> bool:
    """Whether this is part of a longer word or fingerprint: a separator and another digit follow or precede."""
    before, after = subject[max(0, start - 2) : start], subject[end : end + 2]
    if (before and before[-1] in WORD_BYTES) or (after and after[0] in WORD_BYTES):
        return True
    separators = b":-."
    goes_on = len(after) == 2 and after[0] in separators and after[1] in _HEX
    comes_from = len(before) == 2 and before[1] in separators and before[0] in _HEX
    return goes_on or (comes_from and subject[start + 2] == before[1])


_HEX: Final = frozenset(b"0123456789abcdefABCDEF")


# --- what a text that is cut off may end with ----------------------------------------------------------------------

_MAC_DIGITS_MIN: Final = 8


def _ipv4_begins(subject: bytes, text: str, start: int) -> bool:
    """Three octets and a dot: versions and chapters have small numbers."""
    octets = [int(octet) for octet in text[start:].rstrip(".").split(".")]
    small = max(octets) <= _SECTION_NUMBER_MAX and 0 not in octets
    plausible = max(octets) <= 255 and (not small or cue_before(_ADDRESS_CUE, subject, start))
    return plausible and begins_alone(subject, start) and not cue_before(_VERSION_CUE, subject, start)


def _ipv6_begins(subject: bytes, text: str, start: int) -> bool:
    """Four groups, more than a network's; clock times and ratios have no long ones."""
    groups = text[start:].split(":")
    in_word = start and (subject[start - 1] in WORD_BYTES or subject[start - 1] == 0x3A)
    return not in_word and any(len(group) >= 3 for group in groups) and any(map(str.isdigit, text[start:]))


def _mac_begins(subject: bytes, _text: str, start: int) -> bool:
    return word_chars_in(subject, start) >= _MAC_DIGITS_MIN and not _hex_goes_on(subject, start, len(subject))


_IP_GATE: Final = (
    r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]|(?:^|[^0-9A-Za-z:]):(?::$|:[^:0-9A-Za-z])"
)
_MAC_GATE: Final = (
    r"(?i)[0-9A-F]{2}[:\-][0-9A-F]{2}[:\-][0-9A-F]{2}[:\-][0-9A-F]{2}[:\-]|[0-9A-F]{4}\.[0-9A-F]{4}\.[0-9A-F]{4}"
)

KINDS: Final[tuple[PiiKind, ...]] = (
    PiiKind(
        "IP_ADDRESS",
        "addresses of hosts, IPv4 and IPv6",
        "three octets and a dot, or four groups",
        (Recognizer("IP_ADDRESS", _IP_GATE, _ip_addresses, GateFamily.WORDS),),
        (
            ending_like("IP_ADDRESS", r"[0-9]{1,3}(?:\.[0-9]{1,3}){2}\.$", _ipv4_begins),
            ending_like("IP_ADDRESS", r"[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){3,6}:?$", _ipv6_begins),
        ),
    ),
    PiiKind(
        "MAC_ADDRESS",
        "addresses of network cards",
        "8 digits",
        (Recognizer("MAC_ADDRESS", _MAC_GATE, _mac_addresses, GateFamily.WORDS),),
        (shaped_like("MAC_ADDRESS", _MAC_SHAPES, _mac_begins),),
    ),
)
