"""One classifier: a bounded queue and its runners.

Callers never wait: a task is queued, or dropped and counted. Tasks that a request waits for have priority. A task that
is too old is dropped; so is one that misses its deadline, and its runner is reset if it does not return.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Protocol

from extproc.classifiers.runner import ClassifierFailed, Runner
from extproc.classifiers.scores import Scores


class ClassifierDropReason(StrEnum):
    """Why texts were not classified."""

    QUEUE_FULL = "queue_full"
    DEADLINE = "deadline"
    FAILED = "failed"
    SAMPLED_OUT = "sampled_out"
    STOPPED = "stopped"  # the process ended before


class PoolMetrics(Protocol):
    """Metrics of a pool."""

    def classifier_took(self, classifier: str, seconds: float) -> None:
        """Processing time of one task."""
        ...

    def classifier_waiting(self, classifier: str, tasks: int) -> None:
        """Queue length."""
        ...

    def classifier_has_room(self, classifier: str, tasks: int) -> None:
        """Largest queue length."""
        ...


class Task:
    """Texts to classify, with or without a context. ``done`` is called once, unless the task is given up."""

    __slots__ = ("_done", "chars", "context", "deadline_s", "is_open", "texts")

    def __init__(
        self,
        texts: Sequence[str],
        deadline_s: float,
        done: Callable[[Sequence[Scores] | ClassifierDropReason], None],
        context: str = "",
    ) -> None:
        self.texts = texts
        self.context = context
        self.chars = sum(map(len, texts)) + len(context)
        self.deadline_s = deadline_s  # event loop time
        self.is_open = True
        self._done = done

    def finish(self, outcome: Sequence[Scores] | ClassifierDropReason) -> None:
        """Report the result to the caller."""
        if self.is_open:
            self.is_open = False
            self._done(outcome)

    def give_up(self) -> None:
        """The caller no longer waits."""
        self.is_open = False


class Pool:
    """The queue and the runners of one classifier. Everything is called on one event loop."""

    def __init__(
        self,
        name: str,
        runners: Sequence[Runner],
        queue_max: int,
        queue_chars_max: int,
        metrics: PoolMetrics,
        logger: Any,
    ) -> None:
        self.name = name
        self._runners = runners
        self._queue_max = queue_max
        self._queue_chars_max = queue_chars_max
        self._metrics = metrics
        self._logger = logger
        self._awaited: deque[Task] = deque()
        self._others: deque[Task] = deque()
        self._chars = 0
        self._running = 0
        self._to_do = asyncio.Semaphore(0)
        self._idle = asyncio.Event()
        self._idle.set()
        self._prepared = [asyncio.Event() for _ in runners]
        self._slots: list[asyncio.Task[None]] = []
        self._is_closed = False
        self._is_failing = False

    def start(self) -> None:
        """Prepare the runners and start processing."""
        self._metrics.classifier_waiting(self.name, 0)  # a previous process may have left a value
        self._metrics.classifier_has_room(self.name, self._queue_max)
        for runner, prepared in zip(self._runners, self._prepared, strict=True):
            self._slots.append(asyncio.get_running_loop().create_task(self._serve(runner, prepared)))

    async def prepared(self) -> None:
        """Wait until every runner is ready or has failed."""
        for prepared in self._prepared:
            await prepared.wait()

    @property
    def waiting(self) -> int:
        """Number of queued tasks."""
        return len(self._awaited) + len(self._others)

    def take(self, task: Task, is_awaited: bool) -> None:
        """Queue a task, or drop it immediately."""
        if self._is_closed:
            task.finish(ClassifierDropReason.STOPPED)
        elif self.waiting >= self._queue_max or self._chars + task.chars > self._queue_chars_max:
            task.finish(ClassifierDropReason.QUEUE_FULL)
        else:
            (self._awaited if is_awaited else self._others).append(task)
            self._chars += task.chars
            self._idle.clear()
            self._to_do.release()
            self._metrics.classifier_waiting(self.name, self.waiting)

    async def close(self, drain_s: float) -> None:
        """Finish the queue, for at most this long [s], and drop the rest."""
        self._is_closed = True
        try:
            async with asyncio.timeout(drain_s):
                await self._idle.wait()
        except TimeoutError:
            pass
        for slot in self._slots:
            slot.cancel()
        if self._slots:
            await asyncio.wait(self._slots)
        while self.waiting:
            self._pop().finish(ClassifierDropReason.STOPPED)
        for runner in self._runners:
            await runner.close()
        self._metrics.classifier_waiting(self.name, 0)

    def _pop(self) -> Task:
        task = (self._awaited or self._others).popleft()
        self._chars -= task.chars
        return task

    async def _serve(self, runner: Runner, prepared: asyncio.Event) -> None:
        try:
            await runner.prepare()
        finally:
            prepared.set()
        while True:
            await self._to_do.acquire()
            task = self._pop()
            self._running += 1
            self._metrics.classifier_waiting(self.name, self.waiting)
            try:
                await self._run(runner, task)
            except Exception as error:  # an error of the task's owner; failures of the runner are handled below
                self._log(error)
            finally:
                task.finish(ClassifierDropReason.STOPPED)
                self._running -= 1
                if not self._running and not self.waiting:
                    self._idle.set()

    async def _run(self, runner: Runner, task: Task) -> None:
        clock = asyncio.get_running_loop().time
        started_s = clock()
        if not task.is_open or task.deadline_s <= started_s:
            task.finish(ClassifierDropReason.DEADLINE)
            return
        judging = asyncio.ensure_future(runner.judge(task.texts, task.context))
        try:
            await asyncio.wait({judging}, timeout=task.deadline_s - started_s)
            if not judging.done():
                task.finish(ClassifierDropReason.DEADLINE)
                await asyncio.wait({judging}, timeout=runner.grace_s)
            if not judging.done():
                await _cancelled(judging)
                await runner.reset()
                return
        finally:
            judging.cancel()
        self._metrics.classifier_took(self.name, clock() - started_s)
        error = judging.exception()
        if error is None:
            self._is_failing = False
            task.finish(judging.result())
            return
        if not self._is_failing:  # one line per task would flood the log; the others are only counted
            self._log(error)
        self._is_failing = True
        task.finish(ClassifierDropReason.FAILED)

    def _log(self, error: BaseException) -> None:
        """Exception messages may quote text, unless they are ours."""
        reason = str(error) if isinstance(error, ClassifierFailed) else ""
        self._logger.error("classifier failed", classifier=self.name, error=type(error).__name__, reason=reason)


async def _cancelled(work: asyncio.Future[Any]) -> None:
    work.cancel()
    await asyncio.wait({work})
