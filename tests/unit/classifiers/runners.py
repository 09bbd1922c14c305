"""Runners and metrics for tests of pools: they judge when they are told to, and keep what they are told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from typing import Any

from extproc.classifiers.runner import ClassifierFailed
from extproc.classifiers.scores import Scores
from extproc.domain.classification import ClassificationJob, LateFinding
from extproc.domain.record import Coverage
from tests.unit.server.loops import time_s_max

SECRET = "the user's own words"


def in_new_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A coroutine as a test, on an event loop of its own."""

    @wraps(test)
    def run(**arguments: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**arguments), time_s_max()))

    return run


async def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds; the test's own limit ends it."""
    while not condition():
        await asyncio.sleep(0.002)


class FakeRunner:
    """Scores each text by what it says: ``bad`` 1, else 0. Waits, fails or hangs for texts that say so."""

    grace_s = 0.02

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.judged: list[str] = []
        self.contexts: list[str] = []
        self.resets = 0
        self.is_closed = False

    async def prepare(self) -> None:
        """Nothing to load."""

    async def judge(self, texts: Sequence[str], context: str = "") -> list[Scores]:
        """As the texts say."""
        for text in texts:
            if "wait" in text:
                await self.let_go.wait()
            if "hang" in text:
                await asyncio.Event().wait()
            if "fail" in text:
                raise ClassifierFailed("died")
            if "fault" in text:
                raise ValueError(SECRET)
        self.judged += texts
        self.contexts.append(context)
        return [{"injection": float("bad" in text)} for text in texts]

    async def reset(self) -> None:
        """Count it."""
        self.resets += 1

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True


class FakeMetrics:
    """Keeps all counts."""

    def __init__(self) -> None:
        self.took: Counter[str] = Counter()
        self.waiting: list[int] = []
        self.room = 0
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.restarted: list[str] = []
        self.judged: list[tuple[ClassificationJob, dict[str, int], Coverage]] = []

    def classifier_took(self, classifier: str, seconds: float) -> None:
        """Count."""
        assert seconds >= 0
        self.took[classifier] += 1

    def classifier_waiting(self, classifier: str, tasks: int) -> None:
        """Keep."""
        self.waiting.append(tasks)

    def classifier_has_room(self, classifier: str, tasks: int) -> None:
        """Keep."""
        self.room = tasks

    def classifier_dropped(self, classifier: str, reason: str) -> None:
        """Count."""
        self.dropped[classifier, reason] += 1

    def classifier_restarted(self, classifier: str, reason: str) -> None:
        """Keep."""
        self.restarted.append(reason)

    def classification_ended(self, job: ClassificationJob, kinds: Mapping[str, int], coverage: Coverage) -> None:
        """Keep."""
        self.judged.append((job, dict(kinds), coverage))


class FakeLog:
    """Keeps its lines as one text each."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def error(self, event: str, **fields: Any) -> None:
        """Keep."""
        self.lines.append(f"{event} {fields}")


class FakeSink:
    """Keeps late findings."""

    def __init__(self) -> None:
        self.found: list[LateFinding] = []

    def found_late(self, finding: LateFinding) -> None:
        """Keep."""
        self.found.append(finding)
