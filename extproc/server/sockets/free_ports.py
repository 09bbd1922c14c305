"""Ports that nobody uses, for what is started without being told which."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from typing import Final

_PORTS: Final = range(20_000, 32_000)
"""Below Linux's ephemeral ports: otherwise a client connection could take one before its server listens."""
_TRIES: Final = 100
_GIVEN_MAX: Final = len(_PORTS) // 2
_given: set[int] = set()
"""Ports of earlier calls: nobody may listen on them yet, and they are not free all the same."""
_LOOPBACK: Final = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Distinct free loopback ports; none is one of an earlier call, until thousands were given. Raises: OSError."""
    with contextlib.ExitStack() as held:
        return [_free_port(held.enter_context(socket.socket())) for _ in range(count)]


@contextlib.contextmanager
def claimed_port(port: int) -> Iterator[int | None]:
    """Within, no other command takes this loopback port. Yields: the port; None if it is taken.

    A look alone would not do: Envoy shares its port with another Envoy of the same user, and each would get a part of
    the requests; and who looks at the same time sees the same. So a command also holds a name of the port, which ends
    with the process.
    """
    with socket.socket(socket.AF_UNIX) as name, socket.socket() as tried:
        tried.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as Envoy: connections that have ended do not count
        try:
            name.bind(f"\0llm-extproc-port-{port}")
            tried.bind((_LOOPBACK, port))
        except OSError:
            is_free = False
        else:
            is_free = True
        tried.close()
        yield port if is_free else None


def _free_port(unbound: socket.socket) -> int:
    if len(_given) >= _GIVEN_MAX:
        _given.clear()
    for port in random.sample(_PORTS, _TRIES):
        if port in _given:
            continue
        with contextlib.suppress(OSError):
            unbound.bind((_LOOPBACK, port))
            _given.add(port)
            return port
    raise OSError(f"no free port on {_LOOPBACK} between {_PORTS.start} and {_PORTS.stop}")
