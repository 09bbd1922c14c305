"""The typed configuration file, with limits and defaults.

Nothing here reads a file. ``config.load`` turns YAML into this document and its errors into messages;
``exchange.snapshot`` compiles it into the immutable snapshot that exchanges use.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from extproc.config.budgets import Budget
from extproc.config.classifiers import Classifier
from extproc.config.drift import DriftSection
from extproc.config.envoy import Envoy
from extproc.config.fallback import Fallback
from extproc.config.feedback import Feedback
from extproc.config.filters import AnyFilterSection
from extproc.config.gpus import GpusSection
from extproc.config.hops import Hops
from extproc.config.identity import Identity
from extproc.config.ledger import Ledger
from extproc.config.otel import Otel
from extproc.config.policies import Policy
from extproc.config.problems import KeyPath
from extproc.config.prompts import Prompt, Prompts
from extproc.config.providers import Provider
from extproc.config.rate_limits import RateLimits
from extproc.config.review import Review
from extproc.config.rollouts import RolloutSection
from extproc.config.routes import Route, RouteTest
from extproc.config.section import (
    FilePath,
    HeaderName,
    HostPort,
    IncludedPath,
    ListenAddress,
    ModelName,
    Name,
    PathRule,
    Section,
)

GIB = 1_073_741_824


class Role(StrEnum):
    """Position of the processor: before version choice (route), or as sidecar of one vLLM (guard)."""

    ROUTE = "route"
    GUARD = "guard"


class Unreadable(StrEnum):
    """What to do with content that no text guard can inspect."""

    REFUSE = "refuse"
    PASS = "pass"


# --- server, log, limits -------------------------------------------------------------------------------------------


class ServerTls(Section):
    """TLS for a processor that runs as a shared service; files are reloaded when they change."""

    certificate_file: FilePath = Field(
        description="server certificate in PEM, followed by intermediates; relative to the configuration file"
    )
    key_file: FilePath = Field(description="private key of the certificate in PEM, without a password")
    client_ca_file: FilePath | None = Field(
        default=None, description="CA in PEM that must have signed client certificates; default: any client may connect"
    )


class Server(Section):
    """Addresses and timeouts of the process."""

    listen: ListenAddress = Field(default="127.0.0.1:50051", description="address for Envoy: unix:/PATH or HOST:PORT")
    metrics: HostPort = Field(
        default="127.0.0.1:9090", description="address of the Prometheus and readiness pages, HOST:PORT"
    )
    transport: Literal["grpc", "fast"] = Field(
        default="fast", description="fast: specialized for Envoy's one RPC. grpc: the server of grpcio, as a reference"
    )
    tls: ServerTls | None = Field(default=None, description="TLS on `listen`, for an Envoy on another machine")
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="number of worker processes; with more than one, a Unix socket becomes PATH.0, PATH.1 and so on",
    )
    ready_wait_ms_max: int = Field(
        default=1_000, ge=50, le=60_000, description="readiness fails while small messages wait longer than this"
    )
    drain_ms_max: int = Field(
        default=30_000, ge=0, le=3_600_000, description="drain timeout for running exchanges after SIGTERM"
    )
    reload_interval_ms: int = Field(default=1_000, ge=50, le=60_000, description="polling interval for changed files")

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses for Envoy: ``listen``, or the Unix socket of each worker."""
        if self.workers == 1 or not self.listen.startswith("unix:"):
            return (self.listen,)
        return tuple(f"{self.listen}.{worker}" for worker in range(self.workers))


def _level_in_full(level: object) -> object:
    """``warn`` is what many programs call it."""
    return "warning" if level == "warn" else level


LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(_level_in_full),
    Field(json_schema_extra={"enum": ["debug", "info", "warning", "warn", "error"]}),
]


class Log(Section):
    """What is logged, and how."""

    level: LogLevel = Field(default="info", description="lowest severity that is logged; `warn` is `warning`")
    format: Literal["auto", "json", "text"] = Field(
        default="auto", description="JSON lines, or text for a person; auto: text on a terminal, else JSON"
    )
    exchanges: bool = Field(default=True, description="one line per exchange, without its text")
    text: bool = Field(
        default=False,
        description="log request and response texts as they were forwarded, up to 10,000 characters of each kind",
    )


class Limits(Section):
    """Every buffer has a limit; exceeding one ends the exchange with an error, never with uninspected text."""

    request_body_bytes_max: int = Field(
        default=4_194_304, ge=1_024, le=GIB, description="maximum request body, also Envoy's buffer limit"
    )
    response_body_bytes_max: int = Field(
        default=16_777_216, ge=1_024, le=GIB, description="maximum buffered response, when it is not streamed"
    )
    sse_event_bytes_max: int = Field(
        default=1_048_576, ge=1_024, le=GIB, description="maximum single event of a stream"
    )
    json_depth_max: int = Field(default=64, ge=8, le=200, description="maximum nesting of a body")
    decompression_ratio_max: int = Field(default=100, ge=2, le=1_000, description="maximum decompression ratio")
    judge_cpu_ms_max: int = Field(
        default=1_500,
        ge=10,
        le=600_000,
        description="CPU time limit for checking one message above 16 KiB; beyond it the guard fails, see `on_error`",
    )
    channels_max: int = Field(
        default=256, ge=8, le=65_536, description="maximum choices, tool calls and blocks of one response"
    )
    clean_texts_max: int = Field(
        default=32_768,
        ge=0,
        le=10_000_000,
        description="size of the cache of clean texts, by hash; 0: every text is checked again",
    )
    usage_tokens_max: int = Field(
        default=16_777_216,
        ge=1_024,
        le=10**12,
        description="upper bound for a server's token count of one prompt or one response; larger counts are capped",
    )


# --- models and versions -------------------------------------------------------------------------------------------


class Price(Section):
    """Token prices, as integer micro-USD per million tokens (1 USD = 1,000,000)."""

    prompt_micro_usd_per_mtok: int = Field(ge=0, description="price of uncached prompt tokens")
    cached_micro_usd_per_mtok: int | None = Field(
        default=None, ge=0, description="price of cached prompt tokens; default: as uncached"
    )
    completion_micro_usd_per_mtok: int = Field(ge=0, description="price of response tokens")


class Version(Section):
    """Weights, serving configuration and prompt, rolled out as one unit."""

    weight: int = Field(ge=0, le=1_000_000, description="share of exchanges, relative to the other versions")
    served_model: str | None = Field(
        default=None, min_length=1, description="`model` in requests to this server; default: as the client sent it"
    )
    endpoints: tuple[HostPort, ...] = Field(default=(), description="model servers, for `envoy-config`")
    provider: Name | None = Field(
        default=None, description="in place of `endpoints`: the provider of `providers` that answers"
    )
    pick: Literal["least_request", "load"] = Field(
        default="least_request",
        description=(
            "who picks one of several endpoints. least_request: Envoy, the one with fewer requests. load: the"
            " processor, the one that is likely to begin its answer first, by its load and its prefix cache"
        ),
    )
    context_tokens_max: int | None = Field(
        default=None,
        ge=1,
        description="context length of this server; a model's `fallback` skips it for longer requests (estimated)",
    )
    tokenizer_file: FilePath | None = Field(
        default=None,
        description=(
            "`tokenizer.json` of this model, as Hugging Face has it: counts the tokens of exchanges without reported"
            " usage. Default: by rates that are learned"
        ),
    )
    prompt: Prompt | None = Field(default=None, description="system prompt of this version")
    serving: dict[str, str] = Field(
        default_factory=dict, description="free-form notes that are part of the fingerprint"
    )
    price: Price = Field(description="price of its tokens")


class Sticky(Section):
    """What pins a conversation to one version: the first of these keys that a request has."""

    header: HeaderName | None = Field(default=None, description="header whose value is the key")
    user_field: bool = Field(
        default=True,
        description="use the body's `user` (or `safety_identifier`, `metadata.user_id`) as the key",
    )


class Model(Section):
    """A model name that clients request, and its versions."""

    versions: dict[Name, Version] = Field(min_length=1, description="versions by name")
    sticky: Sticky = Field(default_factory=Sticky, description="what pins a conversation to one version")
    pin_header: HeaderName | None = Field(
        default=None, description="header in which a client of `pin_teams` may choose a version"
    )
    pin_teams: tuple[Name, ...] = Field(
        default=(), description="teams whose `pin_header` is obeyed; that of others is ignored and counted"
    )
    fallback: Fallback | None = Field(
        default=None, description="versions that answer if the chosen one cannot; default: none"
    )


# --- requests that are not understood ------------------------------------------------------------------------------


class Requests(Section):
    """What is forwarded without inspection."""

    allow_paths: tuple[PathRule, ...] = Field(
        default=("GET /v1/models", "GET /health"),
        description=(
            "METHOD PATH, exact; forwarded without inspection. Other paths are rejected. In role route, `GET "
            "/v1/models` is answered locally"
        ),
    )
    token_ids: Unreadable = Field(default=Unreadable.REFUSE, description="prompts given as token ids")
    media: Unreadable = Field(default=Unreadable.REFUSE, description="images, audio and files")
    template_kwargs: tuple[str, ...] = Field(
        default=("enable_thinking", "thinking", "reasoning_effort"), description="keys allowed in chat_template_kwargs"
    )


# --- Envoy ---------------------------------------------------------------------------------------------------------


class Document(Section):
    """One configuration file."""

    include: tuple[IncludedPath, ...] = Field(
        default=(),
        description=(
            "files with further keys of this list, relative to this file. `policies` and the guards of a policy have "
            "items `- include: FILE`"
        ),
    )
    role: Role = Field(
        default=Role.ROUTE, description="route: choose versions. guard: sidecar of one vLLM, with a fixed version"
    )
    guard_version: str | None = Field(default=None, description="role guard: MODEL/VERSION that this vLLM serves")
    hops: Hops | None = Field(
        default=None, description="marks between a gateway and the sidecars behind it; default: none are set or read"
    )
    server: Server = Field(default_factory=Server, description="addresses and timeouts of the process")
    log: Log = Field(default_factory=Log, description="what is logged")
    limits: Limits = Field(default_factory=Limits, description="maximum sizes")
    identity: Identity = Field(default_factory=Identity, description="who asks, and who pays")
    models: dict[ModelName, Model] = Field(min_length=1, description="models, by the name that clients send")
    providers: dict[Name, Provider] = Field(
        default_factory=dict, description="model APIs of others, by the name that versions have in `provider`"
    )
    prompts: Prompts | None = Field(default=None, description="where named prompts come from; default: nowhere")
    routes: tuple[Route, ...] = Field(
        default=(),
        description="where exchanges go; the first that matches applies. Default: to the requested model",
    )
    route_tests: tuple[RouteTest, ...] = Field(default=(), description="requests, and where the routes must send them")
    filters: tuple[AnyFilterSection, ...] = Field(min_length=1, description="filters, in execution order")
    policies: tuple[Policy, ...] = Field(
        default=(), description="lists of guards; the first that matches an exchange applies"
    )
    classifiers: dict[Name, Classifier] = Field(
        default_factory=dict, description="out-of-band models for `guard: classifier`"
    )
    rate_limits: RateLimits | None = Field(
        default=None, description="limits of requests, tokens, money, and exchanges at a time; default: none"
    )
    budgets: tuple[Budget, ...] = Field(
        default=(),
        description="what teams, projects or budget codes may spend in a period; default: none",
    )
    budget_webhook_file: FilePath | None = Field(
        default=None, description="file with a URL to which warnings of `budgets` are posted; default: none"
    )
    review: Review | None = Field(default=None, description="queue of findings for human review; default: none")
    ledger: Ledger | None = Field(default=None, description="durable entries of all exchanges; default: none")
    feedback: Feedback | None = Field(
        default=None, description="what users say of answers, sent by clients; default: not taken"
    )
    gpus: GpusSection | None = Field(
        default=None, description="GPUs of the model servers, so that their time is shared by team; default: none"
    )
    drift: DriftSection | None = Field(
        default=None, description="alarms when answers of a version begin to differ from a reference; default: none"
    )
    rollouts: tuple[RolloutSection, ...] = Field(
        default=(), description="from which version to which, in steps that evidence decides; default: none"
    )
    otel: Otel | None = Field(default=None, description="spans and metrics over OTLP; default: none")
    requests: Requests = Field(default_factory=Requests, description="content that is forwarded without inspection")
    envoy: Envoy = Field(default_factory=Envoy, description="settings for `envoy-config`")
    _written: dict[KeyPath, str] = PrivateAttr(default_factory=dict)

    @property
    def written(self) -> Mapping[KeyPath, str]:
        """What the file says where a value comes from the environment."""
        return self._written

    def keep_written(self, written: Mapping[KeyPath, str]) -> None:
        """Set ``written``; called once, by who fills in the variables."""
        self._written.update(written)
