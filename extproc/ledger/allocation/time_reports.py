"""GPU time in the process that ships: allocated and counted if GPUs are configured, and told to the parent.

What allocates takes numpy, so it is imported only then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from extproc.ledger.allocation.time_settings import TimeSettings
from extproc.ledger.store import LedgerStore

if TYPE_CHECKING:
    from extproc.ledger.allocation.time_watch import GpuTimeSeen, GpuTimeWatch

_ROWS_AT_ONCE: Final = 500  # a report is one line, which is bounded
_US_PER_S: Final = 1_000_000


class GpuTimeReports:
    """Args:
    url, folder: of the ledger.
    write: sends a report to the parent. tell: gets a sentence about what cannot be allocated.
    """

    def __init__(
        self, url: str, folder: Path, write: Callable[[dict[str, Any]], None], tell: Callable[[str], None]
    ) -> None:
        self._url, self._folder = url, folder
        self._write, self._tell = write, tell
        self._watch: GpuTimeWatch | None = None
        self._ends = False

    def use(self, store: LedgerStore, settings: Mapping[str, Any] | None) -> None:
        """Allocate by some settings from now on; see ``time_settings``. None: allocate nothing."""
        self._ends = settings is None
        if settings is None:
            return
        from extproc.ledger.allocation.time_watch import AllocatingTerms, GpuTimeWatch

        terms = AllocatingTerms(self._url, self._folder, TimeSettings.of_json(settings))
        if self._watch is None:
            self._watch = GpuTimeWatch(store, terms, self._tell)
        else:
            self._watch.use(store, terms)

    def look(self, last: bool = False) -> None:
        """Allocate and count, if it is time, and report it. Args: last: the process ends. Raises: StoreFailed."""
        if self._watch is None:
            return
        from extproc.ledger.allocation.time_watch import NOT_LEADING

        if last or self._ends:
            self._watch.stop()
            self._watch = None
            self._report(NOT_LEADING)
            return
        seen = self._watch.look()
        if seen is not None:
            self._report(seen)

    def _report(self, seen: GpuTimeSeen) -> None:
        for name, rows in (("gpu_used", seen.used), ("gpu_unpaid", seen.unpaid)):
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                part = rows[first : first + _ROWS_AT_ONCE]
                self._write({name: [{"labels": labels, "time_us": time_us} for labels, time_us in part]})
        if seen.unexplained is not None:
            self._write({"gpu_unexplained": [one._asdict() for one in seen.unexplained]})
        if seen.until_us is not None:
            self._write({"gpu_until_s": seen.until_us / _US_PER_S})
