"""All metrics: their names, labels and buckets, in one place. The README's table is tested against this file.

What exchanges add is gathered (see ``gathered``) and handed to the library when the registry is read. Label values that
come from requests are bounded: past ``label_values_max`` different ones, or when too long, a value counts as ``other``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.metrics_core import Metric

from extproc.domain.beside import Judgement
from extproc.domain.record import HOLD_LIMIT, Coverage, ExchangeRecord, Outcome
from extproc.sinks.gathered import BulkHistogram, GatheredCounter, GatheredHistogram

OTHER = "other"
NO_VERSION = "none"
LABEL_CHARS_MAX = 100
RESPONSE_TOKEN_BUCKETS = (10, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
SECONDS_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
TOKEN_SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
STEP_SECONDS_BUCKETS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)
_NS = 1e-9
_VERSION_LABELS = ("model", "version")
_TEAM_LABELS = ("team", "project", "model", "version")


class BoundedLabels:
    """The first ``values_max`` different values of a label as they are; every further one is ``other``."""

    def __init__(self, values_max: int) -> None:
        self._values_max = values_max
        self._seen: set[str] = set()

    def bound(self, value: str) -> str:
        """The value to use as a label."""
        if value in self._seen:
            return value
        if len(self._seen) >= self._values_max or len(value) > LABEL_CHARS_MAX:
            return OTHER
        self._seen.add(value)
        return value


class _FlushedRegistry(CollectorRegistry):
    """A registry that has what was gathered handed over before it is read."""

    def __init__(self, flush: Callable[[], None]) -> None:
        super().__init__()
        self._flush = flush

    def collect(self) -> Iterable[Metric]:
        self._flush()
        return super().collect()


class Metrics:
    """The metrics of one process, on a registry of its own."""

    def __init__(self, label_values_max: int) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each one, that nobody reads
        self.registry: CollectorRegistry = _FlushedRegistry(self.flush)
        registry = self.registry
        self._lock = threading.Lock()  # large messages are worked on in threads
        self._gathered: list[GatheredCounter | GatheredHistogram] = []
        self._teams = BoundedLabels(label_values_max)
        self._projects = BoundedLabels(label_values_max)

        def counter(name: str, text: str, labels: tuple[str, ...]) -> GatheredCounter:
            self._gathered.append(gathered := GatheredCounter(Counter(name, text, labels, registry=registry)))
            return gathered

        def histogram(name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> GatheredHistogram:
            made = BulkHistogram(name, text, labels, buckets=buckets, registry=registry)
            self._gathered.append(gathered := GatheredHistogram(made, buckets))
            return gathered

        self._requests = counter(
            "llm_requests_total", "Exchanges that have ended.", ("endpoint", *_TEAM_LABELS, "outcome", "streamed")
        )
        self._prompt_tokens = counter("llm_prompt_tokens_total", "Prompt tokens, cached ones included.", _TEAM_LABELS)
        self._completion_tokens = counter("llm_completion_tokens_total", "Tokens of answers.", _TEAM_LABELS)
        self._cached_tokens = counter(
            "llm_cached_tokens_total", "Prompt tokens taken from the prefix cache.", _TEAM_LABELS
        )
        self._estimated = counter(
            "llm_usage_estimated_total", "Exchanges whose tokens were counted here, not by the server.", _VERSION_LABELS
        )
        self._cost = counter(
            "llm_cost_micro_usd_total", "Cost of tokens in micro-USD.", ("team", "project", "model", "version")
        )
        self._response_tokens = histogram(
            "llm_response_tokens", "Tokens of one answer.", _VERSION_LABELS, RESPONSE_TOKEN_BUCKETS
        )
        self._first_token = histogram(
            "llm_time_to_first_token_seconds",
            "From the request to the first text of a stream.",
            _VERSION_LABELS,
            SECONDS_BUCKETS,
        )
        self._per_token = histogram(
            "llm_time_per_output_token_seconds",
            "Between the first and the last text of a stream, for each token after the first.",
            _VERSION_LABELS,
            TOKEN_SECONDS_BUCKETS,
        )
        self._duration = histogram(
            "llm_request_duration_seconds",
            "From the request to the end of the answer.",
            _VERSION_LABELS,
            SECONDS_BUCKETS,
        )
        self._refusals = counter("llm_refusal_total", "Answers in which the model refuses.", _VERSION_LABELS)
        self._answers = counter("llm_answers_total", "Answers (choices) that came to an end.", _VERSION_LABELS)
        self._verdicts = counter(
            "llm_guard_verdicts_total", "Findings, and what they led to.", ("policy", "guard", "direction", "action")
        )
        self._findings = counter("llm_guard_findings_total", "Findings by their kind.", ("guard", "direction", "kind"))
        self._hold_limit = counter(
            "llm_guard_hold_limit_total",
            "Words of answers that were too long, or held for too long, to be judged as a whole.",
            ("guard",),
        )
        self._coverage = counter(
            "llm_guard_coverage_total",
            "Texts by what became of them before a guard.",
            ("policy", "guard", "direction", "outcome"),
        )
        self._texts = counter(
            "llm_policy_texts_total",
            "Texts that came: as many as the coverage of each guard that looks there.",
            ("policy", "direction"),
        )
        self._step = histogram("llm_extproc_step_seconds", "Work on one message.", ("phase",), STEP_SECONDS_BUCKETS)
        self._dropped_texts = counter(
            "llm_extproc_dropped_texts_total",
            "Texts and events that came behind the end of their choice, block or stream.",
            ("endpoint",),
        )
        self._failures = counter(
            "llm_extproc_failures_total", "Exchanges that ended by a failure of ours.", ("reason",)
        )
        self.inflight = Gauge("llm_inflight_exchanges", "Exchanges that have not ended.", registry=registry)
        self._reloads = counter("llm_config_reloads_total", "Attempts to load the configuration.", ("result",))
        self._revision = Gauge(
            "llm_config_revision", "1 for the configuration in force.", ("revision",), registry=registry
        )
        self._worker_restarts = counter(
            "llm_worker_restarts_total", "Workers that died and were started again.", ("reason",)
        )
        self._classifier_seconds = histogram(
            "llm_classifier_seconds", "Judging the texts of one exchange.", ("classifier",), SECONDS_BUCKETS
        )
        self._classifier_dropped = counter(
            "llm_classifier_dropped_total", "Exchanges whose texts were not judged.", ("classifier", "reason")
        )
        self._classifier_restarts = counter(
            "llm_classifier_restarts_total", "Classifier processes that were replaced.", ("classifier", "reason")
        )
        self._classifier_queue = Gauge(
            "llm_classifier_queue",
            "Exchanges whose texts wait to be judged.",
            ("classifier",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._review_entries = counter("llm_review_entries_total", "Findings put in the review queue.", ("guard",))
        self._review_dropped = counter(
            "llm_review_dropped_total", "Findings that the review queue did not take.", ("reason",)
        )
        self._precision = Gauge(
            "llm_guard_precision",
            "Share of a guard's labelled findings that people confirmed.",
            ("guard",),
            registry=registry,
        )
        self._guards_shown: set[str] = set()
        for result in ("ok", "invalid"):
            self._reloads.add((result,), 0)

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Count one exchange."""
        with self._lock:
            self._count(record)

    def _count(self, record: ExchangeRecord) -> None:
        model, version = (record.version.model, record.version.version) if record.version else (NO_VERSION, NO_VERSION)
        team, project = self._teams.bound(record.team), self._projects.bound(record.project)
        by_version, by_team = (model, version), (team, project, model, version)
        streamed = "true" if record.streamed else "false"
        self._requests.add((record.endpoint or "none", team, project, model, version, record.outcome.value, streamed))
        for verdict, times in record.verdicts.items():
            self._verdicts.add((record.policy, *verdict), times)
        for finding, times in record.findings.items():
            self._findings.add(finding, times)
            if finding[2] == HOLD_LIMIT:
                self._hold_limit.add((finding[0],), times)
        for (guard, direction, what), texts in record.coverage.items():
            self._coverage.add((record.policy, guard, direction, what.value), texts)
        for direction, texts in record.text_counts.items():
            self._texts.add((record.policy, direction), texts)
        if record.dropped_texts:
            self._dropped_texts.add((record.endpoint or "none",), record.dropped_texts)
        if record.outcome is Outcome.FAILED:
            self._failures.add((record.reason,))
        if record.usage is not None:
            self._count_usage(record, by_version, by_team)
        if record.outcome in (Outcome.COMPLETED, Outcome.CUT):
            self._count_answer(record, by_version)

    def _count_usage(self, record: ExchangeRecord, by_version: tuple[str, ...], by_team: tuple[str, ...]) -> None:
        usage = record.usage
        if usage is None:
            return
        self._prompt_tokens.add(by_team, usage.prompt)
        self._completion_tokens.add(by_team, usage.completion)
        self._cached_tokens.add(by_team, usage.cached)
        self._cost.add(by_team, record.cost_micro_usd)
        if usage.estimated:
            self._estimated.add(by_version)

    def _count_answer(self, record: ExchangeRecord, by_version: tuple[str, ...]) -> None:
        self._answers.add(by_version, record.answers)
        self._refusals.add(by_version, record.refusals)
        self._duration.add(by_version, (record.ended_ns - record.started_ns) * _NS)
        usage = record.usage
        if usage is not None:
            self._response_tokens.add(by_version, usage.completion)
        if record.first_text_ns:
            self._first_token.add(by_version, (record.first_text_ns - record.started_ns) * _NS)
            if usage is not None and usage.completion > 1:
                between = (record.last_text_ns - record.first_text_ns) * _NS
                self._per_token.add(by_version, between / (usage.completion - 1))

    def step(self, phase: str, duration_ns: int) -> None:
        """Count the work on one message. May be called from any thread, as ``exchange_ended`` may."""
        with self._lock:
            self._step.add((phase,), duration_ns * _NS)

    def flush(self) -> None:
        """Hand what was gathered to the library. Reading the registry does it too."""
        with self._lock:
            taken = [series.take() for series in self._gathered]
        for hand_over in taken:
            hand_over()

    def reloaded(self, result: str) -> None:
        """Count an attempt to load the configuration: ``ok`` or ``invalid``."""
        with self._lock:
            self._reloads.add((result,))

    def worker_restarted(self, reason: str) -> None:
        """Count the end of a worker that nobody asked for, by how it ended."""
        with self._lock:
            self._worker_restarts.add((reason,))

    def classifier_took(self, classifier: str, seconds: float) -> None:
        """Count the judging of one exchange's texts."""
        with self._lock:
            self._classifier_seconds.add((classifier,), seconds)

    def classifier_waiting(self, classifier: str, tasks: int) -> None:
        """Show how many wait."""
        self._classifier_queue.labels(classifier).set(tasks)

    def classifier_dropped(self, classifier: str, reason: str) -> None:
        """Count an exchange whose texts were not judged."""
        with self._lock:
            self._classifier_dropped.add((classifier, reason))

    def classifier_restarted(self, classifier: str, reason: str) -> None:
        """Count a process that was replaced."""
        with self._lock:
            self._classifier_restarts.add((classifier, reason))

    def judged_beside(self, judgement: Judgement, kinds: Mapping[str, int], coverage: Coverage) -> None:
        """Count what came of texts that were judged beside their exchange, once for each direction of it."""
        guard, direction = judgement.guard, judgement.direction.value
        with self._lock:
            self._coverage.add((judgement.origin.policy, guard, direction, coverage.value), judgement.fields)
            for kind, times in kinds.items():
                self._findings.add((guard, direction, kind), times)
                self._verdicts.add((judgement.origin.policy, guard, direction, judgement.action.value), times)

    def revision(self, revision: str) -> None:
        """Show the configuration in force."""
        self._revision.clear()
        self._revision.labels(revision).set(1)

    def review_stored(self, findings: Mapping[str, int]) -> None:
        """Count findings that the review queue has stored, by their guard."""
        with self._lock:
            for guard, number in findings.items():
                self._review_entries.add((guard,), number)

    def review_dropped(self, reason: str, findings: int) -> None:
        """Count findings that nobody will review; 0 makes the reason appear."""
        with self._lock:
            self._review_dropped.add((reason,), findings)

    def guard_precision(self, shares: Mapping[str, float]) -> None:
        """Show how often each guard was right, by its name; those that are not given are shown no more."""
        for guard in self._guards_shown.difference(shares):
            self._precision.remove(guard)
        for guard, share in shares.items():
            self._precision.labels(guard).set(share)
        self._guards_shown = set(shares)
