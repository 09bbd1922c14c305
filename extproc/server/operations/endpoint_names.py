"""The addresses of endpoints that are names: Envoy's load balancer knows its hosts by address alone.

Envoy resolves the same names itself. Where the two differ, a pick names a host that Envoy does not have, and Envoy
picks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from extproc.config.endpoints import is_name
from extproc.model_servers.resolve import RESOLVE_S, addresses_of
from extproc.server.operations.process import in_own_thread


@dataclass(slots=True)
class _Name:
    """The last good addresses, when they were last asked for, and the question that is under way."""

    addresses: tuple[str, ...] = ()
    asked_s: float = float("-inf")
    asking: asyncio.Task[None] | None = None


class EndpointNames:
    """Names that are asked for again and again, each by one thread at a time.

    Args: tell: is called on the event loop with an answer that differs from the last one.
    """

    def __init__(
        self,
        tell: Callable[[str, tuple[str, ...]], None],
        resolve: Callable[[str], tuple[str, ...]] = addresses_of,
    ) -> None:
        self._tell = tell
        self._resolve = resolve
        self._names: dict[str, _Name] = {}

    def addresses(self, endpoints: Iterable[str]) -> set[str]:
        """The addresses of all endpoints, as far as they are known; asks for those of names where it is time."""
        names = {endpoint for endpoint in endpoints if is_name(endpoint)}
        for gone in self._names.keys() - names:
            self._forget(gone)
        found = {endpoint for endpoint in endpoints if endpoint not in names}
        for name in names:
            known = self._names.setdefault(name, _Name())
            found.update(known.addresses)
            if known.asking is None and time.monotonic() - known.asked_s >= RESOLVE_S:
                known.asking = asyncio.create_task(self._ask(name, known))
        return found

    def close(self) -> None:
        """Wait for no answer any more."""
        for name in list(self._names):
            self._forget(name)

    def _forget(self, name: str) -> None:
        known = self._names.pop(name)
        if known.asking is not None:
            known.asking.cancel()

    async def _ask(self, name: str, known: _Name) -> None:
        known.asked_s = time.monotonic()
        try:
            addresses = await in_own_thread(partial(self._resolve, name))
        except OSError:
            return  # the last good addresses stay, as in Envoy
        finally:
            known.asking = None
        if addresses and addresses != known.addresses:
            known.addresses = addresses
            self._tell(name, addresses)
