"""An outage under load: a model server fails while clients ask, and comes back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from extproc.demo.steady_clients import Received, SteadyClients


@dataclass(frozen=True, slots=True)
class Outage:
    """What clients received before, during and after an outage.

    Attributes:
        back_s: from the return of the server to its first answer.
    """

    received: Sequence[Received]
    back_s: float

    @property
    def errors(self) -> int:
        """Answers with an error status."""
        return sum(one.status != 200 for one in self.received)

    @property
    def cut(self) -> list[Received]:
        """Answers that broke off."""
        return [one for one in self.received if one.status == 200 and not one.complete]

    @property
    def streams(self) -> int:
        """How many of the requests asked for a stream."""
        return sum(one.streamed for one in self.received)

    @property
    def by_version(self) -> Counter[str]:
        """Answers by MODEL/VERSION that gave them."""
        return Counter(one.version for one in self.received)

    @property
    def in_short(self) -> str:
        """What clients noticed."""
        cut = f", {len(self.cut)} cut" if self.cut else ""
        return f"{self.errors} errors{cut}, back in {max(1, round(self.back_s))} s"


def fail_and_restore(
    clients: SteadyClients,
    version: str,
    fail: Callable[[], object],
    restore: Callable[[], object],
    *,
    before: int,
    during: int,
) -> float:
    """Let the server of a version (MODEL/VERSION) fail after so many answers, and restore it after so many more.

    Returns: how long it took until it answered again. [s]
    Raises: TimeoutError if it does not; ClientFailedError.
    """
    clients.until_answered(before)
    fail()
    try:
        clients.until_answered(during)
    finally:
        known, restored_s = len(clients.received), time.monotonic()
        restore()
    clients.until(lambda: any(one.version == version for one in clients.received[known:]), f"{version} answers again")
    return time.monotonic() - restored_s
