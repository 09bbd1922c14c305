"""Routes: which traffic goes to which model and version, with which prompt; and tests of them in the same file."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from extproc.config.conditions import CallerCondition
from extproc.config.fallback import Fallback
from extproc.config.prompts import Prompt
from extproc.config.section import HeaderName, ModelName, Name, Section, VersionName
from extproc.domain.contract import Endpoint

HEADER_VALUE_CHARS_MAX = 200
PROMPT_TOKENS_MAX = 100_000_000

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ModelPattern = Annotated[
    str,
    StringConstraints(pattern=r"^([a-zA-Z0-9/][a-zA-Z0-9._:@+/-]*\*?|\*)$", max_length=129),
    Field(json_schema_extra={"patternErrorMessage": "the name of a model, or the beginning of names and `*`"}),
]
HeaderValue = Annotated[str, StringConstraints(min_length=1, max_length=HEADER_VALUE_CHARS_MAX)]
Hours = Annotated[
    str,
    StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"),
    Field(json_schema_extra={"patternErrorMessage": "HH:MM-HH:MM, such as `08:00-18:00`"}),
]
TimeZone = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", max_length=64),
    Field(json_schema_extra={"patternErrorMessage": "an IANA time zone, such as `Europe/Zurich`"}),
]
Moment = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})$"),
    Field(json_schema_extra={"patternErrorMessage": "a time with its offset, such as `2026-11-30T09:00:00Z`"}),
]


def seconds_of(moment: str) -> float:
    """A moment since 1970. [s] Raises: ValueError if there is no such time, or it has no offset."""
    found = datetime.fromisoformat(moment)
    if found.tzinfo is None:
        raise ValueError("a time without an offset")
    return found.timestamp()


class RouteCondition(CallerCondition):
    """A condition of a route: an exchange must match every key that is set."""

    models: tuple[ModelPattern, ...] = Field(
        default=(), description="models as clients request them, exact or with `*` at the end; empty: any"
    )
    tiers: tuple[Name, ...] = Field(default=(), description="tiers of `identity.tier_header`; empty: any")
    tags: tuple[Name, ...] = Field(default=(), description="use cases of `identity.tag_header`; empty: any")
    headers: dict[HeaderName, Annotated[tuple[HeaderValue, ...], Field(min_length=1)]] = Field(
        default_factory=dict, description="values by header, of which the request has one for each; empty: any"
    )
    prompt_tokens_min: int | None = Field(
        default=None, ge=1, le=PROMPT_TOKENS_MAX, description="smallest prompt, estimated from its length; default: any"
    )
    prompt_tokens_max: int | None = Field(
        default=None, ge=1, le=PROMPT_TOKENS_MAX, description="largest prompt, estimated from its length; default: any"
    )
    streamed: bool | None = Field(default=None, description="whether a stream is requested; default: either")
    tools: bool | None = Field(default=None, description="whether the request offers tools; default: either")
    days: tuple[Day, ...] = Field(default=(), description="days of the week; empty: any")
    hours: Hours | None = Field(
        default=None,
        description="HH:MM-HH:MM, without its end; past midnight it belongs to the day on which it begins",
    )
    timezone: TimeZone = Field(default="UTC", description="IANA time zone of `days` and `hours`")
    budget_exhausted: tuple[Name, ...] = Field(
        default=(),
        description="budgets with `on_exhausted: downgrade`, one of them exhausted; empty: whatever is left",
    )


class Share(Section):
    """A version of a weighted set."""

    version: VersionName = Field(description="MODEL/VERSION")
    weight: int = Field(ge=0, le=1_000_000, description="share of the route's exchanges, relative to the others")


class Route(Section):
    """Where exchanges go. The first route that matches an exchange applies; the last one matches all."""

    name: Name = Field(description="name in metrics, logs and `explain`")
    when: tuple[RouteCondition, ...] = Field(
        default=(), description="conditions; an exchange must match one. The last route has none and matches all"
    )
    model: ModelName | None = Field(
        default=None, description="to this model, by the weights of its versions; default: to the requested model"
    )
    version: VersionName | None = Field(default=None, description="in place of `model`: to this MODEL/VERSION")
    split: tuple[Share, ...] = Field(default=(), description="in place of `model`: to these versions, by weight")
    deny: bool = Field(
        default=False,
        description="in place of `model`: they are refused, with 403 if the client may request the name, else with 404",
    )
    prompt: Prompt | None = Field(default=None, description="system prompt in place of the version's own")
    fallback: Fallback | None = Field(
        default=None,
        description="versions (MODEL/VERSION) that answer if the chosen one cannot; default: those of its model",
    )

    @property
    def has_target(self) -> bool:
        """Whether it names where exchanges go, or denies them; else they go to the requested model."""
        return self.model is not None or self.version is not None or bool(self.split) or self.deny


class RequestFacts(Section):
    """What a route test assumes of a request."""

    model: str | None = Field(default=None, min_length=1, description="requested model; default: none is named")
    endpoint: Endpoint = Field(default="chat", description="API")
    team: Name = Field(default="unknown", description="team; default: the request names none")
    tier: Name = Field(default="unknown", description="tier; default: the request names none")
    tag: Name = Field(default="unknown", description="use case; default: the request names none")
    headers: dict[HeaderName, str] = Field(default_factory=dict, description="other headers")
    prompt_tokens: int = Field(default=1, ge=1, le=PROMPT_TOKENS_MAX, description="estimated size of the prompt")
    streamed: bool = Field(default=False, description="a stream is requested")
    tools: bool = Field(default=False, description="the request offers tools")
    at: Moment | None = Field(default=None, description="when; needed where a route depends on days or hours")
    budget_exhausted: tuple[Name, ...] = Field(default=(), description="budgets that are exhausted; default: none")


class RouteExpectation(Section):
    """What a route test expects; only the keys that are set are compared."""

    route: Name | None = Field(default=None, description="name of the route")
    version: VersionName | None = Field(default=None, description="the MODEL/VERSION to which all such exchanges go")
    versions: tuple[VersionName, ...] = Field(default=(), description="versions of which each such exchange gets one")
    prompt: str | None = Field(
        default=None, min_length=1, description="prompt, as NAME-VERSION or the name of its file; `none`: no prompt"
    )
    deny: bool | None = Field(default=None, description="whether a route denies such exchanges")
    code: str | None = Field(default=None, min_length=1, description="error code, such as `model_not_found`")


class RouteTest(Section):
    """A request, and where it must go. A configuration whose tests fail is invalid."""

    name: str = Field(min_length=1, max_length=200, description="name in messages")
    request: RequestFacts = Field(default_factory=RequestFacts, description="facts of the request")
    expect: RouteExpectation = Field(description="what must come of it")
