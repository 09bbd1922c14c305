"""The addresses of an endpoint that is a name."""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

from extproc.config.endpoints import host_and_port

RESOLVE_S: Final = 5.0
"""How often a name is resolved: as Envoy does by default."""
ADDRESSES_MAX: Final = 128
"""Of one name; further ones are left to Envoy."""


def addresses_of(endpoint: str) -> tuple[str, ...]:
    """IP:PORT of each address of a name, in order. Blocks.

    As in Envoy: IPv4 only if there is no IPv6. Raises: OSError.
    """
    host, port = host_and_port(endpoint)
    try:
        answer = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # of an empty or overlong part
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from error
    found = {(family, str(at[0])) for family, *_, at in answer}
    v6 = sorted(f"[{address}]:{port}" for family, address in found if family == socket.AF_INET6 and "%" not in address)
    v4 = sorted(f"{address}:{port}" for family, address in found if family == socket.AF_INET)
    return tuple((v6 or v4)[:ADDRESSES_MAX])
