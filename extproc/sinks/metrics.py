"""All metrics with names, labels and buckets. ``docs/reference/metrics.md`` is generated from this file.

Updates from exchanges are accumulated (see ``gathered``) and handed to the library when the registry is read. Label
values from requests are bounded: beyond ``label_values_max`` distinct values, or if too long, a value counts as
``other``. A value that was idle for an hour makes room. Its series end like those of a process that exits: if it
returns, they restart at 0, which Prometheus handles as a counter reset. Files that several workers share cannot shrink:
there its series stay (see ``worker_metrics`` for what the page shows), and the distinct values over a worker's lifetime
are bounded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Set
from functools import partial
from typing import TypeVar

from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics
from prometheus_client.metrics_core import Metric

from extproc.domain.classification import ClassificationJob
from extproc.domain.record import HOLD_LIMIT, Coverage, ExchangeRecord, Outcome, VersionFacts
from extproc.sinks.bounded_labels import BoundedLabels
from extproc.sinks.gathered import BulkHistogram, ForgettingCounter, GatheredCounter, GatheredHistogram, Labels

NO_VERSION = "none"
BOUNDED = ("team", "project", "fingerprint")
"""Labels with ever new values: those of requests, and the revisions of versions."""
REQUESTS = "llm_requests"
"""The family that counts every value of these labels."""
ADMITTED_FACTOR_MAX = 100
"""Where series are permanent: distinct values over the lifetime of a process, as a multiple of ``label_values_max``."""
RESPONSE_TOKEN_BUCKETS = (10, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
SECONDS_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
TOKEN_SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
STEP_SECONDS_BUCKETS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)
_NS = 1e-9
_GatheredT = TypeVar("_GatheredT", GatheredCounter, GatheredHistogram)
_VERSION_LABELS = ("model", "version", "fingerprint")
_TEAM_LABELS = ("team", "project", *_VERSION_LABELS)


class _FlushedRegistry(CollectorRegistry):
    """A registry that flushes accumulated updates before it is read."""

    def __init__(self, flush: Callable[[], None]) -> None:
        super().__init__()
        self._flush = flush

    def collect(self) -> Iterable[Metric]:
        self._flush()
        return super().collect()


class Metrics:
    """The metrics of one process, on its own registry.

    Args: forgets: False for a process that counts in files, which cannot shrink.
    """

    def __init__(self, label_values_max: int, *, forgets: bool = True) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each one, that nobody reads
        self.registry: CollectorRegistry = _FlushedRegistry(self.flush)
        registry = self.registry
        # large messages run in threads; reentrant, as a destructor may log and count a dropped line while it is held
        self._lock = threading.RLock()
        self._gathered: list[GatheredCounter | GatheredHistogram] = []
        admitted_max = None if forgets else ADMITTED_FACTOR_MAX * label_values_max
        self._teams = BoundedLabels(label_values_max, partial(self._forget, "team"), admitted_max)
        self._projects = BoundedLabels(label_values_max, partial(self._forget, "project"), admitted_max)
        self._fingerprints = BoundedLabels(label_values_max, partial(self._forget, "fingerprint"), admitted_max)
        self._forgetting: dict[str, list[GatheredCounter | GatheredHistogram]] = {label: [] for label in BOUNDED}

        def keep(gathered: _GatheredT, labels: tuple[str, ...]) -> _GatheredT:
            self._gathered.append(gathered)
            for label in BOUNDED if forgets else ():
                if label in labels:
                    self._forgetting[label].append(gathered)
            return gathered

        def counter(name: str, text: str, labels: tuple[str, ...]) -> GatheredCounter:
            gathered = GatheredCounter(ForgettingCounter(name, text, labels, registry=registry))
            return keep(gathered, labels)

        def histogram(name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> GatheredHistogram:
            made = BulkHistogram(name, text, labels, buckets=buckets, registry=registry)
            return keep(GatheredHistogram(made, buckets), labels)

        self._requests = counter(
            f"{REQUESTS}_total", "Completed exchanges.", ("endpoint", *_TEAM_LABELS, "outcome", "streamed")
        )
        self._prompt_tokens = counter("llm_prompt_tokens_total", "Prompt tokens, including cached ones.", _TEAM_LABELS)
        self._completion_tokens = counter("llm_completion_tokens_total", "Response tokens.", _TEAM_LABELS)
        self._cached_tokens = counter(
            "llm_cached_tokens_total", "Prompt tokens taken from the prefix cache.", _TEAM_LABELS
        )
        self._estimated = counter(
            "llm_usage_estimated_total",
            "Exchanges whose tokens were estimated here, as the server did not count them.",
            _VERSION_LABELS,
        )
        self._capped = counter(
            "llm_usage_capped_total",
            "Exchanges whose server-side token count exceeded what the request allows.",
            _VERSION_LABELS,
        )
        self._cost = counter("llm_cost_micro_usd_total", "Cost of tokens in micro-USD.", _TEAM_LABELS)
        self._response_tokens = histogram(
            "llm_response_tokens", "Tokens per response.", _VERSION_LABELS, RESPONSE_TOKEN_BUCKETS
        )
        self._first_token = histogram(
            "llm_time_to_first_token_seconds",
            "Time from the request to the first text of a stream.",
            _VERSION_LABELS,
            SECONDS_BUCKETS,
        )
        self._per_token = histogram(
            "llm_time_per_output_token_seconds",
            "Time from first to last text of a stream, per token after the first.",
            _VERSION_LABELS,
            TOKEN_SECONDS_BUCKETS,
        )
        self._duration = histogram(
            "llm_request_duration_seconds",
            "Time from the request to the end of the response.",
            _VERSION_LABELS,
            SECONDS_BUCKETS,
        )
        self._refusals = counter("llm_refusal_total", "Responses in which the model refuses.", _VERSION_LABELS)
        self._unrouted = counter(
            "llm_version_unrouted_total",
            "Exchanges whose chosen version the calling Envoy does not route; another one was chosen, if there is one.",
            _VERSION_LABELS,
        )
        self._routes = counter(
            "llm_route_total", "Exchanges by the route that chose where they go.", ("route", "model")
        )
        self._ignored_pins = counter(
            "llm_pin_ignored_total", "Exchanges whose pin header was ignored, as their team may not pin.", ("model",)
        )
        self._fallbacks = counter(
            "llm_fallback_total",
            "Steps from one version to the next, as the first could not answer; `ejected`: Envoy did not try it.",
            ("from", "to", "reason"),
        )
        self.envoy_stale = Gauge(
            "llm_envoy_stale_keys",
            "Configuration keys that an Envoy which calls does not know yet.",
            registry=registry,
        )
        self._answers = counter("llm_answers_total", "Completed responses (choices).", _VERSION_LABELS)
        self._verdicts = counter(
            "llm_guard_verdicts_total", "Findings by the action taken.", ("policy", "guard", "direction", "action")
        )
        self._findings = counter("llm_guard_findings_total", "Findings by kind.", ("guard", "direction", "kind"))
        self._hold_limit = counter(
            "llm_guard_hold_limit_total",
            "Response words that exceeded a hold limit, and were not checked as a whole.",
            ("guard",),
        )
        self._coverage = counter(
            "llm_guard_coverage_total",
            "Texts by outcome at a guard.",
            ("policy", "guard", "direction", "outcome"),
        )
        self._texts = counter(
            "llm_policy_texts_total",
            "Texts received; equals the coverage total of each guard for that direction.",
            ("policy", "direction"),
        )
        self._step = histogram(
            "llm_extproc_step_seconds", "Processing time of one message.", ("phase",), STEP_SECONDS_BUCKETS
        )
        self._long = Gauge(
            "llm_extproc_long_messages",
            "Long messages being received, queued or checked.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._long_wait = histogram(
            "llm_extproc_long_message_wait_seconds",
            "Queueing time of a long message.",
            (),
            SECONDS_BUCKETS,
        )
        self._long_refused = counter(
            "llm_extproc_long_messages_refused_total",
            "Requests rejected because the queue of long messages was full.",
            (),
        )
        self._dropped_texts = counter(
            "llm_extproc_dropped_texts_total",
            "Texts and events that arrived after the end of their choice, block or stream.",
            ("endpoint",),
        )
        self._failures = counter(
            "llm_extproc_failures_total", "Exchanges that ended with an internal failure.", ("reason",)
        )
        self.inflight = Gauge("llm_inflight_exchanges", "Exchanges in flight.", registry=registry)
        self._reloads = counter("llm_config_reloads_total", "Attempts to load the configuration.", ("result",))
        self._prompt_store = counter(
            "llm_prompt_store_requests_total", "Requests to the prompt store: `ok`, `unchanged`, `failed`.", ("result",)
        )
        self._scrapes = counter(
            "llm_endpoint_scrapes_total",
            "Attempts to read a model server's load: `ok`, `unreachable`, `failed`, `unreadable` (no vLLM page).",
            ("result",),
        )
        self._load_age = Gauge(
            "llm_endpoint_load_age_seconds",
            "Age of what a model server says of its load; above 2 it is not used.",
            ("endpoint",),
            registry=registry,
        )
        self._revision = Gauge(
            "llm_config_revision", "1 for the configuration in force.", ("revision",), registry=registry
        )
        self._version_info = Gauge(
            "llm_version_info",
            "1 for each model version in force.",
            (*_VERSION_LABELS, "prompt", "prompt_fingerprint"),
            registry=registry,
        )
        self._worker_restarts = counter(
            "llm_worker_restarts_total", "Workers that died and were restarted.", ("reason",)
        )
        self._log_lines_dropped = counter(
            "llm_log_lines_dropped_total", "Log lines dropped because output was too slow or failed.", ("level",)
        )
        self._classifier_seconds = histogram(
            "llm_classifier_seconds", "Time to classify the texts of one exchange.", ("classifier",), SECONDS_BUCKETS
        )
        self._classifier_dropped = counter(
            "llm_classifier_dropped_total", "Exchanges whose texts were not classified.", ("classifier", "reason")
        )
        self._classifier_restarts = counter(
            "llm_classifier_restarts_total", "Classifier processes that were replaced.", ("classifier", "reason")
        )
        self._classifier_queue = Gauge(
            "llm_classifier_queue",
            "Exchanges in the classifier queue.",
            ("classifier",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._review_entries = counter("llm_review_entries_total", "Findings added to the review queue.", ("guard",))
        self._review_dropped = counter(
            "llm_review_dropped_total", "Findings that the review queue dropped.", ("reason",)
        )
        self._precision = Gauge(
            "llm_guard_precision",
            "Share of a guard's labeled findings that reviewers confirmed.",
            ("guard",),
            registry=registry,
        )
        self._guards_shown: set[str] = set()
        self._long_refused.add((), 0)
        for result in ("ok", "invalid"):
            self._reloads.add((result,), 0)

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Count one exchange."""
        with self._lock:
            self._count(record)

    def _count(self, record: ExchangeRecord) -> None:
        team = self._teams.bound(record.team, record.ended_ns)
        project = self._projects.bound(record.project, record.ended_ns)
        by_version = self._version_labels(record.version, record.ended_ns)
        by_team = (team, project, *by_version)
        streamed = "true" if record.streamed else "false"
        self._requests.add((record.endpoint or "none", *by_team, record.outcome.value, streamed))
        if record.route:
            self._routes.add((record.route, record.version.model if record.version else NO_VERSION))
        if record.ignored_pin:
            self._ignored_pins.add((record.ignored_pin,))
        if record.unrouted is not None:
            self._unrouted.add(self._version_labels(record.unrouted, record.ended_ns))
        for step in record.fallbacks if record.attempts else ():
            self._fallbacks.add(step, 1)
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

    def _version_labels(self, version: VersionFacts | None, now_ns: int) -> Labels:
        if version is None:
            return (NO_VERSION, NO_VERSION, NO_VERSION)
        return (version.model, version.version, self._fingerprints.bound(version.fingerprint, now_ns))

    def _forget(self, label: str, values: Set[str]) -> None:
        for gathered in self._forgetting[label]:
            gathered.forget(label, values)

    def _count_usage(self, record: ExchangeRecord, by_version: Labels, by_team: Labels) -> None:
        usage = record.usage
        if usage is None:
            return
        self._prompt_tokens.add(by_team, usage.prompt)
        self._completion_tokens.add(by_team, usage.completion)
        self._cached_tokens.add(by_team, usage.cached)
        self._cost.add(by_team, record.cost_micro_usd)
        if usage.estimated:
            self._estimated.add(by_version)
        if record.usage_capped:
            self._capped.add(by_version)

    def _count_answer(self, record: ExchangeRecord, by_version: Labels) -> None:
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
        """Record the processing time of one message. Thread-safe, like ``exchange_ended``."""
        with self._lock:
            self._step.add((phase,), duration_ns * _NS)

    def long_messages(self, count: int) -> None:
        """Set the number of long messages."""
        self._long.set(count)

    def long_message_waited(self, wait_s: float) -> None:
        """Record the queueing time of one."""
        with self._lock:
            self._long_wait.add((), wait_s)

    def long_message_refused(self) -> None:
        """Count a rejection."""
        with self._lock:
            self._long_refused.add(())

    def flush(self) -> None:
        """Hand accumulated updates to the library. Reading the registry does so too."""
        with self._lock:
            taken = [series.take() for series in self._gathered]
        for hand_over in taken:
            hand_over()

    def reloaded(self, result: str) -> None:
        """Count an attempt to load the configuration: ``ok`` or ``invalid``."""
        with self._lock:
            self._reloads.add((result,))

    def prompt_store_asked(self, result: str, times: int) -> None:
        """Count requests to the prompt store, by result."""
        with self._lock:
            self._prompt_store.add((result,), times)

    def endpoint_watched(self, endpoint: str, age_s: Callable[[], float]) -> None:
        """Show the age of what an endpoint says, asked when the page is read."""
        self._load_age.labels(endpoint).set_function(age_s)

    def endpoint_left(self, endpoint: str) -> None:
        """Show an endpoint no more."""
        self._load_age.remove(endpoint)

    def endpoint_scraped(self, result: str) -> None:
        """Count an attempt to read the load of an endpoint."""
        with self._lock:
            self._scrapes.add((result,))

    def worker_restarted(self, reason: str) -> None:
        """Count an unexpected exit of a worker, by how it ended."""
        with self._lock:
            self._worker_restarts.add((reason,))

    def classifier_took(self, classifier: str, seconds: float) -> None:
        """Record the classification time of one exchange's texts."""
        with self._lock:
            self._classifier_seconds.add((classifier,), seconds)

    def classifier_waiting(self, classifier: str, tasks: int) -> None:
        """Set the queue length."""
        self._classifier_queue.labels(classifier).set(tasks)

    def classifier_dropped(self, classifier: str, reason: str) -> None:
        """Count an exchange whose texts were not classified."""
        with self._lock:
            self._classifier_dropped.add((classifier, reason))

    def classifier_restarted(self, classifier: str, reason: str) -> None:
        """Count a replaced process."""
        with self._lock:
            self._classifier_restarts.add((classifier, reason))

    def classification_ended(self, job: ClassificationJob, kinds: Mapping[str, int], coverage: Coverage) -> None:
        """Count the results of out-of-band classification, once for each direction of an exchange."""
        guard, direction = job.guard, job.direction.value
        with self._lock:
            self._coverage.add((job.origin.policy, guard, direction, coverage.value), job.fields)
            for kind, times in kinds.items():
                self._findings.add((guard, direction, kind), times)
                self._verdicts.add((job.origin.policy, guard, direction, job.action.value), times)

    def log_lines_dropped(self, level: str, lines: int) -> None:
        """Count dropped log lines."""
        with self._lock:
            self._log_lines_dropped.add((level,), lines)

    def in_force(self, revision: str, versions: Iterable[VersionFacts]) -> None:
        """Set the configuration in force, and its versions."""
        self._revision.clear()
        self._revision.labels(revision).set(1)
        self._version_info.clear()
        for one in versions:
            labels = (one.model, one.version, one.fingerprint, one.prompt, one.prompt_fingerprint)
            self._version_info.labels(*labels).set(1)

    def review_stored(self, findings: Mapping[str, int]) -> None:
        """Count stored findings, by guard."""
        with self._lock:
            for guard, number in findings.items():
                self._review_entries.add((guard,), number)

    def review_dropped(self, reason: str, findings: int) -> None:
        """Count dropped findings; 0 creates the series."""
        with self._lock:
            self._review_dropped.add((reason,), findings)

    def guard_precision(self, shares: Mapping[str, float]) -> None:
        """Set the precision of each guard, by name; guards that are not given are removed."""
        for guard in self._guards_shown.difference(shares):
            self._precision.remove(guard)
        for guard, share in shares.items():
            self._precision.labels(guard).set(share)
        self._guards_shown = set(shares)
