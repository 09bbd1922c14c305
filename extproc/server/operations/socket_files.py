"""Monitors whether the Unix sockets of the process are still reachable under their paths.

A socket whose file was removed keeps its connections but gets no new ones; cleaners of temporary folders cause that.
There is no notification for it, so it is polled.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from extproc.server.operations.process import in_own_thread
from extproc.server.sockets.address import UNIX, AddressTaken

LOOK_S = 1.0
RETRY_S = 10.0
"""Polling interval, and retry interval after a failed repair."""


class SocketFiles:
    """The files of some sockets, by address; other kinds of addresses have none.

    Args: bound: addresses that are already bound.
    """

    def __init__(self, *bound: str) -> None:
        self._known: dict[str, tuple[int, int] | None] = {}
        for address in bound:
            self.note(address)

    def note(self, address: str) -> None:
        """Record that a socket was bound to an address."""
        if address.startswith(UNIX):
            self._known[address] = _identity(address)

    def forget(self, address: str) -> None:
        """Ignore an address that deliberately has no listener for now."""
        self._known.pop(address, None)

    def gone(self) -> list[str]:
        """Addresses whose file is missing or was replaced."""
        return [address for address, known in list(self._known.items()) if known is None or _identity(address) != known]

    def problem(self) -> str:
        """The problem, for the readiness page; empty if there is none."""
        gone = self.gone()
        if not gone:
            return ""
        return (
            f"server.listen: the socket file of {', '.join(gone)} was removed or replaced, so no connection arrives."
            " It is recreated within seconds where possible; otherwise restart the process. Keep cleaners of"
            " temporary files away from its folder."
        )

    async def keep(self, address: str, again: Callable[[], Awaitable[None]], logger: Any) -> None:
        """Keep an address reachable, until cancelled.

        Args: again: binds it again; an AddressTaken is logged, and retried.
        """
        if not address.startswith(UNIX):
            return
        told = ""
        while True:
            await asyncio.sleep(RETRY_S if told else LOOK_S)
            if address not in await in_own_thread(self.gone):
                continue
            try:
                await again()
            except AddressTaken as taken:
                if told != str(taken):
                    told = str(taken)
                    logger.error("socket file gone and not recreated", listen=address, problem=told)
            else:
                self.note(address)
                told = ""
                logger.warning("socket file was gone and has been recreated", listen=address)


def _identity(address: str) -> tuple[int, int] | None:
    try:
        status = os.stat(address.removeprefix(UNIX))
    except OSError:
        return None
    return status.st_dev, status.st_ino
