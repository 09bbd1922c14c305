"""All classifiers of a configuration: routes jobs and blocking checks to their pools, and results to metrics and
late findings.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from extproc.classifiers.memory import Memory, ScoresOrDrop
from extproc.classifiers.pool import ClassifierDropReason, Pool, PoolMetrics, Task
from extproc.classifiers.runner import Runner, UnusableRunner
from extproc.classifiers.scores import FindingLabels, ScoresMissing
from extproc.config.classifiers import ChatClassifier, Classifier, ModerationsClassifier
from extproc.domain.classification import (
    BlockingCheck,
    ClassificationJob,
    FindingsSink,
    JudgmentSink,
    LateFinding,
    SpokenText,
)
from extproc.domain.extras import how_to_install
from extproc.domain.finding import Finding
from extproc.domain.record import Coverage
from extproc.domain.text import Direction
from extproc.exchange.events import VerdictMissing, VerdictReceived

_RETIRED_S_MAX = 30.0
"""How long a classifier removed from the configuration may finish its queue."""
_COVERAGE = {
    ClassifierDropReason.SAMPLED_OUT: Coverage.SKIPPED_SAMPLED_OUT,
    ClassifierDropReason.FAILED: Coverage.FAILED_OPEN,
}


class ClassifierMetrics(PoolMetrics, Protocol):
    """Metrics of results."""

    def classifier_dropped(self, classifier: str, reason: str) -> None:
        """Texts were not classified."""
        ...

    def classifier_restarted(self, classifier: str, reason: str) -> None:
        """A process was replaced."""
        ...

    def classification_ended(self, job: ClassificationJob, kinds: Mapping[str, int], coverage: Coverage) -> None:
        """A job has finished, with findings by kind."""
        ...


@dataclass(frozen=True, slots=True)
class _Judge:
    """One running classifier."""

    pool: Pool
    verdicts: FindingLabels
    memory: Memory

    def take(
        self, texts: Sequence[SpokenText], deadline_s: float, done: Callable[[ScoresOrDrop], None], is_awaited: bool
    ) -> Task:
        """Classify the texts that are not cached; without any, report the result immediately."""
        unknown, tell = self.memory.look_up([spoken.text for spoken in texts], done)
        task = Task(unknown, deadline_s, tell)
        if unknown:
            self.pool.take(task, is_awaited)
        else:
            task.finish([])
        return task


class ClassifierRouter:
    """The pools by classifier name. Everything is called on one event loop."""

    def __init__(
        self,
        metrics: ClassifierMetrics,
        sinks: Sequence[FindingsSink],
        logger: Any,
        judgments: JudgmentSink | None = None,
    ) -> None:
        self._metrics = metrics
        self._sinks = sinks
        self._judgments = judgments
        self._logger = logger
        self._classifiers: dict[str, Classifier] = {}
        self._judges: dict[str, _Judge] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    def configure(self, classifiers: Mapping[str, Classifier]) -> None:
        """Apply a configuration. Unchanged classifiers continue; removed ones finish their queue."""
        for name, before in list(self._classifiers.items()):
            if classifiers.get(name) != before:
                del self._classifiers[name]
                self._retire(self._judges.pop(name).pool)
        for name, classifier in classifiers.items():
            if name not in self._classifiers:
                self._classifiers[name] = classifier
                judge = _Judge(
                    self._pool_of(name, classifier), FindingLabels(name, classifier), Memory(classifier.remembered_max)
                )
                judge.pool.start()
                self._judges[name] = judge

    async def prepared(self, within_s: float) -> None:
        """Wait until every classifier is ready or has failed to load, at most this long [s]."""
        preparing = [asyncio.ensure_future(judge.pool.prepared()) for judge in self._judges.values()]
        if preparing:
            _, late = await asyncio.wait(preparing, timeout=within_s)
            for one in late:
                one.cancel()

    def submit(self, job: ClassificationJob) -> None:
        """Queue texts for classification, or drop them; both are counted."""
        if job.sampled_out:
            self._drop(job, ClassifierDropReason.SAMPLED_OUT)
            return
        judge = self._judges.get(job.classifier)
        if judge is None:  # the configuration has changed in the meantime
            self._drop(job, ClassifierDropReason.FAILED)
            return
        deadline_s = _now_s() + self._classifiers[job.classifier].deadline_ms / 1_000
        on_outcome = partial(self._judged, job, judge.verdicts)
        if job.direction is Direction.RESPONSE:  # no result is reported twice
            task = Task([spoken.text for spoken in job.texts], deadline_s, on_outcome, job.context)
            judge.pool.take(task, is_awaited=False)
        else:
            judge.take(job.texts, deadline_s, on_outcome, is_awaited=False)

    async def check(self, check: BlockingCheck) -> VerdictReceived | VerdictMissing:
        """The result that a request waits for, or why there is none."""
        judge = self._judges.get(check.classifier)
        if judge is None:
            return self._expired(check, ClassifierDropReason.FAILED)
        outcome: asyncio.Future[ScoresOrDrop] = asyncio.get_running_loop().create_future()

        def settle(scores: ScoresOrDrop) -> None:
            if not outcome.done():  # cancelled, before the task is given up
                outcome.set_result(scores)

        task = judge.take(check.texts, _now_s() + check.wait_ms / 1_000, settle, is_awaited=True)
        try:
            async with asyncio.timeout(check.wait_ms / 1_000):
                scores = await outcome
        except TimeoutError:
            return self._expired(check, ClassifierDropReason.DEADLINE)
        finally:
            task.give_up()
        if isinstance(scores, ClassifierDropReason):
            return self._expired(check, scores)
        try:
            return VerdictReceived(check, judge.verdicts.findings(check.texts, scores, located=check.locates))
        except ScoresMissing:
            return self._expired(check, ClassifierDropReason.FAILED)

    async def close(self, drain_s: float) -> None:
        """Finish the queue, for at most this long [s], and stop every process."""
        judges, self._judges = self._judges, {}
        self._classifiers.clear()
        closing = [asyncio.ensure_future(judge.pool.close(drain_s)) for judge in judges.values()]
        if closing or self._retiring:
            await asyncio.wait([*closing, *self._retiring])

    # --- what comes of texts ---------------------------------------------------------------------------------------

    def _judged(self, job: ClassificationJob, verdicts: FindingLabels, outcome: ScoresOrDrop) -> None:
        if isinstance(outcome, ClassifierDropReason):
            self._drop(job, outcome)
            return
        try:
            found = verdicts.findings(job.texts, outcome)
        except ScoresMissing:
            self._drop(job, ClassifierDropReason.FAILED)
            return
        self._metrics.classification_ended(job, Counter(finding.kind for _, finding in found), job.covers)
        arm = job.origin.arm
        if self._judgments is not None and arm is not None and job.direction is Direction.RESPONSE:
            self._judgments.judged(arm, bool(found))
        for spoken, finding in found if job.is_reviewed else ():
            self._report_finding(job, spoken, finding)

    def _report_finding(self, job: ClassificationJob, spoken: SpokenText, finding: Finding) -> None:
        late = LateFinding(
            job.origin,
            job.guard,
            job.direction,
            job.action,
            spoken.speaker,
            finding,
            spoken.text,
        )
        for sink in self._sinks:
            try:
                sink.found_late(late)
            except Exception as error:
                self._logger.error("sink failed", sink=type(sink).__name__, error=type(error).__name__)

    def _drop(self, job: ClassificationJob, reason: ClassifierDropReason) -> None:
        self._metrics.classifier_dropped(job.classifier, reason.value)
        self._metrics.classification_ended(job, {}, _COVERAGE.get(reason, Coverage.SKIPPED_DROPPED))

    def _expired(self, check: BlockingCheck, reason: ClassifierDropReason) -> VerdictMissing:
        self._metrics.classifier_dropped(check.classifier, reason.value)
        return VerdictMissing(check, reason.value)

    # --- pools -----------------------------------------------------------------------------------------------------

    def _pool_of(self, name: str, classifier: Classifier) -> Pool:
        runners = [self._runner_of(name, classifier) for _ in range(classifier.workers)]
        return Pool(name, runners, classifier.queue_max, classifier.queue_chars_max, self._metrics, self._logger)

    def _runner_of(self, name: str, classifier: Classifier) -> Runner:
        if isinstance(classifier, ModerationsClassifier | ChatClassifier):
            return _remote_runner(classifier)
        from extproc.classifiers.process import ProcessRunner  # of no use without a model of our own

        restarted = partial(self._metrics.classifier_restarted, name)
        return ProcessRunner(name, classifier, restarted, self._logger)

    def _retire(self, pool: Pool) -> None:
        task = asyncio.get_running_loop().create_task(pool.close(_RETIRED_S_MAX))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def _remote_runner(classifier: ModerationsClassifier | ChatClassifier) -> Runner:
    """The HTTP library is imported only if needed."""
    try:
        from extproc.classifiers.http import ChatRunner, ModerationsRunner
    except ImportError:
        return UnusableRunner(f"a package is not installed. {how_to_install('http')}")
    deadline_s = classifier.deadline_ms / 1_000
    if isinstance(classifier, ChatClassifier):
        return ChatRunner(classifier, deadline_s)
    return ModerationsRunner(classifier, deadline_s)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
