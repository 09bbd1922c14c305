"""All metrics with names, labels and buckets, together with those of ``exchange_metrics``, from which
``docs/reference/metrics.md`` is generated.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from extproc.domain.classification import ClassificationJob
from extproc.domain.record import Coverage, ExchangeRecord, VersionFacts
from extproc.sinks.exchange_metrics import SECONDS_BUCKETS, ExchangeMetrics
from extproc.sinks.feedback_metrics import FeedbackMetrics
from extproc.sinks.gathering_registry import VERSION_LABELS, GatheringRegistry
from extproc.sinks.ledger_metrics import LedgerMetrics

STEP_SECONDS_BUCKETS: Final = (
    0.00001,
    0.000025,
    0.00005,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.05,
    0.25,
)
_NS: Final = 1e-9
_STEPS_MAX: Final = 256
"""Times of so many messages are counted at once, at the latest when the page is read."""


class Metrics:
    """The metrics of one process, on its own registry.

    Args: forgets: False for a process that counts in files, which cannot shrink.
    """

    def __init__(self, label_values_max: int, *, forgets: bool = True) -> None:
        gathering = GatheringRegistry(label_values_max, forgets=forgets)
        counter, histogram = gathering.counter, gathering.histogram
        registry: CollectorRegistry = gathering.library
        self.registry = registry
        self.flush = gathering.flush
        self._lock = gathering.lock
        self._exchanges = ExchangeMetrics(gathering)
        self.ledger = LedgerMetrics(gathering)
        self.feedback = FeedbackMetrics(gathering)
        self.envoy_stale = Gauge(
            "llm_envoy_stale_keys",
            "Configuration keys that an Envoy which calls does not know yet.",
            registry=registry,
        )
        self._step = histogram(
            "llm_extproc_step_seconds", "Processing time of one message.", ("phase",), STEP_SECONDS_BUCKETS
        )
        self._steps: deque[tuple[str, int]] = deque()
        gathering.before_flush(self._count_steps)
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
        self.inflight = Gauge("llm_inflight_exchanges", "Exchanges in flight.", registry=registry)
        self._reloads = counter("llm_config_reloads_total", "Attempts to load the configuration.", ("result",))
        self.reload_successful = Gauge(
            "llm_config_last_reload_successful",
            "1 if the configuration files are in force as they are; 0 if they were refused, and older ones are.",
            registry=registry,
        )
        self.reload_successful.set(1)
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
            (*VERSION_LABELS, "prompt", "prompt_fingerprint"),
            registry=registry,
        )
        self._version_weight = Gauge(
            "llm_version_weight",
            "Weight of each version among those of its model; a route may have other ones.",
            ("model", "version"),
            registry=registry,
        )
        self._certificate_begins = Gauge(
            "llm_extproc_certificate_not_before_timestamp_seconds",
            "Beginning of the validity of a certificate in use, since 1970: of the `server`, or of the `client_ca`.",
            ("certificate",),
            registry=registry,
        )
        self._certificate_ends = Gauge(
            "llm_extproc_certificate_not_after_timestamp_seconds",
            "End of the validity of a certificate in use, since 1970; of several client CAs, that of the first to end.",
            ("certificate",),
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
        self._classifier_queue_max = Gauge(
            "llm_classifier_queue_max",
            "Exchanges for which the classifier queue has room.",
            ("classifier",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._tokenizer_exchanges = counter(
            "llm_tokenizer_exchanges_total",
            "Exchanges whose model has a tokenizer: `counted` as the server reported no usage, `learned` from reported"
            " usage, or estimated by learned rates, as they were `dropped` (too many waited), counting `failed`, or the"
            " process `stopped`.",
            ("result",),
        )
        self._limit_store_seconds = histogram(
            "llm_extproc_rate_limit_store_seconds", "Round trips to the store of rate limits.", (), STEP_SECONDS_BUCKETS
        )
        self._limit_store_errors = counter(
            "llm_extproc_rate_limit_store_errors_total",
            "Calls of the store of rate limits that failed: `deadline`, `refused`, `dropped`; times that it"
            " was `lost`.",
            ("reason",),
        )
        self._limit_alone = counter(
            "llm_extproc_rate_limit_decided_alone_total",
            "Exchanges decided without the store of rate limits, by `on_store_loss`.",
            ("policy",),
        )
        self._review_entries = counter("llm_review_entries_total", "Findings added to the review queue.", ("guard",))
        self._review_dropped = counter(
            "llm_review_dropped_total", "Findings that the review queue dropped.", ("reason",)
        )
        self._review_waiting = Gauge(
            "llm_review_waiting", "Findings in the review queue that have no label.", ("guard",), registry=registry
        )
        self._review_findings_max = Gauge(
            "llm_review_findings_max",
            "Findings for which the review queue has room; beyond it those without a label are deleted, oldest first.",
            registry=registry,
        )
        self._precision = Gauge(
            "llm_guard_precision",
            "Share of a guard's labeled findings that reviewers confirmed.",
            ("guard",),
            registry=registry,
        )
        self._otel_exports = counter(
            "llm_extproc_otel_exports_total",
            "Batches of spans (`traces`) and exports of all metrics (`metrics`) that a collector took (`ok`) or not.",
            ("signal", "result"),
        )
        self._otel_dropped = counter(
            "llm_extproc_otel_dropped_total",
            "Exchanges whose spans are lost: too many waited (`full`), the collector did not take them (`failed`), the"
            " process `stopped` first, or there was an internal `error`.",
            ("reason",),
        )
        self._guards_shown: set[str] = set()
        self._long_refused.add((), 0)
        for result in ("ok", "invalid"):
            self._reloads.add((result,), 0)

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Count one exchange."""
        with self._lock:
            self._exchanges.count(record)
            if record.reason:
                self.feedback.count(record)

    def step(self, phase: str, duration_ns: int) -> None:
        """Record the processing time of one message. Thread-safe, like ``exchange_ended``."""
        self._steps.append((phase, duration_ns))  # to count it costs as much as a short message
        if len(self._steps) >= _STEPS_MAX:
            with self._lock:
                self._count_steps()

    def _count_steps(self) -> None:
        steps, by_phase = self._steps, defaultdict[str, list[float]](list)
        for _ in range(len(steps)):  # others may append meanwhile
            phase, duration_ns = steps.popleft()
            by_phase[phase].append(duration_ns * _NS)
        for phase, durations_s in by_phase.items():
            self._step.add_all((phase,), durations_s)

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

    def otel_exported(self, signal: str, result: str) -> None:
        """Count an export over OTLP: ``ok`` or ``failed``."""
        with self._lock:
            self._otel_exports.add((signal, result))

    def otel_dropped(self, reason: str, exchanges: int) -> None:
        """Count exchanges whose spans are lost."""
        with self._lock:
            self._otel_dropped.add((reason,), exchanges)

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

    def classifier_has_room(self, classifier: str, tasks: int) -> None:
        """Set the largest queue length."""
        self._classifier_queue_max.labels(classifier).set(tasks)

    def classifier_dropped(self, classifier: str, reason: str) -> None:
        """Count an exchange whose texts were not classified."""
        with self._lock:
            self._classifier_dropped.add((classifier, reason))

    def tokenizer_took(self, result: str) -> None:
        """Count an exchange whose model has a tokenizer."""
        with self._lock:
            self._tokenizer_exchanges.add((result,))

    def classifier_restarted(self, classifier: str, reason: str) -> None:
        """Count a replaced process."""
        with self._lock:
            self._classifier_restarts.add((classifier, reason))

    def classification_ended(self, job: ClassificationJob, kinds: Mapping[str, int], coverage: Coverage) -> None:
        """Count the results of out-of-band classification, once for each direction of an exchange."""
        guard, direction = job.guard, job.direction.value
        with self._lock:
            self._exchanges.coverage.add((job.origin.policy, guard, direction, coverage.value), job.fields)
            for kind, times in kinds.items():
                self._exchanges.findings.add((guard, direction, kind), times)
                self._exchanges.verdicts.add((job.origin.policy, guard, direction, job.action.value), times)

    def rate_limit_store_took(self, seconds: float) -> None:
        """Record the time of a round trip to the store of rate limits."""
        with self._lock:
            self._limit_store_seconds.add((), seconds)

    def rate_limit_store_error(self, reason: str) -> None:
        """Count a call of it that failed."""
        with self._lock:
            self._limit_store_errors.add((reason,))

    def rate_limit_decided_alone(self, policy: str) -> None:
        """Count an exchange that was decided without it."""
        with self._lock:
            self._limit_alone.add((policy,))

    def log_lines_dropped(self, level: str, lines: int) -> None:
        """Count dropped log lines."""
        with self._lock:
            self._log_lines_dropped.add((level,), lines)

    def in_force(self, revision: str, versions: Mapping[VersionFacts, float]) -> None:
        """Set the configuration in force, and its versions with their weights."""
        self._revision.clear()
        self._revision.labels(revision).set(1)
        self._version_info.clear()
        self._version_weight.clear()
        for one, weight in versions.items():
            labels = (one.model, one.version, one.fingerprint, one.prompt, one.prompt_fingerprint)
            self._version_info.labels(*labels).set(1)
            self._version_weight.labels(one.model, one.version).set(weight)

    def certificates_in_use(self, validities: Mapping[str, tuple[float, float]]) -> None:
        """Set the beginning and the end of each certificate's validity, by what it is."""
        for certificate, (begins_s, ends_s) in validities.items():
            self._certificate_begins.labels(certificate).set(begins_s)
            self._certificate_ends.labels(certificate).set(ends_s)

    def review_stored(self, findings: Mapping[str, int]) -> None:
        """Count stored findings, by guard."""
        with self._lock:
            for guard, number in findings.items():
                self._review_entries.add((guard,), number)

    def review_dropped(self, reason: str, findings: int) -> None:
        """Count dropped findings; 0 creates the series."""
        with self._lock:
            self._review_dropped.add((reason,), findings)

    def review_waiting(self, findings: Mapping[str, int], findings_max: int) -> None:
        """Set how many findings have no label, by guard, and for how many there is room."""
        self._review_findings_max.set(findings_max)
        self._review_waiting.clear()
        for guard, number in findings.items():
            self._review_waiting.labels(guard).set(number)

    def guard_precision(self, shares: Mapping[str, float]) -> None:
        """Set the precision of each guard, by name; guards that are not given are removed."""
        for guard in self._guards_shown.difference(shares):
            self._precision.remove(guard)
        for guard, share in shares.items():
            self._precision.labels(guard).set(share)
        self._guards_shown = set(shares)
