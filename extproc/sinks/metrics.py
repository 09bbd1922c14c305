"""All metrics: their names, labels and buckets, in one place. The README's table is tested against this file.

Children are kept, so that an exchange costs no label look-ups beyond one dictionary access each. Label values that come
from requests are bounded: past ``label_values_max`` different ones, or when too long, a value counts as ``other``.
"""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

from extproc.domain.record import ExchangeRecord, Outcome

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


class _Children:
    """A metric's children by their label values."""

    def __init__(self, metric: MetricWrapperBase) -> None:
        self._metric = metric
        self._children: dict[tuple[str, ...], Any] = {}

    def __getitem__(self, labels: tuple[str, ...]) -> Any:
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._metric.labels(*labels)
        return child


class Metrics:
    """The metrics of one process, on a registry of its own."""

    def __init__(self, label_values_max: int) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each one, that nobody reads
        self.registry = registry = CollectorRegistry()
        self._teams = BoundedLabels(label_values_max)
        self._projects = BoundedLabels(label_values_max)

        def counter(name: str, text: str, labels: tuple[str, ...]) -> _Children:
            return _Children(Counter(name, text, labels, registry=registry))

        def histogram(name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> _Children:
            return _Children(Histogram(name, text, labels, buckets=buckets, registry=registry))

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
            "llm_guard_verdicts_total", "Findings, and what they led to.", ("filter", "direction", "action", "mode")
        )
        self._findings = counter("llm_guard_findings_total", "Findings by their kind.", ("filter", "direction", "kind"))
        self._coverage = counter(
            "llm_guard_coverage_total", "Exchanges by what a filter saw of them.", ("filter", "outcome")
        )
        self._step = histogram("llm_extproc_step_seconds", "Work on one message.", ("phase",), STEP_SECONDS_BUCKETS)
        self._failures = counter(
            "llm_extproc_failures_total", "Exchanges that ended by a failure of ours.", ("reason",)
        )
        self.inflight = Gauge("llm_inflight_exchanges", "Exchanges that have not ended.", registry=registry)
        self._reloads = counter("llm_config_reloads_total", "Attempts to load the configuration.", ("result",))
        self._revision = Gauge(
            "llm_config_revision", "1 for the configuration in force.", ("revision",), registry=registry
        )
        for result in ("ok", "invalid"):
            self._reloads[(result,)].inc(0)

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Count one exchange."""
        model, version = (record.version.model, record.version.version) if record.version else (NO_VERSION, NO_VERSION)
        team, project = self._teams.bound(record.team), self._projects.bound(record.project)
        by_version, by_team = (model, version), (team, project, model, version)
        streamed = "true" if record.streamed else "false"
        self._requests[(record.endpoint or "none", *by_team, record.outcome.value, streamed)].inc()
        for verdict, times in record.verdicts.items():
            self._verdicts[verdict].inc(times)
        for finding, times in record.findings.items():
            self._findings[finding].inc(times)
        for name, outcome in record.coverage.items():
            self._coverage[name, outcome.value].inc()
        if record.outcome is Outcome.FAILED:
            self._failures[(record.reason,)].inc()
        if record.usage is not None:
            self._count_usage(record, by_version, by_team)
        if record.outcome in (Outcome.COMPLETED, Outcome.CUT):
            self._count_answer(record, by_version)

    def _count_usage(self, record: ExchangeRecord, by_version: tuple[str, ...], by_team: tuple[str, ...]) -> None:
        usage = record.usage
        if usage is None:
            return
        self._prompt_tokens[by_team].inc(usage.prompt)
        self._completion_tokens[by_team].inc(usage.completion)
        self._cached_tokens[by_team].inc(usage.cached)
        self._cost[by_team].inc(record.cost_micro_usd)
        if usage.estimated:
            self._estimated[by_version].inc()

    def _count_answer(self, record: ExchangeRecord, by_version: tuple[str, ...]) -> None:
        self._answers[by_version].inc(record.answers)
        self._refusals[by_version].inc(record.refusals)
        self._duration[by_version].observe((record.ended_ns - record.started_ns) * _NS)
        usage = record.usage
        if usage is not None:
            self._response_tokens[by_version].observe(usage.completion)
        if record.first_text_ns:
            self._first_token[by_version].observe((record.first_text_ns - record.started_ns) * _NS)
            if usage is not None and usage.completion > 1:
                between = (record.last_text_ns - record.first_text_ns) * _NS
                self._per_token[by_version].observe(between / (usage.completion - 1))

    def step(self, phase: str, duration_ns: int) -> None:
        """Count the work on one message."""
        self._step[(phase,)].observe(duration_ns * _NS)

    def reloaded(self, result: str) -> None:
        """Count an attempt to load the configuration: ``ok`` or ``invalid``."""
        self._reloads[(result,)].inc()

    def revision(self, revision: str) -> None:
        """Show the configuration in force."""
        self._revision.clear()
        self._revision.labels(revision).set(1)
