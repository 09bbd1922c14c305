"""A runner with its model in a separate process.

It loads the model once, and answers each line with another. A process that dies is replaced immediately; one that
reaches its task limit is replaced while it still works, which bounds memory leaks.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from extproc.children.json_child import ChildDied, JsonChild
from extproc.classifiers.runner import ClassifierFailed
from extproc.classifiers.scores import LocatedScores, Scores
from extproc.config.classifiers import LocalClassifier

_RETRY_S_MAX = 60.0
_END_S_MAX = 5.0


class ModelProcess:
    """One process. ``load`` and ``judge`` raise ClassifierFailed if it has died, or reports an error."""

    def __init__(self, child: JsonChild) -> None:
        self.child = child
        self.judged = 0
        self.is_alive = True  # as far as known

    @classmethod
    async def start(cls, command: Sequence[str]) -> ModelProcess:
        """Start the process; its model is not loaded yet."""
        return cls(await JsonChild.start(command))

    async def load(self, model: LocalClassifier) -> None:
        """Make it load its model."""
        await self._ask(model.model_dump(mode="json"))

    async def judge(self, texts: Sequence[str], context: str) -> list[Scores]:
        """The scores of each text."""
        reply = await self._ask({"texts": texts, "context": context})
        self.judged += 1
        places = reply.get("places")
        if places is None:
            return list(reply["scores"])
        return [LocatedScores(scores, found) for scores, found in zip(reply["scores"], places, strict=True)]

    async def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        try:
            reply = await self.child.ask(question)
        except ChildDied as error:
            self.is_alive = False
            raise ClassifierFailed("died") from error
        if "error" in reply:
            raise ClassifierFailed(str(reply["error"]))
        return reply

    async def end(self) -> None:
        """Let it finish its task, and end."""
        self.child.close_input()
        try:
            async with asyncio.timeout(_END_S_MAX):
                await self.child.wait()
        except TimeoutError:
            self.child.kill()
            await self.child.wait()


class ProcessRunner:
    """Runs one process at a time.

    Args: restarted: called with the reason of a replacement: ``died``, ``stuck`` or ``renewed``.
    """

    grace_s = 10.0

    def __init__(
        self,
        name: str,
        model: LocalClassifier,
        restarted: Callable[[str], None],
        logger: Any,
        command: Sequence[str] = (sys.executable, "-m", "extproc.classifiers.worker"),
    ) -> None:
        self._name = name
        self._model = model
        self._restarted = restarted
        self._logger = logger
        self._command = command
        self._worker: ModelProcess | None = None
        self._loading: asyncio.Task[None] | None = None
        self._ends: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._retry_s = 0.0  # event loop time before which a failed start is not retried
        self._is_closed = False

    async def prepare(self) -> None:
        """Load the model."""
        await asyncio.shield(self._load())

    async def judge(self, texts: Sequence[str], context: str = "") -> list[Scores]:
        """The scores of each text. Raises: ClassifierFailed."""
        worker = await self._ready()
        try:
            scores = await worker.judge(texts, context)
        except ClassifierFailed:
            if not worker.is_alive:
                self._replace(worker, "died")
            raise
        if worker.judged >= self._model.tasks_per_worker_max and worker is self._worker:
            self._load()
        return scores

    async def reset(self) -> None:
        """Kill a process that does not return, and replace it."""
        if self._worker is not None:
            self._worker.child.kill()
            self._replace(self._worker, "stuck")

    async def close(self) -> None:
        """End the process."""
        self._is_closed = True
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait({self._loading})
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.end()
        if self._ends:
            await asyncio.wait(self._ends)

    async def _ready(self) -> ModelProcess:
        if self._worker is None:
            if self._loading is None and asyncio.get_running_loop().time() < self._retry_s:
                raise ClassifierFailed("not loaded")
            await asyncio.shield(self._load())
        if self._worker is None:
            raise ClassifierFailed("not loaded")
        return self._worker

    def _load(self) -> asyncio.Task[None]:
        """Replace the process once another is ready; at most one replacement is in progress."""
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._take_over())
        return self._loading

    async def _take_over(self) -> None:
        worker = None
        try:
            worker = await ModelProcess.start(self._command)
            async with asyncio.timeout(self._model.load_ms_max / 1_000):
                await worker.load(self._model)
        except (ClassifierFailed, TimeoutError, OSError) as error:
            self._wait_longer()
            reason = str(error) if isinstance(error, ClassifierFailed) else type(error).__name__
            self._logger.error("classifier not loaded", classifier=self._name, reason=reason)
            await _killed(worker)
        except asyncio.CancelledError:
            await _killed(worker)
            raise
        else:
            before, self._worker = self._worker, worker
            if before is not None:
                self._restarted("renewed")
                self._later(before.end())
            self._later(self._watch(worker))
        finally:
            self._loading = None

    async def _watch(self, worker: ModelProcess) -> None:
        """Replace a process that has died."""
        await worker.child.wait()
        self._replace(worker, "died")

    def _replace(self, worker: ModelProcess, reason: str) -> None:
        """A process that never finished a task is replaced only on demand: the next one may die the same way."""
        if self._worker is not worker or self._is_closed:
            return
        self._worker = None
        self._restarted(reason)
        if worker.judged:
            self._failures = 0
            self._load()
        else:
            self._wait_longer()

    def _wait_longer(self) -> None:
        self._failures += 1
        wait_s = min(2.0 ** min(self._failures, 10) / 4, _RETRY_S_MAX)
        self._retry_s = asyncio.get_running_loop().time() + wait_s

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)


async def _killed(worker: ModelProcess | None) -> None:
    if worker is not None:
        worker.child.kill()
        await worker.child.wait()
