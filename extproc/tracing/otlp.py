"""The official exporters of OTLP over gRPC, as the configuration has them, and why they fail.

What the configuration does not say, the SDK's variables ``OTEL_EXPORTER_OTLP_*`` may: headers, compression and
certificates.
"""

from __future__ import annotations

import logging
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import grpc
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from extproc.config.otel import Otel
from extproc.tracing import names
from extproc.tracing.files import read_otlp_files

_DEFAULT_NAME: Final = "llm-extproc"
_UNKNOWN_NAME: Final = "unknown_service"
_NO_PROXY: Final = (("grpc.enable_http_proxy", 0),)
"""A proxy of the environment would take spans to a server that nobody named."""
_LIBRARY: Final = "opentelemetry.exporter.otlp.proto.grpc.exporter"


class Reasons(logging.Filter):
    """Keeps lines of the library out of the log, which has each outage once, and remembers the last status."""

    def __init__(self) -> None:
        super().__init__()
        self.last = ""
        logging.getLogger(_LIBRARY).filters.insert(0, self)  # before the library's own, which drops repeated lines

    def close(self) -> None:
        """Leave the library's log as it was."""
        logging.getLogger(_LIBRARY).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Take a line of the library."""
        for value in record.args if isinstance(record.args, tuple) else ():
            if isinstance(value, grpc.StatusCode):
                self.last = value.name
        return False


def resource_of(terms: Otel) -> Resource:
    """Who sends; ``OTEL_RESOURCE_ATTRIBUTES`` adds to it."""
    known = {names.SERVICE_VERSION: version(_DEFAULT_NAME), names.SERVICE_INSTANCE: str(uuid.uuid4())}
    if terms.service_name is not None:
        return Resource.create({**known, names.SERVICE_NAME: terms.service_name})
    made = Resource.create(known)
    if str(made.attributes.get(names.SERVICE_NAME, _UNKNOWN_NAME)).startswith(_UNKNOWN_NAME):
        return made.merge(Resource({names.SERVICE_NAME: _DEFAULT_NAME}))
    return made


def scope_of() -> InstrumentationScope:
    """What makes the spans."""
    return InstrumentationScope("extproc", version(_DEFAULT_NAME))


def exporter_terms(terms: Otel, folder: Path) -> dict[str, Any]:
    """The arguments of both exporters. Args: folder: base of relative paths. Raises: OtelUnavailable."""
    is_secure = terms.endpoint.startswith("https:")
    files = read_otlp_files(terms, folder)
    credentials = None
    if is_secure and (files.ca is not None or files.key is not None):
        credentials = grpc.ssl_channel_credentials(files.ca, files.key, files.certificate)
    return {
        "endpoint": terms.endpoint,
        "insecure": not is_secure,
        "credentials": credentials,
        "headers": files.headers,
        "timeout": terms.timeout_ms / 1_000,
        "channel_options": _NO_PROXY,
    }


def span_exporter(arguments: dict[str, Any]) -> OTLPSpanExporter:
    """The exporter of spans."""
    return OTLPSpanExporter(**arguments)


def metric_exporter(arguments: dict[str, Any]) -> OTLPMetricExporter:
    """The exporter of metrics."""
    return OTLPMetricExporter(**arguments)
