"""Stores findings of completed exchanges from its own thread: no exchange ever waits for the store.

The queue is bounded; findings over capacity are dropped and counted by reason. While the store fails, the current
findings are retried for up to ``RETRY_SECONDS_MAX``; a store that is down at startup is retried as well. The thread
also enforces retention, and reads the precision of each guard.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from extproc.config.review import Review
from extproc.database.engine import StoreFailed
from extproc.domain.record import ExchangeRecord
from extproc.sinks.review.age import AgeClock
from extproc.sinks.review.entries import Entry
from extproc.sinks.review.excerpt import Excerpts, storable
from extproc.sinks.review.precision import precision_of
from extproc.sinks.review.store import Store

BATCH_MAX = 100  # exchanges written in one transaction
RETENTION_SECONDS = 60.0
RETRY_SECONDS_MAX = 30.0
CLOSE_SECONDS_MAX = 5.0
_BACK_OFF_SECONDS = (0.1, 0.5, 1.0, 2.0)  # the last delay is repeated


class ReviewDropReason(StrEnum):
    """Why a finding is not in the queue."""

    EXCHANGE_FULL = "exchange_full"  # one exchange had more findings than are noted
    QUEUE_FULL = "queue_full"  # the write queue was full
    STORE_FAILED = "store_failed"
    EXCERPT_FAILED = "excerpt_failed"  # masking failed
    STOPPED = "stopped"  # the process ended first


class Counts(Protocol):
    """Metrics of the sink; see ``Metrics``."""

    def review_stored(self, findings: Mapping[str, int]) -> None:
        """Stored findings, by guard."""
        ...

    def review_dropped(self, reason: str, findings: int) -> None:
        """Dropped findings."""
        ...

    def review_waiting(self, findings: Mapping[str, int], findings_max: int) -> None:
        """Findings without a label, by guard, and room."""
        ...

    def guard_precision(self, shares: Mapping[str, float]) -> None:
        """Precision of each guard."""
        ...


class _Waiting(NamedTuple):
    seen_at_ms: int
    record: ExchangeRecord


class ReviewSink:
    """The review queue of one process.

    Args:
        folder: base of a relative store path.
        logger: logs store outages once, on transition; never a text.
        runs_retention: enforces retention and reads the precision: one process does so for all.
    """

    def __init__(self, terms: Review, folder: Path, counts: Counts, logger: Any, runs_retention: bool = True) -> None:
        self._terms = terms
        self._folder = folder
        self._counts = counts
        self._logger = logger
        self._runs_retention = runs_retention
        self._excerpts = Excerpts(terms.texts, terms.excerpt_chars_max)
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(terms.waiting_max)
        self._stopping = threading.Event()
        self._store: Store | None = None
        self._age_clock = AgeClock()
        self._failing = False
        self._retention_ran_s = float("-inf")
        self._stored_since_retention = 0
        for reason in ReviewDropReason:
            counts.review_dropped(reason.value, 0)
        self._thread = threading.Thread(target=self._run, name="review", daemon=True)
        self._thread.start()

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Queue the findings of one exchange. Never blocks."""
        self.take(record)

    def take(self, record: ExchangeRecord) -> bool:
        """Likewise. Returns: whether nothing was dropped for lack of room."""
        notes = record.notes
        if notes is None or not notes.noted:
            return True
        if notes.dropped:
            self._counts.review_dropped(ReviewDropReason.EXCHANGE_FULL.value, notes.dropped)
        if self._stopping.is_set():
            self._counts.review_dropped(ReviewDropReason.STOPPED.value, len(notes.noted))
            return False
        try:
            self._waiting.put_nowait(_Waiting(time.time_ns() // 1_000_000, record))
        except queue.Full:
            self._counts.review_dropped(ReviewDropReason.QUEUE_FULL.value, len(notes.noted))
            return False
        return True

    def close(self) -> None:
        """Store queued findings, with one attempt only, and end; waits at most ``CLOSE_SECONDS_MAX``."""
        self._stopping.set()
        with contextlib.suppress(queue.Full):  # then the thread is awake
            self._waiting.put_nowait(None)
        self._thread.join(CLOSE_SECONDS_MAX)
        if self._thread.is_alive():
            self._logger.warning("review queue not drained", exchanges=self._waiting.qsize())

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                self._turn()
            except Exception as error:  # an internal error must not end the queue
                self._logger.error("review queue failed", error=type(error).__name__)
                self._stopping.wait(1)
            if self._stopping.is_set() and self._waiting.empty():
                break
        if self._store is not None:
            self._store.close()

    def _turn(self) -> None:
        batch = self._next_batch()
        if batch:
            self._write(self._entries(batch))
        if self._runs_retention and self._retention_is_due() and not self._stopping.is_set():
            self._retention_ran_s, self._stored_since_retention = time.monotonic(), 0
            self._run_retention()

    def _retention_is_due(self) -> bool:
        """By time, or when new findings may exceed the limit by a tenth."""
        many = self._stored_since_retention > self._terms.rows_max // 10
        return many or time.monotonic() - self._retention_ran_s >= RETENTION_SECONDS

    def _next_batch(self) -> list[_Waiting]:
        """Queued findings, up to ``BATCH_MAX``; empty when it is time for retention, or to end."""
        batch: list[_Waiting] = []
        due_in = self._retention_ran_s + RETENTION_SECONDS - time.monotonic() if self._runs_retention else None
        try:
            if self._stopping.is_set() or (due_in is not None and due_in <= 0):
                one = self._waiting.get_nowait()
            else:
                one = self._waiting.get(timeout=due_in)
            while True:
                if one is not None:
                    batch.append(one)
                if len(batch) == BATCH_MAX:
                    return batch
                one = self._waiting.get_nowait()
        except queue.Empty:
            return batch

    def _entries(self, batch: list[_Waiting]) -> list[Entry]:
        entries: list[Entry] = []
        for seen_at_ms, record in batch:
            try:
                entries += _entries_of(seen_at_ms, record, self._excerpts)
            except Exception as error:
                noted = len(record.notes.noted) if record.notes is not None else 0
                self._counts.review_dropped(ReviewDropReason.EXCERPT_FAILED.value, noted)
                self._logger.error("excerpt failed", exchange=record.id, error=type(error).__name__)
        return entries

    def _write(self, entries: list[Entry]) -> None:
        """Store findings, or drop them after failing for too long."""
        if not entries:
            return
        give_up_s = time.monotonic() + RETRY_SECONDS_MAX
        attempt = 0
        while True:
            try:
                self._opened().add(entries)
            except StoreFailed as failure:
                self._note_failure(failure)
                out_of_time = self._stopping.is_set() or time.monotonic() >= give_up_s
                if out_of_time or not failure.may_pass:
                    reason = ReviewDropReason.STOPPED if self._stopping.is_set() else ReviewDropReason.STORE_FAILED
                    self._counts.review_dropped(reason.value, len(entries))
                    return
                self._stopping.wait(_BACK_OFF_SECONDS[min(attempt, len(_BACK_OFF_SECONDS) - 1)])
                attempt += 1
            else:
                self._stored_since_retention += len(entries)
                self._counts.review_stored(Counter(entry.guard for entry in entries))
                self._note_success()
                return

    def _run_retention(self) -> None:
        terms = self._terms
        try:
            store = self._opened()
            store.prune(self._time_for_age_ms(), terms.rows_max, terms.days_max)
            counted = store.counts()
        except StoreFailed as failure:
            self._note_failure(failure)
            return
        self._note_success()
        self._counts.review_waiting({one.guard: one.waiting for one in counted}, terms.rows_max)
        precisions = {one.guard: precision_of(one.confirmed, one.labelled) for one in counted}
        self._counts.guard_precision({guard: found.share for guard, found in precisions.items() if found is not None})

    def _time_for_age_ms(self) -> int:
        waited, now_ms = self._age_clock.waits, self._age_clock.now_ms()
        if self._age_clock.waits and not waited:
            hint = "Set it right within a day; then findings are deleted by their age again."
            self._logger.warning("the clock jumped ahead, retention by age is paused", hint=hint)
        return now_ms

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(self._terms.url, self._folder)
            for warning in self._store.warnings:
                self._logger.warning("review store", problem=warning)
        return self._store

    def _note_failure(self, failure: StoreFailed) -> None:
        if not self._failing:
            self._failing = True
            self._logger.warning("review store failing", reason=str(failure), may_pass=failure.may_pass)

    def _note_success(self) -> None:
        if self._failing:
            self._failing = False
            self._logger.warning("review store recovered")


def _entries_of(seen_at_ms: int, record: ExchangeRecord, excerpts: Excerpts) -> list[Entry]:
    notes = record.notes.noted if record.notes is not None else []
    version = record.version
    return [
        Entry(
            seen_at_ms=seen_at_ms,
            exchange=record.id,
            revision=record.revision,
            endpoint=record.endpoint,
            team=storable(record.team),
            project=storable(record.project),
            model=version.model if version else "",
            version=version.version if version else "",
            fingerprint=version.fingerprint if version else "",
            prompt_version=version.prompt_fingerprint if version else "",
            route=record.route,
            policy=record.policy,
            guard=note.guard,
            detector=note.detector,
            kind=note.kind,
            action=note.action,
            direction=note.direction,
            speaker=note.speaker,
            score=note.score,
            excerpt=excerpt.text,
            found_start=excerpt.start,
            found_end=excerpt.end,
        )
        for note, excerpt in zip(notes, excerpts.of_all(notes), strict=True)
    ]
