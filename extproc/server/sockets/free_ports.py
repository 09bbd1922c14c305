"""Ports that nobody uses, for what is started without being told which."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

_PORTS: Final = range(20_000, 32_000)
"""Below Linux's ephemeral ports: otherwise a client connection could take one before its server listens."""
_TRIES: Final = 100
_LOOPBACK: Final = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Distinct free loopback ports; all are held at once, so that none is returned twice. Raises: OSError."""
    with contextlib.ExitStack() as held:
        return [_free_port(held.enter_context(socket.socket())) for _ in range(count)]


def _free_port(unbound: socket.socket) -> int:
    for port in random.sample(_PORTS, _TRIES):
        with contextlib.suppress(OSError):
            unbound.bind((_LOOPBACK, port))
            return port
    raise OSError(f"no free port on {_LOOPBACK} between {_PORTS.start} and {_PORTS.stop}")
