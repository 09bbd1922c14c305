"""What Istio's control plane makes of the ``tracing`` of a Telemetry, where the mesh sends spans by OpenTelemetry.

Written from the behavior of istio/istio, pilot/pkg/networking/core/tracing.go.
"""

from __future__ import annotations

from typing import Any

COLLECTOR = "outbound|4317||collector"
_TRACER = "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig"

Block = dict[str, Any]


def trace(managers: list[Block], spec: Block) -> None:
    """Adds the tags to all spans of a proxy. Args: spec: of the Telemetry, with one entry."""
    (tracing,) = spec["tracing"]
    tags = [
        {"tag": tag, "request_header": {"name": value["header"]["name"]}}
        for tag, value in sorted(tracing["customTags"].items())
    ]
    for manager in managers:
        manager["tracing"] = {
            "provider": {
                "name": "envoy.tracers.opentelemetry",
                "typed_config": {
                    "@type": _TRACER,
                    "grpc_service": {"envoy_grpc": {"cluster_name": COLLECTOR}, "timeout": "1s"},
                    "service_name": "gateway",
                },
            },
            "custom_tags": tags,
        }
