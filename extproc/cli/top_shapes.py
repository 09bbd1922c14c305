"""The shape of what ``extproc top --json`` prints; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, TypedDict


class TrafficJson(TypedDict):
    """Exchanges, tokens and money: a second, and since the start of the processor."""

    requests_per_s: Annotated[float, "exchanges that ended"]
    failed_share: Annotated[float | None, "of these, `failed`, `upstream_error`, `local_reply`; null: there were none"]
    refused_share: Annotated[float | None, "of these, `rejected` or `cut`, by guards and limits; likewise"]
    prompt_tokens_per_s: Annotated[float, "of requests"]
    completion_tokens_per_s: Annotated[float, "of answers"]
    cost_usd_per_hour: Annotated[float, "at this rate"]
    requests: Annotated[int, "since the start"]
    prompt_tokens: Annotated[int, "since the start"]
    completion_tokens: Annotated[int, "since the start"]
    cost_micro_usd: Annotated[int, "since the start"]


class TeamTrafficJson(TrafficJson):
    """Those of a team."""

    team: Annotated[str, "as the metrics name it; `unknown`, or `other` beyond the limit of names"]


class VersionTrafficJson(TrafficJson):
    """Those of a version, and how long its answers took; null: none was measured, or a team is chosen."""

    model: Annotated[str, "`none`: no version was chosen"]
    version: Annotated[str, "likewise"]
    first_token_p95_s: Annotated[float | None, "95th percentile until the first text of a stream"]
    duration_p50_s: Annotated[float | None, "median until the end of the answer"]
    duration_p95_s: Annotated[float | None, "95th percentile of that"]


class GuardHitsJson(TypedDict):
    """Findings of a guard."""

    guard: Annotated[str, "its name"]
    direction: Annotated[str, "`request` or `response`"]
    action: Annotated[str, "such as `block`"]
    per_s: Annotated[float, "a second"]
    times: Annotated[int, "since the start"]


class FallbackStepsJson(TypedDict):
    """Steps from one version to the next."""

    version: Annotated[str, "MODEL/VERSION that could not answer"]
    next: Annotated[str, "MODEL/VERSION that was asked then"]
    reason: Annotated[str, "why"]
    per_s: Annotated[float, "a second"]
    times: Annotated[int, "since the start"]


class LimitHitsJson(TypedDict):
    """Exchanges that a rate limit refused."""

    limit: Annotated[str, "its name"]
    shadow: Annotated[bool, "it would have refused them"]
    per_s: Annotated[float, "a second"]
    times: Annotated[int, "since the start"]


class BudgetSpentJson(TypedDict):
    """How much of a budget is spent."""

    budget: Annotated[str, "its name"]
    spent_percent: Annotated[float, "by the team, project or budget code that has spent most of its own"]


class DriftEffectJson(TypedDict):
    """A signal of a version that is compared with its reference."""

    model: Annotated[str, "the name that clients use"]
    version: Annotated[str, "its version"]
    signal: Annotated[str, "such as `length`"]
    effect: Annotated[float, "as the metric `llm_quality_drift` has it: 0.2 is a fifth more"]
    alarm: Annotated[bool, "the evidence has reached the threshold"]


class TopJson(TypedDict):
    """``top``."""

    url: Annotated[str, "of the pages"]
    ready: Annotated[bool, "as `/readyz` says"]
    draining: Annotated[bool, "the process ends"]
    revision: Annotated[str, "of the configuration in force"]
    problems: Annotated[list[str], "what needs somebody, a sentence each"]
    seconds: Annotated[float, "that rates, shares and latencies are of"]
    in_flight: Annotated[int, "exchanges"]
    all: Annotated[TrafficJson, "of all that `--team` and `--model` choose"]
    teams: Annotated[list[TeamTrafficJson], "sorted"]
    versions: Annotated[list[VersionTrafficJson], "sorted"]
    guards: Annotated[list[GuardHitsJson], "of all teams; the most frequent first"]
    fallbacks: Annotated[list[FallbackStepsJson], "likewise"]
    limits: Annotated[list[LimitHitsJson], "likewise"]
    budgets: Annotated[list[BudgetSpentJson], "the largest part first"]
    drift: Annotated[list[DriftEffectJson], "alarms and the largest first"]
