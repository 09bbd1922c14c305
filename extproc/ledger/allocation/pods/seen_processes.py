"""Which processes a server has had, as its samples show: each may be that of another pod, with other GPUs."""

from __future__ import annotations

from collections import deque
from typing import Final

from extproc.allocation.server_samples import UNKNOWN, ServerSample
from extproc.ledger.allocation.stored_samples import ServerProcess

PROCESSES_MAX: Final = 16
"""Of one server, between two writes. Of a server that starts all the time the earliest are left out."""


class SeenProcesses:
    """Attributes: seen: in order; the last one is that of the last sample."""

    def __init__(self) -> None:
        self.seen: deque[ServerProcess] = deque(maxlen=PROCESSES_MAX)
        self._last_us = 0
        self._returns = 0

    def see(self, sample: ServerSample, was_silent: bool) -> None:
        """Take the next sample.

        Args: was_silent: it said nothing for some time. Where a server does not say when it started, another one may
            have its address since.
        """
        start_us = sample.start_us
        if was_silent and start_us == UNKNOWN:
            self._returns += 1
        key = start_us, self._returns
        if not self.seen or self.seen[-1].key != key:
            begun = bool(self.seen) and self._last_us < start_us <= sample.at_us
            self.seen.append(ServerProcess(key, start_us if begun else sample.at_us, start_us))
        self._last_us = sample.at_us

    def forget_before(self, at_us: int) -> None:
        """Forget processes that ended before a sample."""
        while len(self.seen) > 1 and self.seen[1].since_us <= at_us:
            self.seen.popleft()
