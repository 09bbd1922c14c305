"""Allocates the hours that are settled, once an hour, and counts what was allocated: in one process of all that ship to
a store.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from extproc.allocation.methods import DEFAULT_METHOD
from extproc.ledger.allocation.rising_sums import LabelValues
from extproc.ledger.allocation.settled import settled_us, settles_from_us
from extproc.ledger.allocation.settling_run import COMMAND, EXCHANGES_MAX, SettledDays, SettlingRun
from extproc.ledger.allocation.share_tables import ALLOCATION_LEADER
from extproc.ledger.allocation.time_counts import TimeCounts, UnexplainedShare
from extproc.ledger.allocation.time_settings import TimeSettings
from extproc.ledger.leader import Leadership
from extproc.ledger.store import LedgerStore

BEAT_S: Final = 30.0
TAKEN_OVER_S: Final = 120.0
RETRY_S: Final = 300.0
"""After a run in which something went wrong."""
TAKE_S: Final = 15.0
"""Between two looks at what is to be told."""
TOLD_MAX: Final = 256
"""Problems; and days that are too large, with servers that nobody knows. Further ones are not told."""
_ID_BYTES: Final = 6


class AllocatingTerms(NamedTuple):
    """Attributes: url, folder: of the ledger."""

    url: str
    folder: Path
    settings: TimeSettings


class GpuTimeSeen(NamedTuple):
    """What is new.

    Attributes:
        used: GPU time by team, project, model and version; unpaid: by model and state. [us]
        unexplained: by server; until_us: up to when time was allocated. None: as it was.
    """

    used: Sequence[tuple[LabelValues, int]] = ()
    unpaid: Sequence[tuple[LabelValues, int]] = ()
    unexplained: Sequence[UnexplainedShare] | None = None
    until_us: int | None = None


NOT_LEADING: Final = GpuTimeSeen(unexplained=(), until_us=0)
"""Of a process that allocates nothing any more: others show what there is."""


class GpuTimeWatch:
    """Its methods are called by one thread, and none waits for what is allocated.

    Args:
        tell: gets a sentence about what cannot be allocated.
        clocks: seconds of a monotonic clock, and microseconds since 1970.
        command: of the process that allocates.
    """

    def __init__(
        self,
        store: LedgerStore,
        terms: AllocatingTerms,
        tell: Callable[[str], None],
        clocks: tuple[Callable[[], float], Callable[[], int]] = (time.monotonic, lambda: time.time_ns() // 1_000),
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._store, self._terms, self._tell = store, terms, tell
        self._clock_s, self._wall_us = clocks
        self._command = command
        self._leadership = Leadership(ALLOCATION_LEADER, secrets.token_hex(_ID_BYTES), BEAT_S, TAKEN_OVER_S)
        self._counts: TimeCounts | None = None  # None: another process leads
        self._run: SettlingRun | None = None
        self._settled_us = 0  # up to where the last run was to allocate
        self._not_before_s = self._taken_s = float("-inf")
        self._is_new = self._has_more = False  # to be looked for; to be counted
        self._problems: set[str] = set()
        self._told: set[str] = set()  # days that are too large, and servers that nobody knows

    def use(self, store: LedgerStore, terms: AllocatingTerms) -> None:
        """Go on with another store, or by other settings."""
        self._store = store
        if terms != self._terms:
            self._terms, self._settled_us = terms, 0
            if self._counts is not None:
                self._counts.models = terms.settings.models

    def look(self) -> GpuTimeSeen | None:
        """Allocate and count, if it is time. Returns: None: nothing is new. Raises: StoreFailed."""
        now_s, now_us = self._clock_s(), self._wall_us()
        self._take_run(now_s)
        if not self._leadership.leads(self._store, now_s):
            led, self._counts = self._counts is not None, None
            return NOT_LEADING if led else None
        if self._counts is None:
            counts = TimeCounts(DEFAULT_METHOD, self._terms.settings.models)
            with self._store.reading() as connection:
                counts.begin(connection, settles_from_us(now_us))
            self._counts = counts
        if self._run is None and settled_us(now_us) > self._settled_us and now_s >= self._not_before_s:
            self._start(settled_us(now_us), now_s)
        return self._seen(self._counts, now_s, now_us)

    def stop(self) -> None:
        """End what runs, and let another process lead. Raises: StoreFailed."""
        if self._run is not None:
            self._run.stop()
            self._run = None
        if self._leadership.term is not None:
            with self._store.writing() as connection:
                self._leadership.resign(connection)

    # --- the process that allocates ----------------------------------------------------------------------------------

    def _start(self, until_us: int, now_s: float) -> None:
        terms = self._terms
        where = {"url": terms.url, "folder": str(terms.folder)}
        settings = {**where, "section": terms.settings.section, "now_us": self._wall_us()}
        self._settled_us = until_us
        try:
            self._run = SettlingRun(settings, self._command)
        except OSError as error:
            reason = (error.strerror or "input or output error").lower()
            self._note(SettledDays([f"the process that allocates does not start: {reason}"], [], {}), now_s)

    def _take_run(self, now_s: float) -> None:
        if self._run is not None and self._run.result is not None:
            result, self._run = self._run.result, None
            self._is_new = True
            self._note(result, now_s)

    def _note(self, result: SettledDays, now_s: float) -> None:
        """What goes wrong is told once, and once when it is right again."""
        for problem in result.problems:
            if problem not in self._problems and len(self._problems) < TOLD_MAX:
                self._problems.add(problem)
                self._tell(f"gpus: time is not allocated by itself: {problem}")
        if result.problems:
            self._settled_us, self._not_before_s = 0, now_s + RETRY_S
        elif self._problems:
            self._problems.clear()
            self._tell("gpus: time is allocated by itself again")
        for day in result.too_large:
            self._tell_once(
                day,
                f"gpus: {day} has more than {EXCHANGES_MAX:,} exchanges, so it is not allocated by itself. Run"
                f" `extproc allocate --from {day} --to {day}`",
            )
        for server, exchanges in result.unknown.items():
            by = (
                f"by {server}, whose GPUs are not known (`gpus.servers`)"
                if server
                else "by servers that Envoy did not name"
            )
            self._tell_once(server, f"gpus: {exchanges} exchanges were answered {by}: their GPU time is not known")

    def _tell_once(self, what: str, sentence: str) -> None:
        if what not in self._told and len(self._told) < TOLD_MAX:
            self._told.add(what)
            self._tell(sentence)

    # --- what was allocated ------------------------------------------------------------------------------------------

    def _seen(self, counts: TimeCounts, now_s: float, now_us: int) -> GpuTimeSeen | None:
        found = GpuTimeSeen()
        if self._is_new:
            with self._store.reading() as connection:
                counts.find(connection, settles_from_us(now_us))
                until_us = counts.until_us(connection)
                if until_us is not None:
                    found = found._replace(unexplained=counts.unexplained(connection, until_us), until_us=until_us)
            self._is_new, self._has_more = False, True
        if self._has_more:
            with self._store.reading() as connection:
                self._has_more = counts.count(connection)
            self._taken_s = float("-inf")
        if not self._has_more and now_s - self._taken_s >= TAKE_S:
            self._taken_s = now_s
            found = found._replace(used=tuple(counts.used.take(now_s)), unpaid=tuple(counts.unpaid.take(now_s)))
        return None if found == GpuTimeSeen() else found
