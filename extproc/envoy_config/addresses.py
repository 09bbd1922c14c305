"""Converts addresses (HOST:PORT, unix:/PATH) to Envoy's format."""

from __future__ import annotations

import ipaddress
from typing import Any

from extproc.envoy_config.errors import EnvoyConfigError

_ANY_TO_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}


def split_host_port(address: str) -> tuple[str, int]:
    """``"[::1]:80"`` -> ``("::1", 80)``.

    Raises: ValueError for a port outside of 1 to 65535, which the document's pattern allows.
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
    """Envoy ``Address`` to listen on; ``key`` is its configuration key, for the message.

    Raises: EnvoyConfigError for a host name, since Envoy listens on addresses only; ``localhost`` is allowed.
    """
    host, port = split_host_port(address)
    host = "127.0.0.1" if host == "localhost" else host
    if not is_ip(host):
        raise EnvoyConfigError(f"{key}: Envoy listens on an IP address, such as 0.0.0.0, not on the name {host!r}")
    return {"socket_address": {"address": host, "port_value": port}}


def reachable_address(listen: str) -> dict[str, Any]:
    """Envoy ``Address`` to reach a server on the same machine or pod that listens on ``listen``."""
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
    """Whether a host is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
