"""Addresses as people write them (HOST:PORT, unix:/PATH) in the shape that Envoy wants."""

from __future__ import annotations

import ipaddress
from typing import Any

from extproc.envoy_config.errors import EnvoyConfigError

_ANY_TO_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}


def split_host_port(address: str) -> tuple[str, int]:
    """``"[::1]:80"`` -> ``("::1", 80)``.

    Raises: ValueError when the port is not between 1 and 65535, which the document's pattern lets through.
    """
    host, _, port = address.rpartition(":")
    number = int(port)
    if not 1 <= number <= 65_535:
        raise ValueError(f"{address!r}: the port must be between 1 and 65535")
    return host.removeprefix("[").removesuffix("]"), number


def socket_address(address: str) -> dict[str, Any]:
    """Envoy ``Address`` of a HOST:PORT."""
    host, port = split_host_port(address)
    return {"socket_address": {"address": host, "port_value": port}}


def listening_address(address: str, key: str) -> dict[str, Any]:
    """Envoy ``Address`` to listen on; ``key`` is where it was written, for the message.

    Raises: EnvoyConfigError when the host is a name, since Envoy listens on addresses only; ``localhost`` is known.
    """
    host, port = split_host_port(address)
    host = "127.0.0.1" if host == "localhost" else host
    if not is_ip(host):
        raise EnvoyConfigError(f"{key}: Envoy listens on an IP address, such as 0.0.0.0, not on the name {host!r}")
    return {"socket_address": {"address": host, "port_value": port}}


def reachable_address(listen: str) -> dict[str, Any]:
    """Envoy ``Address`` at which a server that listens on ``listen`` is reached from the same machine or pod."""
    if listen.startswith("unix:"):
        return {"pipe": {"path": listen.removeprefix("unix:")}}
    host, port = split_host_port(listen)
    return {"socket_address": {"address": _ANY_TO_LOOPBACK.get(host, host), "port_value": port}}


def discovery_type(addresses: list[dict[str, Any]]) -> str:
    """``STATIC`` when every address is a pipe or an IP, else ``STRICT_DNS``."""
    return "STATIC" if all(_needs_no_dns(address) for address in addresses) else "STRICT_DNS"


def _needs_no_dns(address: dict[str, Any]) -> bool:
    return "pipe" in address or is_ip(address["socket_address"]["address"])


def is_ip(host: str) -> bool:
    """Whether a host is an address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
