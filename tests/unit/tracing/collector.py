"""A receiver of OTLP over gRPC, as a collector is one: it reads what arrives by the official messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.hangs import HANG_S


class Collector(TraceServiceServicer, MetricsServiceServicer):
    """Takes what comes, unless ``answers`` is another status, or ``hangs``.

    Attributes:
        traces: the messages, in the order in which they came.
        metadata: what came with each.
    """

    def __init__(self) -> None:
        self.traces: list[ExportTraceServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.metadata: list[dict[str, str]] = []
        self.answers = grpc.StatusCode.OK
        self.hangs = False
        self.asked = 0
        self.goes_on = threading.Event()
        self.port = 0

    @property
    def endpoint(self) -> str:
        """As `otel.endpoint` has it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Span]:
        """All that came."""
        scopes = [scope for one in self.traces for resource in one.resource_spans for scope in resource.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    @property
    def resource(self) -> dict[str, Any]:
        """Who sent the first message."""
        return values(self.traces[0].resource_spans[0].resource.attributes)

    @property
    def measured(self) -> dict[str, Metric]:
        """The metrics that came last, by name."""
        return {
            metric.name: metric
            for one in self.metrics
            for resource in one.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - both services call it so
        """Take one message of either service."""
        self.asked += 1
        if self.hangs:
            self.goes_on.wait(HANG_S)
        if self.answers is not grpc.StatusCode.OK:
            context.abort(self.answers, "not now")
        self.metadata.append({name: str(value) for name, value in context.invocation_metadata()})
        if isinstance(request, ExportTraceServiceRequest):
            self.traces.append(request)
            return ExportTraceServiceResponse()
        self.metrics.append(request)
        return ExportMetricsServiceResponse()


@contextmanager
def collecting(
    credentials: grpc.ServerCredentials | None = None, set_up: Callable[[Collector], None] = lambda _: None
) -> Iterator[Collector]:
    """A receiver on a port of its own. Args: credentials: for TLS."""
    collector = Collector()
    set_up(collector)
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    add_MetricsServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    address = "127.0.0.1:0"
    collector.port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    try:
        yield collector
    finally:
        collector.goes_on.set()
        server.stop(None)


def values(attributes: Any) -> dict[str, Any]:
    """Attributes as plain values."""
    return {one.key: _value(one.value) for one in list[KeyValue](attributes)}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return None if kind is None else getattr(value, kind)
