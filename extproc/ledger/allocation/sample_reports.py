"""Samples of servers in the process that ships: kept if GPUs are configured.

What keeps them takes numpy, so it is imported only then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from extproc.ledger.allocation.settings import SamplingSettings
from extproc.ledger.store import LedgerStore

if TYPE_CHECKING:
    from extproc.ledger.allocation.sampling import ServerSampling


class SampleReports:
    """Args: tell: gets a sentence about a server that says nothing."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._sampling: ServerSampling | None = None
        self._ends = False

    def use(self, store: LedgerStore, settings: Mapping[str, Any] | None) -> None:
        """Ask the servers of some settings from now on; see ``sampling_settings``. None: ask nobody."""
        self._ends = settings is None
        found = None if settings is None else SamplingSettings.of_json(settings)
        if self._sampling is not None:
            self._sampling.use(store, found or self._sampling.settings)
            return
        if found is None:
            return
        from extproc.ledger.allocation.sampling import ServerSampling

        self._sampling = ServerSampling(store, found, self._tell)

    def look(self, last: bool = False) -> None:
        """Ask and store, if it is time. Args: last: the process ends. Raises: StoreFailed."""
        if self._sampling is None:
            return
        self._sampling.look(last=last or self._ends)
        if self._ends:
            self._sampling = None
