"""Policies of Envoy Gateway: what our own Envoy has around its routes.

The policies for routes select them by their labels, so that no route of a version can be forgotten; a label that is
missing leaves a route without the processor, and a request that the processor has not seen has no version.

Source: Envoy Gateway 1.9, api/v1alpha1. Not there: metadata of calls (the processor does not know which versions have
routes), headers that are kept from the processor, a longer timeout on demand, trailers of answers.
"""

from __future__ import annotations

from typing import Any, Final

from extproc.config.document import Document
from extproc.domain.contract import ENDPOINT_HEADER, INTERNAL_HEADER_PREFIX, METADATA_NAMESPACE, PICKER_HEADER
from extproc.envoy_config.clusters import EJECTION
from extproc.envoy_config.envoy_gateway.place import GatewayPlace
from extproc.envoy_config.envoy_gateway.routes import NAME
from extproc.envoy_config.listener import buffer_limit_bytes, ext_proc
from extproc.envoy_config.retries import TRIES_MAX, UNREACHED

ROUTE_LABELS: Final = {"llm-extproc.dev/routes": "true"}
"""Of all our HTTPRoutes: the processor is called for them."""
PICK_LABEL: Final = "llm-extproc.dev/pick"
"""How a server of the version is chosen, as in the configuration; for other routes ``least_request``."""
_REMOVED_PREFIXES: Final = (
    INTERNAL_HEADER_PREFIX,
    "x-envoy-hedge-",
    "x-envoy-max-retries",
    "x-envoy-retry-",
    "x-envoy-upstream-",
    PICKER_HEADER,
)
"""Of requests, before their first route: with them clients choose a version, retries that are billed, or a server."""
_GATEWAY_API: Final = "gateway.networking.k8s.io"
_BODY_MODES: Final = {"BUFFERED": "Buffered", "STREAMED": "Streamed"}


def extension_policy_spec(document: Document, place: GatewayPlace) -> dict[str, Any]:
    """``spec`` of the EnvoyExtensionPolicy: the filter of our own Envoy, as far as Envoy Gateway has its settings.

    A policy of others for a single rule replaces this one there. For a version it does not matter: which filters run is
    decided by the first route of a request, which has no version yet.
    """
    ours = ext_proc(document)
    modes = ours["processing_mode"]
    calls = {
        "backendRefs": [_processor(place)],
        "failOpen": False,
        "statusOnError": 503,
        "messageTimeout": duration(max(document.envoy.message_timeout_ms, document.envoy.long_message_timeout_ms)),
        "processingMode": {
            "allowModeOverride": True,
            "request": {"body": _BODY_MODES[modes["request_body_mode"]]},
            "response": {"body": _BODY_MODES[modes["response_body_mode"]], "attributes": ours["response_attributes"]},
        },
        "metadata": {"writableNamespaces": [METADATA_NAMESPACE]},
        "backendSettings": {
            "circuitBreaker": _circuit_breaker(document),
            "retry": _retries(TRIES_MAX, "25ms", "250ms"),
        },
    }
    return {**_routes_with(ROUTE_LABELS), "extProc": [calls]}


def backend_policy_spec(document: Document, pick: str) -> dict[str, Any]:
    """``spec`` of the BackendTrafficPolicy of routes with that ``pick``: retries, limits and ejection as in ours.

    Without it Envoy ends each answer after 15 s.
    """
    balancer: dict[str, Any] = {"type": "LeastRequest"}
    if pick == "load":
        balancer["endpointOverride"] = {"extractFrom": [{"header": ENDPOINT_HEADER}]}
    return {
        **_routes_with({**ROUTE_LABELS, PICK_LABEL: pick}),
        "timeout": {
            "tcp": {"connectTimeout": "1s"},
            "http": {"requestTimeout": "0s", "streamIdleTimeout": duration(document.envoy.stream_idle_ms)},
        },
        "retry": _retries(2, "50ms", "500ms"),
        "loadBalancer": balancer,
        "circuitBreaker": _circuit_breaker(document),
        "healthCheck": {
            "passive": {
                "consecutiveGatewayErrors": EJECTION["consecutive_gateway_failure"],
                "consecutive5XxErrors": 0,
                "interval": EJECTION["interval"],
                "baseEjectionTime": EJECTION["base_ejection_time"],
                "maxEjectionPercent": EJECTION["max_ejection_percent"],
            }
        },
    }


def client_policy_spec(document: Document, place: GatewayPlace) -> dict[str, Any]:
    """``spec`` of the ClientTrafficPolicy, for all hosts of the Gateway: room for bodies, and no internal headers."""
    removed = [{"type": "Prefix", "value": prefix} for prefix in _REMOVED_PREFIXES]
    return {
        "targetRefs": [{"group": _GATEWAY_API, "kind": "Gateway", "name": place.gateway_name}],
        "connection": {"bufferLimit": str(buffer_limit_bytes(document.limits))},
        "headers": {"earlyRequestHeaders": {"removeOnMatch": removed}},
    }


def backend_spec(place: GatewayPlace) -> dict[str, Any]:
    """``spec`` of the Backend: the processor's sockets, which are in the pod of each Envoy."""
    return {"endpoints": [{"unix": {"path": path}} for path in place.sockets]}


def _circuit_breaker(document: Document) -> dict[str, Any]:
    names = ("maxConnections", "maxPendingRequests", "maxParallelRequests", "maxParallelRetries")
    return dict.fromkeys(names, document.envoy.open_exchanges_max)


def _retries(number: int, base: str, longest: str) -> dict[str, Any]:
    """Only where nobody has read anything, as everywhere."""
    return {
        "numRetries": number,
        "retryOn": {"triggers": UNREACHED.split(",")},
        "perRetry": {"backOff": {"baseInterval": base, "maxInterval": longest}},
    }


def duration(milliseconds: int) -> str:
    """In the form of the Gateway API, which has no fractions: 1500 -> ``1s500ms``."""
    whole, rest = divmod(milliseconds, 1_000)
    return f"{whole}s" * (whole > 0 or rest == 0) + f"{rest}ms" * (rest > 0)


def _processor(place: GatewayPlace) -> dict[str, Any]:
    if place.processor is None:
        return {"group": "gateway.envoyproxy.io", "kind": "Backend", "name": NAME}
    elsewhere = {"namespace": place.processor.namespace} if place.processor.namespace != place.namespace else {}
    return {"name": place.processor.name, **elsewhere, "port": place.processor.port}


def _routes_with(labels: dict[str, str]) -> dict[str, Any]:
    return {"targetSelectors": [{"group": _GATEWAY_API, "kind": "HTTPRoute", "matchLabels": dict(labels)}]}
