"""Takes feedback in a process that serves: finds its exchange, and stores it, in a thread of its own.

The thread writes to the ledger's store itself, in one transaction: what a client is told is on the disk then, and a
repetition is known as one. The event loop waits for it at most for a deadline; the queue is bounded. A feedback whose
client got no answer in time may be stored all the same: the client sends it again, and it counts once.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Full, Queue
from typing import Any, Final, NamedTuple, Protocol

from extproc.database.engine import StoreFailed
from extproc.domain.feedback import STORED, CommentFate, FeedbackClaim, FeedbackResult, RatedExchange
from extproc.exchange.recent_exchanges import RecentExchanges
from extproc.ledger.feedback_table import find_rated, forget_comment, store_feedback
from extproc.ledger.store import LedgerStore

WAITING_MAX: Final = 256
AGAIN_S: Final = 0.5
"""After which it is looked again for an exchange: entries are shipped four times a second."""
_LOOKED_FOR_AGAIN: Final = (FeedbackResult.NOT_FOUND, FeedbackResult.FOREIGN)
AGAIN_MAX: Final = 64
"""How many may wait for that; forged ids beyond it are refused at once."""
CLOSE_S_MAX: Final = 5.0
AHEAD_US_MAX: Final = 300_000_000
"""How far ahead of this machine's clock an exchange may have ended: the clock of another one."""
_MS_PER_S: Final = 1_000
_NS_PER_US: Final = 1_000


class FeedbackCounts(Protocol):
    """Metrics of feedback; see ``FeedbackMetrics``."""

    def given(self, feedback_type: str, model: str, version: str) -> None:
        """Count one that is new."""
        ...


class CommentQueue(Protocol):
    """The review queue, where it keeps texts."""

    def take_comment(self, claim: FeedbackClaim, rated: RatedExchange) -> bool:
        """Queue a comment. Returns: whether there is room. Must not block."""
        ...


class _Waiting(NamedTuple):
    claim: FeedbackClaim
    until_s: float
    tell: Callable[[], None]


class FeedbackKeeper:
    """Of one process.

    Args:
        url, folder: of the ledger's store.
        recent: the exchanges that this process has had.
        comments: where comments go; None: they are dropped.
        logger: logs that the store fails, and its recovery, once each.
        again_s: after which it is looked again for an exchange.
        threaded: otherwise its owner calls ``turn``.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        recent: RecentExchanges,
        counts: FeedbackCounts,
        comments: CommentQueue | None,
        logger: Any,
        *,
        again_s: float = AGAIN_S,
        threaded: bool = True,
    ) -> None:
        self._url = url
        self._folder = folder
        self.recent = recent
        self._counts = counts
        self._comments = comments
        self._logger = logger
        self._waiting: Queue[_Waiting | None] = Queue(WAITING_MAX)
        self._store: LedgerStore | None = None
        self._failing = False
        self._again_s = again_s
        self._looking_again = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feedback", daemon=True) if threaded else None
        if self._thread is not None:
            self._thread.start()

    async def ask(self, claim: FeedbackClaim) -> FeedbackClaim:
        """Let the store take a feedback. Always returns in time, with the claim or, without an answer, a copy of it.

        A client that has gone is no reason to give up: its feedback is stored. An exchange that is not found may be
        another worker's, whose entry is on its way: then there is a second look. So there is for one of another team,
        which would else be known by how fast it is refused.
        """
        until_s = time.monotonic() + claim.wait_ms / _MS_PER_S
        answered = await self._asked(claim, until_s)
        if answered.result not in _LOOKED_FOR_AGAIN or self._looking_again >= AGAIN_MAX:
            return answered
        if time.monotonic() + self._again_s >= until_s:
            return answered
        self._looking_again += 1
        try:
            await asyncio.sleep(self._again_s)
            again = await self._asked(claim, until_s)
        finally:
            self._looking_again -= 1
        return again

    async def _asked(self, claim: FeedbackClaim, until_s: float) -> FeedbackClaim:
        loop = asyncio.get_running_loop()
        told = loop.create_future()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(lambda: None if told.done() else told.set_result(None))

        if self._stopping.is_set() or not self._queue(_Waiting(claim, until_s, tell)):
            return _unanswered(claim)
        try:
            async with asyncio.timeout(until_s - time.monotonic()):
                await told
        except TimeoutError:
            return _unanswered(claim)
        return claim

    def _queue(self, waiting: _Waiting) -> bool:
        try:
            self._waiting.put_nowait(waiting)
        except Full:
            return False
        return True

    def close(self) -> None:
        """Store what waits, and end; waits at most ``CLOSE_S_MAX``."""
        self._stopping.set()
        with contextlib.suppress(Full):  # then the thread is awake
            self._waiting.put_nowait(None)
        if self._thread is not None:
            self._thread.join(CLOSE_S_MAX)

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._open_early()
        while not (self._stopping.is_set() and self._waiting.empty()):
            self.turn()
        if self._store is not None:
            self._store.close()

    def _open_early(self) -> None:
        """So that the first client does not wait for it, and the log has a failure early."""
        try:
            self._opened()
        except StoreFailed as failure:
            self._note_failure(failure)

    def turn(self) -> None:
        """Take the next one, as soon as there is any."""
        one = self._waiting.get()
        if one is None:
            return
        try:
            if time.monotonic() < one.until_s:
                self._take(one.claim)
        except StoreFailed as failure:
            self._note_failure(failure)
        except Exception as error:  # an internal error must not end the thread
            self._logger.error("feedback failed", error=type(error).__name__)
        one.tell()

    def _take(self, claim: FeedbackClaim) -> None:
        """Raises: StoreFailed."""
        now_us = time.time_ns() // _NS_PER_US
        store = self._opened()
        rated = self.recent.get(claim, time.monotonic_ns(), now_us)
        if rated is None:
            with store.reading() as connection:
                rated = find_rated(connection, claim)
        refused = _refusal(claim, rated, now_us)
        if refused is not None or rated is None:
            claim.result = refused or FeedbackResult.NOT_FOUND
        else:
            comment_hash = "" if self._comments is None else claim.comment_hash(rated.exchange)
            with store.writing() as connection:
                stored = store_feedback(connection, claim, rated, now_us, comment_hash)
            claim.exchange, claim.result = rated.exchange, stored.result
            if stored.result is FeedbackResult.CREATED:
                self._counts.given(claim.given.type.value, rated.model, rated.version)
            if claim.given.comment and stored.result in STORED:
                self._pass_on(claim, rated, stored.has_new_comment, store)
        self._note_success()

    def _pass_on(self, claim: FeedbackClaim, rated: RatedExchange, is_new: bool, store: LedgerStore) -> None:
        """Give the comment of a feedback that is stored to the review queue, unless it has got it before.

        Raises: StoreFailed. If the queue is full, the store forgets the comment, so that it may come again.
        """
        claim.comment_fate = CommentFate.DROPPED
        if self._comments is None:
            return
        if not is_new or self._comments.take_comment(claim, rated):
            claim.comment_fate = CommentFate.KEPT
            return
        with store.writing() as connection:
            forget_comment(connection, claim, rated.exchange)

    def _opened(self) -> LedgerStore:
        """Raises: StoreFailed."""
        if self._store is None:
            self._store = LedgerStore(self._url, self._folder)
        return self._store

    def _note_failure(self, failure: StoreFailed) -> None:
        if not self._failing:
            self._failing = True
            self._logger.error("feedback store failing", reason=str(failure))

    def _note_success(self) -> None:
        if self._failing:
            self._failing = False
            self._logger.warning("feedback store recovered")


def _refusal(claim: FeedbackClaim, rated: RatedExchange | None, now_us: int) -> FeedbackResult | None:
    """Why an exchange may not have this feedback; whose it is comes first."""
    if rated is None:
        return FeedbackResult.NOT_FOUND
    if rated.team != claim.team:
        return FeedbackResult.FOREIGN
    age_us = now_us - rated.ended_at_us
    if age_us > claim.age_us_max:
        return FeedbackResult.TOO_LATE
    return FeedbackResult.NOT_FOUND if age_us < -AHEAD_US_MAX else None


def _unanswered(claim: FeedbackClaim) -> FeedbackClaim:
    """A claim that the thread does not change any more."""
    return FeedbackClaim(claim.given, claim.team, claim.user, claim.comment_key, claim.age_us_max, claim.wait_ms)
