"""Reads the sums of budgets in a worker, in the thread of its ledger: the event loop never waits for a file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from extproc.exchange.budget_memory import BudgetMemory
from extproc.ledger.budget_file import BUDGET_FILE, BudgetFile, BudgetFileUnusable, parse_budget_file

LOOK_S: Final = 0.1
AHEAD_S_MAX: Final = 5.0
"""How far ahead of the clock sums may be: it was set back. """
_NONE_YET: Final = "the shipper has not written them yet"
_NOT_IN_IT: Final = "they are not in the shipper's file"
_TOO_OLD: Final = "the store, or the shipper, does not answer"
_NONE_ALLOCATED: Final = "no GPU time is allocated yet"
_LATE: Final = "GPU time is allocated too late, or no more"
_NS_PER_US: Final = 1_000
_NS_PER_S: Final = 1_000_000_000


class BudgetReader:
    """Takes the file of the shipper whenever it is another one, and tells once what is not known.

    Args:
        root: of the spool; ``spool``: that of this worker.
        clocks_ns: of exchanges, and of the day.
    """

    def __init__(
        self,
        root: Path,
        spool: str,
        memory: BudgetMemory,
        logger: Any,
        clocks_ns: tuple[Callable[[], int], Callable[[], int]] = (time.monotonic_ns, time.time_ns),
    ) -> None:
        self._file = root / BUDGET_FILE
        self._spool = spool
        self._memory = memory
        self._logger = logger
        self._now_ns, self._wall_ns = clocks_ns
        self._seen: tuple[int, int] | None = None
        self._looked_ns = -_NS_PER_S
        self._problem = _NONE_YET
        self._told: set[str] = set()
        self._late: dict[str, str] = {}  # why sums lack something, by budget

    def look(self) -> None:
        """Read the file if it is another one, and it is time."""
        now_ns = self._now_ns()
        if not self._memory.acts or now_ns - self._looked_ns < LOOK_S * _NS_PER_S:
            return
        self._looked_ns = now_ns
        self._tell_missed(now_ns)
        try:
            found = os.stat(self._file)
            seen = (found.st_mtime_ns, found.st_ino)
            if seen != self._seen:
                self._seen = seen
                self._take(parse_budget_file(self._file.read_bytes()))
        except BudgetFileUnusable as unusable:
            self._problem = f"{BUDGET_FILE}: {unusable}"
        except FileNotFoundError:
            self._problem = _NONE_YET
        except OSError as error:
            self._seen = None
            self._problem = f"{BUDGET_FILE}: {(error.strerror or 'input or output error').lower()}"
        self._tell_known(now_ns)

    def _take(self, content: BudgetFile) -> None:
        """Raises: BudgetFileUnusable."""
        age_ns = self._wall_ns() - content.at_us * _NS_PER_US
        if age_ns < -AHEAD_S_MAX * _NS_PER_S:
            raise BudgetFileUnusable("its time is ahead of the clock")
        sequence = content.spools.get(self._spool)
        seen_ns = self._now_ns() - max(0, age_ns)
        self._memory.take(content.sums, self._spool, sequence, content.at_us, seen_ns)
        self._late = {
            one.name: _NONE_ALLOCATED if one.late_us is None else _LATE for one in content.sums if one.late_us != 0
        }
        self._problem = _NONE_YET if sequence is None else ""

    def _tell_missed(self, now_ns: int) -> None:
        """Log what exchanges have missed, once each."""
        missed = self._memory.take_missed() - self._told
        for budget in self._memory.budgets if missed else ():
            if budget.name in missed:
                age_ns = self._memory.age_ns(budget.name, now_ns)
                self._told.add(budget.name)
                self._logger.warning(
                    "budget sums unknown",
                    budget=budget.name,
                    exchanges="refused" if budget.blocks_unknown else "allowed",
                    reason=self._problem or self._late.get(budget.name) or (_NOT_IN_IT if age_ns is None else _TOO_OLD),
                    age_s=None if age_ns is None else age_ns // _NS_PER_S,
                )

    def _tell_known(self, now_ns: int) -> None:
        """Log what is known again, once each."""
        if not self._told:
            return
        by_name = {one.name: one for one in self._memory.budgets}
        for name in sorted(self._told):
            age_ns = self._memory.age_ns(name, now_ns)
            if name not in by_name or (age_ns is not None and age_ns <= by_name[name].unknown_after_ns):
                self._told.discard(name)
                self._logger.info("budget sums known again", budget=name)
