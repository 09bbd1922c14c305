"""Ports that nobody uses."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

_PORTS: Final = range(20_000, 32_000)
"""Below Linux's ephemeral ports: otherwise a client connection could take one before its server listens."""
_TRIES: Final = 100


def free_port(host: str) -> int:
    """A port that is free at the moment. Raises: OSError."""
    for port in random.sample(_PORTS, _TRIES):
        with contextlib.suppress(OSError), socket.socket() as tried:
            tried.bind((host, port))
            return port
    raise OSError(f"no free port on {host} between {_PORTS.start} and {_PORTS.stop}")
