"""What classifiers out of the path say of the answers of a rollout: counted in the store, in a thread of its own.

It comes after the entry of the exchange, or before it, and is of a sample. So it is no part of the entry: each judgment
is added to the sums once, or not at all where the store fails; a sample may miss some, of both arms alike.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from extproc.domain.rollout_gates import JUDGE
from extproc.domain.rollouts import BUCKETS, WARM_UP_STEP, RolloutArm

if TYPE_CHECKING:
    from extproc.ledger.rollouts.adding import RolloutSums
    from extproc.ledger.store import LedgerStore

WAITING_MAX: Final = 4_096
TURN_S: Final = 1.0
CLOSE_S_MAX: Final = 5.0


class _Judgment(NamedTuple):
    arm: RolloutArm
    is_bad: bool


class JudgmentKeeper:
    """Of one process. The store is opened with the first judgment.

    Args:
        url, folder: of the ledger's store.
        logger: logs that the store fails, and its recovery, once each.
        threaded: otherwise its owner calls ``turn``.
    """

    def __init__(self, url: str, folder: Path, logger: Any, *, threaded: bool = True) -> None:
        self._url = url
        self._folder = folder
        self._logger = logger
        self._waiting: Queue[_Judgment] = Queue(WAITING_MAX)
        self._store: LedgerStore | None = None
        self._failing = False
        self._stopping = threading.Event()
        self._threaded = threaded
        self._thread: threading.Thread | None = None

    def judged(self, arm: RolloutArm, is_bad: bool) -> None:
        """Count one, unless too many wait. Called on the event loop."""
        if arm.step == WARM_UP_STEP:
            return
        try:
            self._waiting.put_nowait(_Judgment(arm, is_bad))
        except Full:
            return
        if self._thread is None and self._threaded:
            self._thread = threading.Thread(target=self._run, name="judgments", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Store what waits; waits at most ``CLOSE_S_MAX``."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(CLOSE_S_MAX)

    def _run(self) -> None:
        while not self._stopping.wait(TURN_S):
            self.turn()
        self.turn()
        if self._store is not None:
            self._store.close()

    def turn(self) -> None:
        """Add what waits to the sums."""
        found = self._taken()
        if not found:
            return
        from extproc.database.engine import StoreFailed
        from extproc.ledger.rollouts.adding import add_sums
        from extproc.ledger.store import LedgerStore

        try:
            if self._store is None:
                self._store = LedgerStore(self._url, self._folder)
            with self._store.writing() as connection:
                add_sums(connection, _sums_of(found))
        except StoreFailed as failure:
            self._note(str(failure))
        except Exception as error:  # an internal error must not end the thread
            self._logger.error("judgments failed", error=type(error).__name__)
        else:
            self._note("")

    def _taken(self) -> list[_Judgment]:
        found: list[_Judgment] = []
        try:
            while len(found) < WAITING_MAX:
                found.append(self._waiting.get_nowait())
        except Empty:
            pass
        return found

    def _note(self, problem: str) -> None:
        if bool(problem) != self._failing:
            self._failing = bool(problem)
            if problem:
                self._logger.error("judgments not counted", reason=problem)
            else:
                self._logger.warning("judgments are counted again")


def _sums_of(found: Iterable[_Judgment]) -> RolloutSums:
    from extproc.ledger.rollouts.adding import ArmSumPlace, RolloutSums, UnitPlace

    sums: dict[ArmSumPlace, list[float]] = {}
    events: dict[UnitPlace, tuple[int, str]] = {}
    for arm, is_bad in found:
        place = ArmSumPlace(arm.rollout, arm.step, arm.arm.value, JUDGE, arm.unit % BUCKETS)
        one = sums.setdefault(place, [0, 0.0, 0.0])
        for at, more in enumerate((1, float(is_bad), float(is_bad))):
            one[at] += more
        if is_bad:
            events.setdefault(UnitPlace(arm.rollout, JUDGE, arm.unit), (arm.step, arm.arm.value))
    return RolloutSums(sums, events, {}, {})
