"""The configuration file, typed: what a person may write, with its limits and defaults.

Nothing here reads a file. ``config.load`` turns YAML into this document and its errors into sentences;
``config.compile`` turns the document into the immutable snapshot that exchanges use.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from extproc.config.classifiers import Classifier
from extproc.config.policies import Policy
from extproc.config.review import Review
from extproc.config.section import (
    FilePath,
    HeaderName,
    HostPort,
    ListenAddress,
    Mode,
    Name,
    OnError,
    PathRule,
    Section,
    ServerName,
)

GIB = 1_073_741_824


class Role(StrEnum):
    """Where the processor sits: before the choice of a version (route), or beside one vLLM (guard)."""

    ROUTE = "route"
    GUARD = "guard"


class Unreadable(StrEnum):
    """What to do with content that no text guard can read."""

    REFUSE = "refuse"
    PASS = "pass"


# --- server, log, limits -------------------------------------------------------------------------------------------


class ServerTls(Section):
    """TLS for a processor that is a service of its own; its files are read again when they change."""

    certificate_file: FilePath = Field(
        description="the server's certificate in PEM, then those that signed it; relative to the configuration file"
    )
    key_file: FilePath = Field(description="its private key in PEM, without a password")
    client_ca_file: FilePath | None = Field(
        default=None, description="CA in PEM that must have signed a client's certificate; default: all may connect"
    )


class Server(Section):
    """Addresses and times of the process itself."""

    listen: ListenAddress = Field(
        default="127.0.0.1:50051", description="where Envoy connects: unix:/PATH or HOST:PORT"
    )
    metrics: HostPort = Field(default="127.0.0.1:9090", description="Prometheus page and readiness detail, HOST:PORT")
    transport: Literal["grpc", "fast"] = Field(
        default="fast", description="fast: made for Envoy's one RPC. grpc: the grpcio library's server, the reference"
    )
    tls: ServerTls | None = Field(default=None, description="TLS on `listen`, when Envoy is on another machine")
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="processes that share the work; with more than one, a Unix socket becomes PATH.0, PATH.1 and so on",
    )
    ready_wait_ms_max: int = Field(
        default=1_000, ge=50, le=60_000, description="not ready while small messages have to wait longer than this"
    )
    drain_ms_max: int = Field(
        default=30_000, ge=0, le=3_600_000, description="how long running exchanges may go on after SIGTERM"
    )
    reload_interval_ms: int = Field(
        default=1_000, ge=50, le=60_000, description="how often files are looked at for changes"
    )

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where Envoy connects: ``listen``, or the Unix socket of each worker."""
        if self.workers == 1 or not self.listen.startswith("unix:"):
            return (self.listen,)
        return tuple(f"{self.listen}.{worker}" for worker in range(self.workers))


class Log(Section):
    """Structured JSON logs."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least severe line that is written"
    )
    exchanges: bool = Field(default=True, description="one line for each exchange, without its text")
    text: bool = Field(
        default=False,
        description="write the texts of requests and answers as they went on, 10,000 characters of each kind",
    )


class Limits(Section):
    """Every buffer has a limit; going over one ends the exchange with an error, never with a text unseen."""

    request_body_bytes_max: int = Field(
        default=4_194_304, ge=1_024, le=GIB, description="largest request body, also Envoy's buffer"
    )
    response_body_bytes_max: int = Field(
        default=16_777_216, ge=1_024, le=GIB, description="largest unstreamed answer that is held"
    )
    sse_event_bytes_max: int = Field(
        default=1_048_576, ge=1_024, le=GIB, description="largest single event of a stream"
    )
    json_depth_max: int = Field(default=64, ge=8, le=200, description="deepest nesting of a body")
    decompression_ratio_max: int = Field(default=100, ge=2, le=1_000, description="largest growth of a compressed body")
    judge_cpu_ms_max: int = Field(
        default=1_500,
        ge=10,
        le=600_000,
        description="processor time for judging one message of over 16 KiB; then its guard has failed, see `on_error`",
    )
    channels_max: int = Field(default=256, ge=8, le=65_536, description="choices, tool calls and blocks of one answer")
    clean_texts_max: int = Field(
        default=32_768, ge=0, le=10_000_000, description="texts remembered as clean, by their hash; 0: each is judged"
    )
    usage_tokens_max: int = Field(
        default=16_777_216,
        ge=1_024,
        le=10**12,
        description="most tokens of one prompt, and of one answer, that a server is believed",
    )


# --- who asks ------------------------------------------------------------------------------------------------------


class Identity(Section):
    """Which headers say who pays. They are believed: let a trusted hop set them, and strip them from clients."""

    team_header: HeaderName = Field(default="x-team", description="header that names the team")
    project_header: HeaderName = Field(default="x-project", description="header that names the project")
    budget_code_header: HeaderName = Field(default="x-budget-code", description="header that names the budget code")
    teams: tuple[Name, ...] = Field(
        default=(), description="known teams; others count as `other`. Empty: any, up to a limit"
    )
    label_values_max: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="different values of one label; further are `other`, until one was not seen for an hour",
    )


# --- models and versions -------------------------------------------------------------------------------------------


class Price(Section):
    """Money for tokens, integer micro-USD for a million tokens (1 USD = 1,000,000)."""

    prompt_micro_usd_per_mtok: int = Field(ge=0, description="for prompt tokens that were computed")
    cached_micro_usd_per_mtok: int | None = Field(
        default=None, ge=0, description="for cached prompt tokens; default: as prompt"
    )
    completion_micro_usd_per_mtok: int = Field(ge=0, description="for answer tokens")


class Prompt(Section):
    """A system prompt in a file, which may be a mounted ConfigMap; read again when it changes."""

    file: FilePath = Field(description="path, relative to the configuration file")
    position: Literal["first", "replace"] = Field(
        default="first", description="before the client's own, or instead of it"
    )


class Version(Section):
    """Weights, serving configuration and prompt: one unit that is rolled out together."""

    weight: int = Field(ge=0, le=1_000_000, description="share of exchanges, relative to the other versions")
    served_model: str | None = Field(
        default=None, min_length=1, description="`model` as this server knows it; default: as asked"
    )
    endpoints: tuple[HostPort, ...] = Field(default=(), description="model servers, for `envoy-config`")
    prompt: Prompt | None = Field(default=None, description="system prompt of this version")
    serving: dict[str, str] = Field(default_factory=dict, description="free notes that are part of the fingerprint")
    price: Price = Field(description="what its tokens cost")


class Sticky(Section):
    """What keeps a conversation on one version: the first of these that a request has."""

    header: HeaderName | None = Field(default=None, description="header whose value is the key")
    user_field: bool = Field(default=True, description="the body's `user` (or `metadata.user_id`)")


class Model(Section):
    """A model name that clients ask for, and the versions behind it."""

    versions: dict[Name, Version] = Field(min_length=1, description="versions by name")
    sticky: Sticky = Field(default_factory=Sticky, description="what keeps a conversation on its version")
    pin_header: HeaderName | None = Field(default=None, description="header by which a client may choose a version")


# --- filters -------------------------------------------------------------------------------------------------------


class FilterSection(Section):
    """What every filter has."""

    mode: Mode = Field(default=Mode.ENFORCE, description="enforce, or decide and count only (shadow)")
    on_error: OnError = Field(default=OnError.CLOSED, description="what a failure of this filter does")


class VersionFilter(FilterSection):
    """Chooses the model version and sets the routing headers."""

    filter: Literal["version"]


class PromptFilter(FilterSection):
    """Inserts the version's system prompt."""

    filter: Literal["prompt"]


class GuardsFilter(Section):
    """The guards of the exchange's policy."""

    filter: Literal["guards"]


class MeterFilter(FilterSection):
    """Counts tokens and money; asks the server for usage when the client did not."""

    filter: Literal["meter"]
    continuous_usage: bool = Field(
        default=False,
        description="ask for usage in each chunk, of chats and completions: aborted ones are exact, at a cost",
    )


Filter = Annotated[
    VersionFilter | GuardsFilter | PromptFilter | MeterFilter,
    Field(discriminator="filter"),
]


# --- requests that are not understood ------------------------------------------------------------------------------


class Requests(Section):
    """What is let through without being understood."""

    allow_paths: tuple[PathRule, ...] = Field(
        default=("GET /v1/models", "GET /health"),
        description="METHOD PATH, exact; passed on unread. All else is refused."
        " In role route `GET /v1/models` is answered here",
    )
    token_ids: Unreadable = Field(default=Unreadable.REFUSE, description="prompts of token ids")
    media: Unreadable = Field(default=Unreadable.REFUSE, description="images, audio and files")
    template_kwargs: tuple[str, ...] = Field(
        default=("enable_thinking", "thinking", "reasoning_effort"), description="keys allowed in chat_template_kwargs"
    )


# --- Envoy ---------------------------------------------------------------------------------------------------------


class EnvoyProcessor(Section):
    """The processor as Envoy finds it where it is a service of its own. Files are paths where Envoy runs."""

    address: HostPort | None = Field(default=None, description="HOST:PORT; default: `server.listen`, on this machine")
    ca_file: FilePath | None = Field(
        default=None, description="the CA, in PEM, that signed `server.tls.certificate_file`; a path where Envoy runs"
    )
    server_name: ServerName | None = Field(
        default=None, description="the name in that certificate; default: the host of the address"
    )
    certificate_file: FilePath | None = Field(
        default=None, description="what Envoy shows, in PEM, when there is a `server.tls.client_ca_file`"
    )
    key_file: FilePath | None = Field(default=None, description="its private key in PEM")
    sds_folder: FilePath | None = Field(
        default=None,
        description="folder with what `envoy-config --sds` writes; Envoy then takes renewed files without a restart",
    )


class Envoy(Section):
    """What `extproc envoy-config` needs to know."""

    listen: HostPort = Field(default="0.0.0.0:10000", description="where clients connect")
    admin: HostPort = Field(default="127.0.0.1:9901", description="Envoy's admin page")
    message_timeout_ms: int = Field(
        default=2_000, ge=50, le=600_000, description="how long Envoy waits for one reply of ours"
    )
    long_message_timeout_ms: int = Field(
        default=10_000, ge=50, le=600_000, description="how long it waits, once we say so, for a request of over 16 KiB"
    )
    stream_idle_ms: int = Field(
        default=300_000, ge=1_000, le=86_400_000, description="longest silence of a stream, also before the first token"
    )
    response_stream_mode: Literal["full_duplex", "streamed"] = Field(
        default="full_duplex",
        description="`streamed` beside another full-duplex filter: cuts then wait for the upstream's end",
    )
    processor: EnvoyProcessor = Field(
        default_factory=EnvoyProcessor, description="the processor as Envoy finds it, when it is a shared service"
    )


class Document(Section):
    """One configuration file."""

    role: Role = Field(default=Role.ROUTE, description="route: choose versions. guard: beside one vLLM, version fixed")
    guard_version: str | None = Field(default=None, description="role guard: MODEL/VERSION that this vLLM serves")
    server: Server = Field(default_factory=Server, description="addresses and times of the process")
    log: Log = Field(default_factory=Log, description="what is logged")
    limits: Limits = Field(default_factory=Limits, description="largest sizes")
    identity: Identity = Field(default_factory=Identity, description="which headers say who pays")
    models: dict[Name, Model] = Field(min_length=1, description="models by the name that clients send")
    filters: tuple[Filter, ...] = Field(min_length=1, description="in the order in which they run")
    policies: tuple[Policy, ...] = Field(default=(), description="guards; the first that fits an exchange judges it")
    classifiers: dict[Name, Classifier] = Field(
        default_factory=dict, description="models that judge texts beside the exchange, for `guard: classifier`"
    )
    review: Review | None = Field(default=None, description="the queue of findings that people look at; default: none")
    requests: Requests = Field(default_factory=Requests, description="what is let through without being understood")
    envoy: Envoy = Field(default_factory=Envoy, description="what `envoy-config` needs to know")
