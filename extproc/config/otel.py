"""The section of OpenTelemetry."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from extproc.config.section import FilePath, Section

OtlpEndpoint = Annotated[
    str,
    StringConstraints(pattern=r"^https?://(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+)(:[0-9]{1,5})?$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "a URL without a path, such as `http://collector:4317`, or with `https://` for TLS",
            "environment": True,
        }
    ),
]
ServiceName = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~](?:[ -~]*[!-~])?$", max_length=128),
    Field(json_schema_extra={"patternErrorMessage": "a text of 1 to 128 ASCII characters"}),
]


class Otel(Section):
    """Spans and metrics by OpenTelemetry's conventions for generative AI, over OTLP. Needs
    `pip install 'llm-extproc[otel]'`.
    """

    endpoint: OtlpEndpoint = Field(description="of the collector, OTLP over gRPC; its usual port is 4317")
    ca_file: FilePath | None = Field(
        default=None, description="CAs in PEM of which one signed its certificate; default: those of the library"
    )
    certificate_file: FilePath | None = Field(
        default=None, description="client certificate in PEM, if the collector asks for one"
    )
    key_file: FilePath | None = Field(default=None, description="private key of that certificate in PEM")
    headers_file: FilePath | None = Field(
        default=None, description="file with a header a line, `name: value`, such as a token; read at the start"
    )
    timeout_ms: int = Field(
        default=10_000, ge=100, le=60_000, description="how long the collector may take for a batch, with retries"
    )
    waiting_max: int = Field(
        default=2_048,
        ge=1,
        le=1_000_000,
        description="ended exchanges, per process, that may wait to be sent; more are dropped and counted",
    )
    ratio: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="share of the traces that begin here which is sampled, by trace id. A client's `traceparent` says "
        "itself whether its trace is",
    )
    forward: bool = Field(
        default=True,
        description="whether the model server gets our span as the parent of its spans, in `traceparent`; false: what "
        "the client sent, as it is",
    )
    texts: bool = Field(
        default=False,
        description="whether spans have the texts of requests and responses, as they were forwarded, personal data "
        "masked, up to 10,000 characters of each kind",
    )
    metrics: bool = Field(default=False, description="whether metrics of the conventions are sent too")
    metrics_interval_ms: int = Field(default=60_000, ge=1_000, le=3_600_000, description="how often metrics are sent")
    service_name: ServiceName | None = Field(
        default=None, description="`service.name`; default: `OTEL_SERVICE_NAME`, or else `llm-extproc`"
    )
