"""The section `rate_limits`: how much teams, projects and models may use, and where that is counted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from extproc.config.conditions import CallerCondition
from extproc.config.section import Mode, ModelName, Name, Section
from extproc.domain.rate_limits import LIMIT_MAX, Quantity

Scope = Literal["team", "user", "key", "project", "tier", "tag", "model", "route"]
Window = Literal["second", "minute", "hour", "day"]
LimitStoreUrl = Annotated[
    str,
    StringConstraints(pattern=r"^(rediss?://[^\s/]+(/[0-9]{1,4})?|unix://[^\s?]+)$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": (
                "redis://HOST:PORT/NUMBER, rediss://... or unix:///PATH, such as `redis://127.0.0.1:6379/0`"
            ),
            "environment": True,
        }
    ),
]


class LimitMatch(CallerCondition):
    """Which exchanges a limit applies to: those that match every key that is set."""

    projects: tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...] = Field(
        default=(), description="projects of `identity.project_header`; empty: any"
    )
    tiers: tuple[Name, ...] = Field(default=(), description="tiers of `identity.tier_header`; empty: any")
    tags: tuple[Name, ...] = Field(default=(), description="use cases of `identity.tag_header`; empty: any")
    models: tuple[ModelName, ...] = Field(default=(), description="models, as chosen by the routes; empty: any")
    routes: tuple[Name, ...] = Field(default=(), description="names of routes; empty: any")


class WeightsSection(Section):
    """What a token counts for."""

    prompt: int = Field(default=1, ge=0, le=1_000_000, description="a prompt token that was not cached")
    cached: int = Field(default=1, ge=0, le=1_000_000, description="a prompt token from the prefix cache")
    completion: int = Field(default=1, ge=0, le=1_000_000, description="a token of the response")


class RateLimit(Section):
    """One limit."""

    name: Name = Field(description="name in errors, metrics and logs")
    of: Quantity = Field(description="what is counted; `exchanges`: those that run at the same time")
    limit: int = Field(ge=1, le=LIMIT_MAX, description="how much of it in a window, or how many at a time")
    window: Window | None = Field(default=None, description="the time for `limit`; `exchanges` have none")
    burst: int | None = Field(
        default=None, ge=1, le=LIMIT_MAX, description="how much at once after idleness; default: as `limit`"
    )
    per: tuple[Scope, ...] = Field(
        default=(), description="what has a count of its own, or which of them together; empty: one count for all"
    )
    match: LimitMatch = Field(default_factory=LimitMatch, description="exchanges that it applies to; default: all")
    replaces: tuple[Name, ...] = Field(
        default=(), description="limits that do not apply to an exchange that this one applies to"
    )
    weights: WeightsSection = Field(
        default_factory=WeightsSection, description="what a token counts for, where `of` is `weighted_tokens`"
    )
    tiers: dict[Name, Annotated[int, Field(ge=1, le=1_000)]] = Field(
        default_factory=dict,
        description=(
            "weights of tiers of `identity.tier_header`, by which they share the limit while it is saturated; others "
            "have 1 together. Default: who comes first"
        ),
    )
    mid_stream: Literal["pass", "cut"] = Field(
        default="pass",
        description=(
            "a stream that needs more than it has reserved. pass: it goes on, and later requests pay. cut: it ends as "
            "if it had reached its token limit, once nothing more is free"
        ),
    )
    mode: Mode = Field(default=Mode.ENFORCE, description="shadow: count what would be refused, and refuse nothing")


class RateLimits(Section):
    """Limits of requests, tokens, money, and exchanges at a time."""

    limits: tuple[RateLimit, ...] = Field(min_length=1, description="the limits; all that apply must have room")
    store: LimitStoreUrl | None = Field(
        default=None,
        description=(
            "Valkey or Redis 7 that all processors share: redis://HOST:PORT/NUMBER; default: each counts its part"
        ),
    )
    store_wait_ms_max: int = Field(
        default=10, ge=1, le=1_000, description="how long a request waits for the store; then `on_store_loss` applies"
    )
    on_store_loss: Literal["local_share", "open", "closed"] = Field(
        default="local_share",
        description=(
            "while the store does not answer. local_share: this process admits its part of each limit. open: all is "
            "admitted. closed: requests get 503"
        ),
    )
    replicas: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="processors that share the limits; a process that counts for itself admits 1/(replicas x workers)",
    )
