"""URL hosts as browsers parse them, and lists of allowed hosts.

A host has many spellings: capitals, percent escapes, full-width letters, invisible characters or ideographic dots, or a
number. ``host_of`` normalizes them all. Source: WHATWG URL (host parsing, IPv4 parser), UTS 46 without its transitional
mapping. The tests compare every character with a parser of the standard.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

_DOTS: Final = {ord(dot): "." for dot in "。．｡"}
_MAPPED_FIRST: Final = _DOTS | {0x0345: "ι"} | dict.fromkeys(map(ord, "ϲ𝛓𝜍𝝇𝞁𝞻"), "σ")
"""What normalization would reorder or take for a final sigma before it is folded."""
_IGNORED_CATEGORIES: Final = frozenset({"Cf", "Cc", "Cs"})
_IGNORED_OTHERS: Final = frozenset({
    0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0,
    *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0),
})  # fmt: skip
"""Fillers, joiners and variation selectors, which are invisible and no format characters."""
_FOLDED: Final = {ord("ẞ"): "ß"} | {ord(character): character for character in "ßς"}
"""What UTS 46 folds otherwise than case folding does."""

_IPV4_PARTS_MAX: Final = 4
_IPV4_BITS: Final = 32
_IPV4_DIGITS_MAX: Final = 40
_DIGITS: Final = "0123456789abcdef"


def host_of(written: str) -> str:
    """The host as ASCII in lower case, without a trailing dot; an IP address in canonical form, IPv6 in brackets."""
    if written.startswith("["):
        return _ipv6(written[1:].partition("]")[0])
    host = unquote(written) if "%" in written else written
    labels = (host.lower() if host.isascii() else _mapped(host)).rstrip(".").split(".")
    return _ipv4(labels) or ".".join(map(_ascii_label, labels))


def _mapped(host: str) -> str:
    """The host by the mapping table of UTS 46: compatibility forms plain, case folded, invisible characters gone."""
    composed = unicodedata.normalize("NFKC", host.translate(_MAPPED_FIRST)).translate(_DOTS)
    folded = "".join(_FOLDED.get(ord(one)) or one.casefold() for one in composed if not _is_ignored(one))
    return unicodedata.normalize("NFKC", folded)


def _is_ignored(character: str) -> bool:
    return unicodedata.category(character) in _IGNORED_CATEGORIES or ord(character) in _IGNORED_OTHERS


def _ascii_label(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")


def _ipv6(written: str) -> str:
    try:
        address = ipaddress.IPv6Address(written.partition("%")[0])
    except ValueError:
        return f"[{written.lower()}]"
    return str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address.compressed}]"


def _ipv4(labels: list[str]) -> str | None:
    """Four numbers, or fewer with the last one filling up; each decimal, octal or hexadecimal."""
    if not labels[-1][:1].isdigit() or len(labels) > _IPV4_PARTS_MAX:
        return None
    numbers = [_number(label) for label in labels]
    last = numbers[-1]
    address = 0
    for number in numbers[:-1]:
        if number is None or number > 255:
            return None
        address = (address << 8) | number
    last_bits = _IPV4_BITS - 8 * (len(numbers) - 1)
    if last is None or last >= 1 << last_bits:
        return None
    return str(ipaddress.IPv4Address((address << last_bits) | last))


def _number(label: str) -> int | None:
    base = 16 if label.startswith("0x") else 8 if label.startswith("0") and len(label) > 1 else 10
    digits = label[2:] if base == 16 else label
    if not label or len(digits) > _IPV4_DIGITS_MAX or digits.strip(_DIGITS[:base]):
        return None
    return int(digits or "0", base)


def is_ip_address(host: str) -> bool:
    """Whether a host, as normalized by ``host_of``, is an IP address."""
    if host.startswith("["):
        return True
    parts = host.split(".")
    return len(parts) == _IPV4_PARTS_MAX and all(part.isdecimal() for part in parts)


class HostList:
    """Hosts including subdomains: ``example.org`` matches ``www.example.org``, but not ``badexample.org``."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(map(host_of, hosts))
        self._names = frozenset(host for host in self._hosts if not is_ip_address(host))

    def has(self, host: str) -> bool:
        """Whether a host, as normalized by ``host_of``, is one of them or a subdomain."""
        if host in self._hosts:
            return True
        dot = host.find(".")
        while dot >= 0:
            if host[dot + 1 :] in self._names:
                return True
            dot = host.find(".", dot + 1)
        return False


class HostRules:
    """Hosts that may occur in URLs. ``allow`` is None if all are allowed that are not denied."""

    def __init__(self, allow: Iterable[str] | None, deny: Iterable[str], ip_addresses: bool) -> None:
        self._allowed = None if allow is None else HostList(allow)
        self._named = HostList(allow or ())
        self._denied = HostList(deny)
        self._ip_addresses = ip_addresses

    def permit(self, written: str) -> bool:
        """Whether a host is permitted, in any spelling."""
        host = host_of(written)
        if self._denied.has(host):
            return False
        if is_ip_address(host) and not self._ip_addresses:
            return self._named.has(host)
        return self._allowed is None or self._allowed.has(host)
