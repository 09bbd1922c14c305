"""Whether the Unix sockets that a process listens on are still where Envoy looks for them.

A socket whose file was removed goes on with the connections that it has, and gets no new one: cleaners of temporary
folders do that. Nothing tells the process, so it looks.
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
"""How often, and when it could not be mended."""


class SocketFiles:
    """The files of some sockets, by their addresses; addresses of another kind have none.

    Args: bound: addresses that are bound already.
    """

    def __init__(self, *bound: str) -> None:
        self._known: dict[str, tuple[int, int] | None] = {}
        for address in bound:
            self.note(address)

    def note(self, address: str) -> None:
        """A socket has been bound to an address."""
        if address.startswith(UNIX):
            self._known[address] = _identity(address)

    def forget(self, address: str) -> None:
        """Nobody listens there for the time being, and that is known."""
        self._known.pop(address, None)

    def gone(self) -> list[str]:
        """The addresses where there is another file, or none."""
        return [address for address, known in list(self._known.items()) if known is None or _identity(address) != known]

    def problem(self) -> str:
        """What is wrong, for the readiness page; empty if nothing is."""
        gone = self.gone()
        if not gone:
            return ""
        return (
            f"server.listen: the socket file of {', '.join(gone)} was removed or replaced, so no connection arrives."
            " It is recreated within seconds where possible; otherwise restart the process. Keep cleaners of"
            " temporary files away from its folder."
        )

    async def keep(self, address: str, again: Callable[[], Awaitable[None]], logger: Any) -> None:
        """See to it that an address can be reached, until cancelled.

        Args: again: listens there anew; what it raises as AddressTaken is told, and it is tried again.
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
