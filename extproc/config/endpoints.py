"""Endpoints of versions, HOST:PORT."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence


def is_name(endpoint: str) -> bool:
    """Whether the host is a name, not an IP address."""
    try:
        ipaddress.ip_address(endpoint.rpartition(":")[0].strip("[]"))
    except ValueError:
        return True
    return False


def may_be_several(endpoints: Sequence[str]) -> bool:
    """Whether there may be more than one server: a name may have several addresses."""
    return len(endpoints) > 1 or any(is_name(endpoint) for endpoint in endpoints)


def host_and_port(address: str) -> tuple[str, int]:
    """Host without brackets, and port."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
