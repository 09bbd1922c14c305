"""What is measured of an exchange when it has ended."""

from __future__ import annotations

from typing import Final

from extproc.domain.record import HOLD_LIMIT, ExchangeRecord, Outcome
from extproc.domain.refusal_kinds import RefusalKind
from extproc.sinks.gathered import Labels
from extproc.sinks.gathering_registry import NO_VERSION, VERSION_LABELS, GatheringRegistry
from extproc.sinks.signal_metrics import SignalMetrics

REQUESTS: Final = "llm_requests"
"""The family that counts every value of the bounded labels."""
RESPONSE_TOKEN_BUCKETS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
SECONDS_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
TOKEN_SECONDS_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
_NS: Final = 1e-9
_TEAM_LABELS: Final = ("team", "project", *VERSION_LABELS)


class ExchangeMetrics:
    """The metrics of ended exchanges. Callers hold the registry's lock."""

    def __init__(self, registry: GatheringRegistry) -> None:
        self._registry = registry
        counter, histogram = registry.counter, registry.histogram
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
            VERSION_LABELS,
        )
        self._capped = counter(
            "llm_usage_capped_total",
            "Exchanges whose server-side token count exceeded what the request allows.",
            VERSION_LABELS,
        )
        self._cost = counter("llm_cost_micro_usd_total", "Cost of tokens in micro-USD.", _TEAM_LABELS)
        self._response_tokens = histogram(
            "llm_response_tokens", "Tokens per response.", VERSION_LABELS, RESPONSE_TOKEN_BUCKETS
        )
        self._first_token = histogram(
            "llm_time_to_first_token_seconds",
            "Time from the request to the first text of a stream.",
            VERSION_LABELS,
            SECONDS_BUCKETS,
        )
        self._per_token = histogram(
            "llm_time_per_output_token_seconds",
            "Time from first to last text of a stream, per token after the first.",
            VERSION_LABELS,
            TOKEN_SECONDS_BUCKETS,
        )
        self._duration = histogram(
            "llm_request_duration_seconds",
            "Time from the request to the end of the response.",
            VERSION_LABELS,
            SECONDS_BUCKETS,
        )
        self._refusals = counter(
            "llm_refusal_total",
            "Responses in which the model does not do what was asked, by kind. Rollouts and drift count `declines`.",
            (*VERSION_LABELS, "kind"),
        )
        self._unrouted = counter(
            "llm_version_unrouted_total",
            "Exchanges whose chosen version the calling Envoy does not route; another one was chosen, if there is one.",
            VERSION_LABELS,
        )
        self._routes = counter(
            "llm_route_total", "Exchanges by the route that chose where they go.", ("route", "model")
        )
        self._ignored_pins = counter(
            "llm_pin_ignored_total", "Exchanges whose pin header was ignored, as their team may not pin.", ("model",)
        )
        self._identity_refused = counter(
            "llm_extproc_identity_refused_total",
            "Requests refused as their credential is wrong or missing (source `none`).",
            ("source", "reason"),
        )
        self._marks = counter(
            "llm_extproc_hop_marks_total",
            "Requests by what became of the mark of a hop in front; all but `good` are guarded and counted here.",
            ("result",),
        )
        self._identity_claims = counter(
            "llm_extproc_identity_claims_total",
            "Headers that claim more than the identity of their request may; `refused` or `replaced`.",
            ("claim", "effect"),
        )
        self._fallbacks = counter(
            "llm_fallback_total",
            "Steps from one version to the next, as the first could not answer; `ejected`: Envoy did not try it.",
            ("from", "to", "reason"),
        )
        self._limits = {
            "admitted": counter(
                "llm_extproc_rate_limit_admitted_total", "Exchanges that a limit admitted.", ("limit",)
            ),
            "refused": counter("llm_extproc_rate_limit_refused_total", "Exchanges that a limit refused.", ("limit",)),
            "shadow_refused": counter(
                "llm_extproc_rate_limit_shadow_refused_total",
                "Exchanges that a rate limit with `mode: shadow` would have refused.",
                ("limit",),
            ),
        }
        self._budget_acts = counter(
            "llm_extproc_budget_exchanges_total",
            "Exchanges on which a budget acted: `blocked` and `downgraded` as it was exhausted, `reserved` (refused, as"
            " exchanges in flight may need the rest), `unknown_allowed` and `unknown_blocked` without its sums.",
            ("budget", "act"),
        )
        self._signals = SignalMetrics(registry)
        self._answers = counter("llm_answers_total", "Completed responses (choices).", VERSION_LABELS)
        self.verdicts = counter(
            "llm_guard_verdicts_total", "Findings by the action taken.", ("policy", "guard", "direction", "action")
        )
        self.findings = counter("llm_guard_findings_total", "Findings by kind.", ("guard", "direction", "kind"))
        self._hold_limit = counter(
            "llm_guard_hold_limit_total",
            "Response words that exceeded a hold limit, and were not checked as a whole.",
            ("guard",),
        )
        self.coverage = counter(
            "llm_guard_coverage_total",
            "Texts by outcome at a guard.",
            ("policy", "guard", "direction", "outcome"),
        )
        self._fences = counter(
            "llm_guard_fences_total",
            "Texts of tools and documents by what became of them: `fenced`, or `left` (JSON, documents to rank).",
            ("policy", "guard", "outcome"),
        )
        self._asked = counter(
            "llm_guard_asked_total",
            "Texts of which a guard was unsure, by what its classifier said: `confirmed`, `refuted`, or `unanswered` in"
            " time.",
            ("policy", "guard", "outcome"),
        )
        self._texts = counter(
            "llm_policy_texts_total",
            "Texts received; equals the coverage total of each guard for that direction.",
            ("policy", "direction"),
        )
        self._dropped_texts = counter(
            "llm_extproc_dropped_texts_total",
            "Texts and events that arrived after the end of their choice, block or stream.",
            ("endpoint",),
        )
        self._failures = counter(
            "llm_extproc_failures_total", "Exchanges that ended with an internal failure.", ("reason",)
        )

    def count(self, record: ExchangeRecord) -> None:
        """Count one exchange."""
        if record.mark is not None:
            self._marks.add((record.mark.value,))
        if not record.counted_in_front:
            self._count_exchange(record)
        for verdict, times in record.verdicts.items():
            self.verdicts.add((record.policy, *verdict), times)
        for finding, times in record.findings.items():
            self.findings.add(finding, times)
            if finding[2] == HOLD_LIMIT:
                self._hold_limit.add((finding[0],), times)
        for (guard, direction, what), texts in record.coverage.items():
            self.coverage.add((record.policy, guard, direction, what.value), texts)
        for (guard, fencing), texts in record.fences.items():
            self._fences.add((record.policy, guard, fencing.value), texts)
        for (guard, said), texts in record.asked.items():
            self._asked.add((record.policy, guard, said.value), texts)
        for direction, texts in record.text_counts.items():
            self._texts.add((record.policy, direction), texts)
        if record.dropped_texts:
            self._dropped_texts.add((record.endpoint or "none",), record.dropped_texts)
        if record.outcome is Outcome.FAILED:
            self._failures.add((record.reason,))

    def _count_exchange(self, record: ExchangeRecord) -> None:
        """What one hop alone counts."""
        team = self._registry.teams.bound(record.team, record.ended_ns)
        project = self._registry.projects.bound(record.project, record.ended_ns)
        by_version = self._registry.version_labels(record.version, record.ended_ns)
        by_team = (team, project, *by_version)
        streamed = "true" if record.streamed else "false"
        self._requests.add((record.endpoint or "none", *by_team, record.outcome.value, streamed))
        if record.route:
            self._routes.add((record.route, record.version.model if record.version else NO_VERSION))
        if record.identity_refused:
            self._identity_refused.add((record.identity_source, record.identity_refused))
        for claim in record.exceeded_claims:
            self._identity_claims.add((claim, record.claim_effect))
        if record.ignored_pin:
            self._ignored_pins.add((record.ignored_pin,))
        if record.unrouted is not None:
            self._unrouted.add(self._registry.version_labels(record.unrouted, record.ended_ns))
        for step in record.fallbacks if record.attempts else ():
            self._fallbacks.add(step, 1)
        for limit, said in record.limits:
            self._limits[said].add((limit,))
        for act in record.budget_acts:
            self._budget_acts.add(act)
        if record.usage is not None:
            self._count_usage(record, by_version, by_team)
        if record.outcome in (Outcome.COMPLETED, Outcome.CUT):
            self._count_answer(record, by_version)
        self._signals.count(record, by_version)

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
        self._refusals.add((*by_version, RefusalKind.DECLINES.value), record.refusals)
        for kind, refusals in record.other_refusals.items():
            self._refusals.add((*by_version, kind.value), refusals)
        trace = record.trace
        self._duration.add(by_version, (record.ended_ns - record.started_ns) * _NS, trace)
        usage = record.usage
        if usage is not None:
            self._response_tokens.add(by_version, usage.completion)
        if record.first_text_ns:
            self._first_token.add(by_version, (record.first_text_ns - record.started_ns) * _NS, trace)
            if usage is not None and usage.completion > 1:
                between = (record.last_text_ns - record.first_text_ns) * _NS
                self._per_token.add(by_version, between / (usage.completion - 1), trace)
