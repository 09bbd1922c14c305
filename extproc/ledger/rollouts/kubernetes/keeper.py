"""Keeps the weights of objects as rollouts have their shares: what the process that decides does about them.

The API server is asked in a thread, so nothing waits for it. A look takes the answer to the last question, and asks the
next one. What is written is made from what was just read, and only if that has not changed since: so a leader that was
slow writes over nobody.

A share is compared only where it is known to hold. So a new one is stored first, while nobody measures; the object is
written some seconds later, when all workers know; and they measure again when the mesh has had time to follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple, Protocol

from extproc.config.rollout_traffic import RolloutTraffic
from extproc.domain.extras import MODULES, how_to_install, missing_modules
from extproc.domain.rollouts import OPEN
from extproc.ledger.rollouts.kubernetes.objects import (
    ObjectApply,
    ObjectPlace,
    ReadObject,
    TrafficFailed,
    WeightsUnusable,
    applied,
    is_same,
    others_who_manage,
    places_of,
    share_between,
    share_in,
)
from extproc.ledger.rollouts.states import RolloutState
from extproc.ledger.rollouts.traffic_seen import TrafficSeen

QUIET_S: Final = 5.0
"""From a new share until it is written: all workers have stopped measuring by then."""
SETTLE_S: Final = 15.0
"""From a share that is there until exchanges are compared: the mesh has told its proxies by then."""
POLL_S: Final = 5.0
"""Between two looks at weights that are as they should be."""
_SET_ELSEWHERE: Final = "something in the cluster sets them as well"
PAUSES_S: Final = (1.0, 2.0, 5.0, 15.0)
"""Between tries of what fails; the last one from then on."""


class TrafficAct(StrEnum):
    """What follows from weights that were read."""

    KEEP = "keep"  # they are as they should be
    SEEN = "seen"  # they are now what they should be
    WRITE = "write"
    BREAK_OFF = "break_off"  # somebody else has changed them


class TrafficFound(NamedTuple):
    """What is to be stored.

    Attributes:
        edited: why the comparison ends, as a sentence: somebody else wrote the weights. Empty: it goes on.
        share: of the canary as somebody else wrote it; None: there is no single one.
    """

    state: RolloutState
    seen: TrafficSeen
    edited: str = ""
    share: float | None = None


class TrafficApi(Protocol):
    """``KubernetesApi``, or that of a test. Both methods raise TrafficFailed."""

    def read(self, places: Sequence[ObjectPlace]) -> list[ReadObject]:
        """The objects, in order."""
        ...

    def apply(self, bodies: Sequence[ObjectApply], take_over: bool) -> list[ReadObject]:
        """The objects after it. Args: take_over: fields from who manages them."""
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


@dataclass(slots=True)
class _Task:
    """What is done about one rollout.

    Attributes:
        revision: of its row.
        next_s: when the API server is asked again.
        asked: the question whose answer is not there yet; ``wrote``: whether it was an apply.
        share_since_s: since when this process has seen the share that should be there.
    """

    revision: int
    next_s: float
    asked: Future[list[ReadObject]] | None = None
    wrote: bool = False
    failures: int = 0
    share_since_s: float | None = None


def judge(state: RolloutState, seen: TrafficSeen, found: float | None) -> TrafficAct:
    """What follows. Args: seen: before; found: the share as it was just read."""
    if is_same(found, state.share):
        return TrafficAct.KEEP if is_same(seen.share, state.share) else TrafficAct.SEEN
    if state.phase not in OPEN or seen.share is None:
        return TrafficAct.WRITE
    ours = seen.share, share_between(_traffic(state), seen.share, state.share)
    is_ours = found is not None and any(one is not None and is_same(found, one) for one in ours)
    return TrafficAct.WRITE if is_ours else TrafficAct.BREAK_OFF


class TrafficKeeper:
    """Keeps the objects of all rollouts that have some.

    Args:
        open_api: called in the thread that asks, before the first question. Raises: TrafficFailed.
        may_write: whether this process still leads, and a rollout is still as it is here. Raises: StoreFailed.
    """

    def __init__(
        self,
        open_api: Callable[[], TrafficApi],
        may_write: Callable[[RolloutState], bool],
        executor: Executor | None = None,
    ) -> None:
        self._open_api = open_api
        self._may_write = may_write
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="kubernetes")
        self._api: TrafficApi | None = None
        self._tasks: dict[str, _Task] = {}

    def look(self, rollouts: Iterable[tuple[RolloutState, TrafficSeen]], now_s: float) -> list[TrafficFound]:
        """Take answers, ask what is due, and say what is to be stored. Raises: StoreFailed.

        Args:
            rollouts: those that are open, or whose object has another share; with what was seen of it.
            now_s: of a monotonic clock.
        """
        wanted = {state.id: (state, seen) for state, seen in rollouts}
        self._tasks = {rollout: task for rollout, task in self._tasks.items() if rollout in wanted}
        found = [self._look_at(state, seen, now_s) for state, seen in wanted.values()]
        return [one for one in found if one is not None]

    def close(self) -> None:
        """Ask nothing more."""
        self._tasks.clear()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _look_at(self, state: RolloutState, seen: TrafficSeen, now_s: float) -> TrafficFound | None:
        task = self._task_of(state, seen, now_s)
        if task.asked is None:
            if now_s >= task.next_s:
                self._ask(task, partial(self._read, places_of(_traffic(state))))
            return None
        if not task.asked.done():
            return None
        answer, task.asked = task.asked, None
        wrote, task.wrote = task.wrote, False
        try:
            return self._taken(task, wrote, (state, seen), answer.result(), now_s)
        except TrafficFailed as failed:
            if failed.moved:
                task.next_s = now_s
                return None
            return _failed(task, state, seen, str(failed), now_s)
        except WeightsUnusable as unusable:
            return _failed(task, state, seen, _sentence(state, str(unusable)), now_s)

    def _task_of(self, state: RolloutState, seen: TrafficSeen, now_s: float) -> _Task:
        """The task of a rollout as it is now; what was asked for it as it was is still waited for."""
        task = self._tasks.get(state.id)
        if task is None or task.revision != state.revision:
            waits = state.phase in OPEN and seen.share is not None and state.waits_for_mesh(seen)
            asked = None if task is None else task.asked
            task = _Task(state.revision, now_s + QUIET_S if waits else now_s, asked)
            self._tasks[state.id] = task
        return task

    def _taken(
        self,
        task: _Task,
        wrote: bool,
        rollout: tuple[RolloutState, TrafficSeen],
        objects: list[ReadObject],
        now_s: float,
    ) -> TrafficFound | None:
        """What follows from an answer. Raises: WeightsUnusable, TrafficFailed, StoreFailed."""
        state, seen = rollout
        traffic = _traffic(state)
        found = share_in(traffic, objects)
        act = judge(state, seen, found)
        if act is TrafficAct.BREAK_OFF:
            return TrafficFound(state, seen, _edited(state, found, others_who_manage(traffic, objects)), found)
        if act is TrafficAct.WRITE:
            if wrote:
                raise TrafficFailed(f"{_objects_of(traffic)} took the weights, and has others: {_SET_ELSEWHERE}.")
            bodies = applied(traffic, objects, state.share)
            if now_s >= task.next_s and self._may_write(state):
                self._ask(task, partial(self._apply, bodies, traffic.take_over and seen.share is None))
                task.wrote = True
            return None
        task.failures, task.next_s = 0, now_s + POLL_S
        if act is TrafficAct.SEEN or task.share_since_s is None:
            task.share_since_s = now_s
        is_settled = act is TrafficAct.KEEP and (seen.measures or now_s - task.share_since_s >= SETTLE_S)
        after = TrafficSeen(state.share, is_settled)
        return None if after == seen else TrafficFound(state, after)

    def _ask(self, task: _Task, question: Callable[[], list[ReadObject]]) -> None:
        task.asked = self._executor.submit(question)

    def _read(self, places: Sequence[ObjectPlace]) -> list[ReadObject]:
        """In the thread. Raises: TrafficFailed."""
        return self._opened().read(places)

    def _apply(self, bodies: Sequence[ObjectApply], take_over: bool) -> list[ReadObject]:
        """In the thread. Raises: TrafficFailed."""
        return self._opened().apply(bodies, take_over)

    def _opened(self) -> TrafficApi:
        if self._api is None:
            self._api = self._open_api()
        return self._api


def open_kubernetes() -> TrafficApi:
    """The API server of this pod, or of ``KUBECONFIG``. Raises: TrafficFailed."""
    if missing_modules(MODULES["kubernetes"]):
        raise TrafficFailed(f"The package kubernetes is not installed. {how_to_install('kubernetes')}")
    from extproc.ledger.rollouts.kubernetes.api import KubernetesApi

    return KubernetesApi()


def _failed(task: _Task, state: RolloutState, seen: TrafficSeen, problem: str, now_s: float) -> TrafficFound | None:
    task.next_s = now_s + PAUSES_S[min(task.failures, len(PAUSES_S) - 1)]
    task.failures += 1
    return None if seen.problem == problem else TrafficFound(state, seen._replace(problem=problem))


def _traffic(state: RolloutState) -> RolloutTraffic:
    found = state.terms.traffic
    assert found is not None, "only rollouts with `traffic` are kept"
    return found


def _objects_of(traffic: RolloutTraffic) -> str:
    return " and ".join(map(str, places_of(traffic)))


def _sentence(state: RolloutState, problem: str) -> str:
    return f"{_objects_of(_traffic(state))} cannot have the share: {problem}."


def _edited(state: RolloutState, found: float | None, others: Sequence[str]) -> str:
    by = f" ({', '.join(others)})" if others else ""
    has = "no single share any more" if found is None else f"{found:.0%} for the canary, not {state.share:.0%}"
    return (
        f"The weights of {_objects_of(_traffic(state))} were edited by somebody else{by}, which wins: {has}. They "
        "stay. Leave them alone during a rollout; `extproc rollout promote` and `rollback` change the share."
    )
