"""Counts the tokens of exchanges without reported usage, after their end and before the sinks get their records.

Nobody waits for it: the queue is bounded, and an exchange that cannot be counted keeps the tokens that learned rates
estimate. Texts are in memory only, and are dropped when they were counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from extproc.domain.record import ExchangeRecord
from extproc.domain.uncounted import Uncounted
from extproc.exchange.tokenizer_counts import TokenizerCounts
from extproc.token_counting.process import CountingFailed, CountingProcess

QUEUE_CHARS_MAX: Final = 16_777_216
"""Length of the samples that wait; further exchanges are not counted. [characters]"""


class CountResult(StrEnum):
    """What became of an exchange whose model has a tokenizer."""

    COUNTED = "counted"
    LEARNED = "learned"  # its usage was reported, and taught what the server adds to the texts
    DROPPED = "dropped"  # the queue was full
    FAILED = "failed"
    STOPPED = "stopped"  # the process ended before


class CounterMetrics(Protocol):
    """Metrics of the counter."""

    def tokenizer_took(self, result: str) -> None:
        """One exchange."""
        ...


Publish = Callable[[ExchangeRecord], None]


class _Job(NamedTuple):
    record: ExchangeRecord
    uncounted: Uncounted
    publish: Publish | None  # None: it is published already


class TokenCounter:
    """All tokenizers of a configuration. Everything is called on one event loop.

    Args: folder: of the configuration, to which the paths of tokenizers are relative.
    """

    def __init__(
        self, folder: Path, metrics: CounterMetrics, logger: Any, process: CountingProcess | None = None
    ) -> None:
        self._folder = folder.resolve()
        self._metrics = metrics
        self._logger = logger
        self._process = CountingProcess() if process is None else process
        self._counts = TokenizerCounts()
        self._tokenizers: Mapping[str, str] = {}
        self._jobs: deque[_Job] = deque()
        self._chars = 0
        self._to_do = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False
        self._problem = ""

    def configure(self, tokenizers: Mapping[str, str]) -> None:
        """Use these tokenizers from now on. Args: tokenizers: SHA-256 of each file, by its path in the document."""
        if tokenizers == self._tokenizers:
            return
        self._tokenizers = tokenizers
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        self._to_do.set()

    def take(self, record: ExchangeRecord, publish: Publish) -> bool:
        """Queue an exchange that has ended, if it is to be counted.

        Args: publish: called with the record once its tokens are counted, or cannot be.
        Returns: whether it will be; otherwise the caller publishes the record now.
        """
        uncounted, record.uncounted = record.uncounted, None
        if uncounted is None or record.usage is None:
            return False
        is_waited_for = record.usage.estimated
        if self._task is None or self._is_closed or not (is_waited_for or self._teaches(record)):
            return False
        chars = uncounted.chars
        if self._chars + chars > QUEUE_CHARS_MAX:
            self._metrics.tokenizer_took(CountResult.DROPPED)
            return False
        self._chars += chars
        self._jobs.append(_Job(record, uncounted, publish if is_waited_for else None))
        self._is_idle.clear()
        self._to_do.set()
        return is_waited_for

    async def close(self, wait_s: float) -> None:
        """Count what waits, for at most this long [s], then publish the rest as it is, and end the process."""
        self._is_closed = True
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._is_idle.wait()
            self._task.cancel()
            await asyncio.wait({self._task})
        while self._jobs:
            self._finish(self._jobs.popleft(), CountResult.STOPPED)
        await self._process.close()

    def _teaches(self, record: ExchangeRecord) -> bool:
        return not self._jobs and self._counts.teaches(record)

    async def _run(self) -> None:
        while True:
            await self._to_do.wait()
            self._to_do.clear()
            await self._load()
            while self._jobs:
                job = self._jobs[0]
                try:
                    result = await self._count(job)
                except Exception as error:  # an internal error must not keep records from the sinks
                    self._note(type(error).__name__)
                    result = CountResult.FAILED
                self._jobs.popleft()  # not before: who closes publishes it
                self._chars -= job.uncounted.chars
                self._finish(job, result)
            self._is_idle.set()

    async def _load(self) -> bool:
        """Have the tokenizers loaded. Returns: whether all are."""
        wanted = {self._file(name): sha256 for name, sha256 in self._tokenizers.items()}
        try:
            await self._process.load(wanted)
        except CountingFailed as failed:
            self._note(f"a tokenizer cannot be loaded: {failed}")
            return False
        return True

    async def _count(self, job: _Job) -> CountResult:
        uncounted = job.uncounted
        parts = uncounted.prompt, uncounted.tools, uncounted.answer or ()
        texts = [[_plain(text) for text in part] for part in parts]
        if not await self._load():
            return CountResult.FAILED
        try:
            counted = await self._process.count(self._file(uncounted.tokenizer), texts)
        except CountingFailed as failed:
            self._note(str(failed))
            return CountResult.FAILED
        self._note("")
        self._counts.take(job.record, uncounted, counted)
        return CountResult.LEARNED if job.publish is None else CountResult.COUNTED

    def _finish(self, job: _Job, result: CountResult) -> None:
        self._metrics.tokenizer_took(result)
        if job.publish is not None:
            job.publish(job.record)

    def _file(self, name: str) -> str:
        return str(self._folder / name)

    def _note(self, problem: str) -> None:
        """Log a failure, and its end, once each."""
        if bool(problem) != bool(self._problem):
            if problem:
                self._logger.error("tokens are not counted, learned rates estimate them", reason=problem)
            else:
                self._logger.info("tokens are counted again")
        self._problem = problem


def _plain(text: str) -> str:
    """The text without lone surrogates, which no tokenizer takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
