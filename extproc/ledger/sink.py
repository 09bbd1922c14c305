"""The ledger in a process that serves: notes beginnings and ends of exchanges, and spools them in a thread.

On the event loop an exchange costs two short JSON arrays, two copies into a mapped file and an entry of a queue. The
thread looks at the queue a hundred times a second, rather than at each entry: a wake-up for each would take the
interpreter's lock from the loop.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol

from extproc.config.ledger import Ledger
from extproc.domain.budgets import SpentOfBudget
from extproc.domain.errors import ApiError
from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.rollout_gates import NO_ANSWER_S
from extproc.exchange.budget_memory import BudgetMemory
from extproc.ledger import LedgerUnavailable
from extproc.ledger.budget_reader import BudgetReader
from extproc.ledger.entry import NOT_REACHED
from extproc.ledger.lines import WITHOUT_ENTRY, RecordWriter, ended_record, outcome_of
from extproc.ledger.open_exchanges import OpenExchanges
from extproc.ledger.spool import OPEN, SegmentWriter, new_folder, size_of_spool

LEDGER_FULL: Final = ApiError(
    503,
    "service_unavailable_error",
    "ledger_full",
    "The gateway cannot record this request, so it is not answered. Please retry shortly.",
    retry_after_s=5,
)
TICK_S: Final = 0.01
RETRY_S: Final = 0.5
CLOSE_S_MAX: Final = 5.0
_MB: Final = 1_000_000
_CHECK_S: Final = 0.5
_NO_ANSWER_NS: Final = NO_ANSWER_S * 1_000_000_000
_ROOM_AGAIN: Final = 0.95
_BATCH_MAX: Final = 1_000


class LedgerCounts(Protocol):
    """Metrics of the sink; see ``LedgerMetrics``."""

    def spooled(self, entries: int) -> None:
        """Entries written to the spool."""
        ...

    def dropped(self, reason: str, entries: int) -> None:
        """Entries that were not; 0 creates the series."""
        ...

    def unprotected(self, exchanges: int) -> None:
        """Exchanges without a slot, whose entries are lost if the process is killed before they end."""
        ...


_Begun = tuple[int | None, bytes, VersionFacts | None]
"""Place of its slot, its beginning, and the version in it."""
_NO_BEGIN: Final[_Begun] = (None, b"", None)
_Ended = tuple[int | None, bytes, bytes, tuple[SpentOfBudget, ...]]
"""Place of its slot, its beginning, its end and what it spent; without an end, no entry is wanted."""


class LedgerSink:
    """The ledger of one process.

    Args:
        root: the folder of the spool.
        logger: logs failures once, on transition.
        budgets: what is left of those that act.
        threaded: otherwise its owner calls ``turn``.
    Raises: LedgerUnavailable if the spool cannot be used.
    """

    def __init__(
        self,
        terms: Ledger,
        root: Path,
        counts: LedgerCounts,
        logger: Any,
        *,
        budgets: BudgetMemory | None = None,
        threaded: bool = True,
    ) -> None:
        self._terms = terms
        self._root = root
        self._counts = counts
        self._logger = logger
        self._bytes_max = terms.spool_mb_max * _MB
        try:
            self.folder, self._lock = new_folder(root)
            self._open = OpenExchanges(self.folder / OPEN, terms.open_max)
        except OSError as error:
            reason = (error.strerror or "input or output error").lower()
            hint = "Let this user write there, or set ledger.spool to another folder."
            raise LedgerUnavailable(f"ledger.spool: {root} cannot be used ({reason}). {hint}") from None
        self._writer = SegmentWriter(self.folder, terms.fsync, terms.fsync_interval_ms / 1_000)
        self._budgets = BudgetMemory() if budgets is None else budgets
        self._sums = BudgetReader(root, self.folder.name, self._budgets, logger)
        self._lines = RecordWriter()
        self._begun: dict[str, _Begun] = {}
        self._noted: set[str] = set()  # exchanges whose slot has an end that will be replaced
        self._unanswered: dict[str, tuple[int, ExchangeRecord]] = {}  # streams of rollouts, with their slots
        self._ended: SimpleQueue[_Ended] = SimpleQueue()
        self._without_slot = self._without_slot_counted = 0
        self._waiting: list[_Ended] = []  # that could not be written yet
        self._wall_offset_ns = time.time_ns() - time.monotonic_ns()
        self._problem = ""
        self._full = False
        self._checked_s = float("-inf")
        self._stopping = threading.Event()
        self.refusal: ApiError | None = None
        for reason in ("full", "failed", "stopped"):
            counts.dropped(reason, 0)
        counts.unprotected(0)
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True) if threaded else None
        if self._thread is not None:
            self._thread.start()

    # --- on the event loop, or in a thread for a long message ------------------------------------------------------

    def exchange_sent(self, record: ExchangeRecord) -> None:
        """Note the beginning of an exchange that a model server has now."""
        begin = self._lines.begin_of(record, self._wall_offset_ns)
        place = self._open.begin(begin)
        if place is None:
            self._without_slot += 1
        self._begun[record.id] = place, begin, record.version
        if record.arm is not None and record.streamed and place is not None:
            self._unanswered[record.id] = place, record

    def exchange_ends(self, record: ExchangeRecord) -> None:
        """Note the end of an exchange whose tokens are still being counted, in case the process is killed meanwhile."""
        place, _, version = self._begun.get(record.id, _NO_BEGIN)
        if place is not None:
            self._open.end(place, self._lines.end_of(record, version))
            self._noted.add(record.id)

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Queue the entry of an exchange. Never blocks."""
        begun = self._begun.pop(record.id, None)
        if record.arm is not None:
            self._unanswered.pop(record.id, None)
        if begun is None:
            if (
                record.counted_in_front
                or record.outcome in WITHOUT_ENTRY
                or not (record.sent_ns or self._terms.refused)
            ):
                return
            begin, version, place = self._lines.begin_of(record, self._wall_offset_ns), record.version, None
        else:
            place, begin, version = begun
            if not self._keeps_unreached(record) and outcome_of(record) in NOT_REACHED:
                self._ended.put((place, begin, b"", ()))
                return
        end = self._lines.end_of(record, version)
        if place is not None:
            if self._noted and record.id in self._noted:
                self._noted.remove(record.id)
                self._open.reopen(place)  # a part of the new end in the old one would be no end
            self._open.end(place, end)
        self._ended.put((place, begin, end, record.spent))

    def _keeps_unreached(self, record: ExchangeRecord) -> bool:
        """Whether an exchange has an entry though no model was reached: of a rollout it tells that an arm is dead."""
        return record.outcome is not Outcome.LOCAL_REPLY or self._terms.refused or record.arm is not None

    @property
    def problem(self) -> str:
        """Why nothing can be spooled now; empty: it can."""
        return self._problem or ("the spool has reached spool_mb_max" if self._full else "")

    # --- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Write what has ended, and end; waits at most ``CLOSE_S_MAX``. The shipper then takes the folder."""
        self._stopping.set()
        if self._thread is None:
            self._run()
        else:
            self._thread.join(CLOSE_S_MAX)
            if self._thread.is_alive():
                self._logger.error("ledger not drained", hint="the disk of ledger.spool does not answer")
                return
        self._lock.close()

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            try:
                failed = not self.turn()
            except Exception as error:  # an internal error must not end the ledger
                self._logger.error("ledger failed", error=type(error).__name__)
                failed = True
            if stopping:
                break
            self._stopping.wait(RETRY_S if failed else TICK_S)
        self._finish()

    def turn(self) -> bool:
        """Write what has ended. Returns: whether that was possible."""
        self._open.alive(time.time_ns())
        self._wall_offset_ns = time.time_ns() - time.monotonic_ns()
        if self._without_slot != self._without_slot_counted:
            unprotected = self._without_slot - self._without_slot_counted
            self._without_slot_counted += unprotected
            self._counts.unprotected(unprotected)
        if time.monotonic() - self._checked_s >= _CHECK_S:
            self._check()
            self._note_unanswered(time.monotonic_ns())
        self._sums.look()
        try:
            while self._next_batch():
                self._write()
            self._writer.sync_if_due()
        except OSError as error:
            self._note_problem((error.strerror or "input or output error").lower())
            if self._terms.on_full == "drop":
                self._drop("failed")
            return False
        if self._problem:
            self._note_problem("")
        return True

    def _next_batch(self) -> bool:
        """Take what has ended. Returns: whether there is any."""
        waiting = self._waiting
        try:
            while len(waiting) < _BATCH_MAX:
                waiting.append(self._ended.get_nowait())
        except Empty:
            pass
        return bool(waiting)

    def _write(self) -> None:
        """Write the batch. Raises: OSError; it waits then."""
        if self._full and self._terms.on_full == "drop":
            self._drop("full")
            return
        records = [ended_record(begin, end) for _, begin, end, _ in self._waiting if end]
        if records:
            self._writer.append(records)
            self._budgets.spooled(self._writer.sequence, [one for ended in self._waiting for one in ended[3]])
            self._counts.spooled(len(records))
        self._free()

    def _drop(self, reason: str) -> None:
        """Give the batch up. What it has spent still counts in this process, until the period ends."""
        self._counts.dropped(reason, sum(bool(end) for _, _, end, _ in self._waiting))
        self._free()

    def _free(self) -> None:
        for place, _, _, _ in self._waiting:
            if place is not None:
                self._open.free(place)
        self._waiting = []

    def _note_unanswered(self, now_ns: int) -> None:
        """In their slots, which only this thread frees."""
        for exchange, (place, record) in list(self._unanswered.items()):
            if record.first_text_ns:
                self._unanswered.pop(exchange, None)
            elif now_ns - record.sent_ns > _NO_ANSWER_NS:
                self._unanswered.pop(exchange, None)
                self._open.note_waiting(place)

    def _check(self) -> None:
        """Compare the spool with its bound."""
        self._checked_s = time.monotonic()
        size = size_of_spool(self._root)
        full = size >= self._bytes_max * (_ROOM_AGAIN if self._full else 1)
        if full:
            self._writer.close()  # a shipper can remove a segment only if another one follows
        if full != self._full:
            self._full = full
            log = self._logger.error if full else self._logger.warning
            log(
                "ledger spool full" if full else "ledger spool has room again",
                spool_bytes=size,
                on_full=self._terms.on_full,
            )
        self._refuse()

    def _note_problem(self, problem: str) -> None:
        """Log a failing disk, and its recovery, once each."""
        if problem != self._problem:
            if problem:
                self._logger.error("ledger spool failing", reason=problem, on_full=self._terms.on_full)
            else:
                self._logger.warning("ledger spool recovered")
            self._problem = problem
        self._refuse()

    def _refuse(self) -> None:
        refuses = self._terms.on_full == "refuse" and (self._full or bool(self._problem))
        self.refusal = LEDGER_FULL if refuses else None

    def _finish(self) -> None:
        """Close the files; what could not be written is left in its slots, for the shipper."""
        unwritten = sum(bool(end) and place is None for place, _, end, _ in self._waiting)
        if unwritten:
            self._counts.dropped("stopped", unwritten)
        try:
            self._writer.close()
        except OSError as error:
            self._note_problem((error.strerror or "input or output error").lower())
