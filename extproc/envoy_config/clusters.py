"""Upstream clusters: one per model version, and one for the processor."""

from __future__ import annotations

from typing import Any

from extproc.config.document import Document, Version
from extproc.config.providers import Provider, address_of
from extproc.domain.contract import ENDPOINT_HEADER
from extproc.envoy_config.addresses import discovery_type, reachable_address, socket_address
from extproc.envoy_config.names import PROCESSOR_CLUSTER
from extproc.envoy_config.processor_tls import transport_socket
from extproc.envoy_config.providers import provider_connection
from extproc.envoy_config.retries import ALL_RETRIES

EJECTION = {
    "consecutive_gateway_failure": 5,
    "enforcing_consecutive_gateway_failure": 100,
    "enforcing_consecutive_5xx": 0,
    "enforcing_success_rate": 0,
    "interval": "5s",
    "base_ejection_time": "10s",
    "max_ejection_percent": 50,
}
"""``OutlierDetection``: only refusals and gateway failures count."""
APPLIED_AT_ONCE = {"common_lb_config": {"update_merge_window": "0s"}}
"""By default an ejection that follows another waits for up to a second, and requests go on to the ejected server."""

_LOCAL_CONNECT_TIMEOUT = "0.25s"
PROVIDER_CONNECT_TIMEOUT = "3s"  # over the internet, with TLS
_REMOTE_CONNECT_TIMEOUT = "1s"  # over a network; with TLS it includes the handshake


def version_cluster(
    name: str,
    model: str,
    version_name: str,
    version: Version,
    provider: Provider | None = None,
    *,
    open_max: int,
    has_egress: bool = False,
) -> dict[str, Any]:
    """Cluster of one model version; its endpoints carry MODEL/VERSION, from which the served version is read.

    Args:
        open_max: ``envoy.open_exchanges_max``.
        has_egress: it is reached through an internal listener, see ``fallback``.
    """
    addresses = [socket_address(endpoint) for endpoint in version.endpoints]
    if provider is not None:
        host, port = address_of(provider)[1:3]
        addresses = [{"socket_address": {"address": host, "port_value": port}}]
    label = {"filter_metadata": {"envoy.lb": {"version": f"{model}/{version_name}"}}}
    return {
        "name": name,
        "type": discovery_type(addresses),
        "connect_timeout": "1s" if provider is None else PROVIDER_CONNECT_TIMEOUT,
        **_balancing(version),
        **({} if provider is None else provider_connection(provider)),
        **(APPLIED_AT_ONCE if has_egress else {}),
        "circuit_breakers": circuit_breakers(open_max),
        # Only connection and gateway failures count: a request may cause a 500, and one client must not
        # be able to eject a server for all others.
        "outlier_detection": quick_ejection(3) if has_egress else EJECTION,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": address}, "metadata": label} for address in addresses]}
            ],
        },
    }


def _balancing(version: Version) -> dict[str, Any]:
    """Least requests; where the processor picks, only if it names no healthy endpoint."""
    if version.pick == "least_request":
        return {"lb_policy": "LEAST_REQUEST"}
    least_request = _policy("least_request", "LeastRequest")
    override = _policy(
        "override_host",
        "OverrideHost",
        override_host_sources=[{"header": ENDPOINT_HEADER}],
        fallback_policy={"policies": [least_request]},
    )
    return {"lb_policy": "LOAD_BALANCING_POLICY_CONFIG", "load_balancing_policy": {"policies": [override]}}


def _policy(name: str, message: str, **fields: Any) -> dict[str, Any]:
    package = f"envoy.extensions.load_balancing_policies.{name}"
    typed = {"@type": f"type.googleapis.com/{package}.v3.{message}", **fields}
    return {"typed_extension_config": {"name": f"envoy.load_balancing_policies.{name}", "typed_config": typed}}


def quick_ejection(failures: int) -> dict[str, Any]:
    """``OutlierDetection`` where another version can answer: soon, and for a short time.

    A connection that breaks in the middle of an answer is no failure here: streams that end together, as at a restart,
    must not eject a server that is back. One that breaks before is: behind the internal listener it is an answer, 503.

    Args: failures: refusals or 502, 503, 504 in a row that eject a server.
    """
    return {
        **EJECTION,
        "consecutive_gateway_failure": failures,
        "interval": "1s",
        "base_ejection_time": "3s",
        "max_ejection_time": "5s",
        "max_ejection_percent": 100,
        "split_external_local_origin_errors": True,
        "enforcing_consecutive_local_origin_failure": 0,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_failure_percentage": 0,
        "enforcing_failure_percentage_local_origin": 0,
    }


def processor_cluster(document: Document) -> dict[str, Any]:
    """Cluster of the processor, with one endpoint per address.

    No health check: a failed connection is detected immediately, and so is recovery.

    Raises: EnvoyConfigError if the processor uses TLS and its CA is unknown.
    """
    server, found_at = document.server, document.envoy.processor
    shared = found_at.address
    addresses = [socket_address(shared)] if shared else [reachable_address(listen) for listen in server.addresses]
    security = transport_socket(server, found_at)
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": PROCESSOR_CLUSTER,
        "type": discovery_type(addresses),
        "connect_timeout": _REMOTE_CONNECT_TIMEOUT if shared or security else _LOCAL_CONNECT_TIMEOUT,
        "typed_extension_protocol_options": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicit_http_config": {"http2_protocol_options": {"max_concurrent_streams": 1_000}},
            }
        },
        "circuit_breakers": circuit_breakers(document.envoy.open_exchanges_max),
        "load_assignment": {
            "cluster_name": PROCESSOR_CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}} for address in addresses]}],
        },
        **({} if security is None else {"transport_socket": security}),
    }


def circuit_breakers(open_max: int) -> dict[str, Any]:
    """``CircuitBreakers``. Without a budget of their own, three retries at a time are all that Envoy allows.

    Args: open_max: ``envoy.open_exchanges_max``. Streams are long: a busy gateway exceeds Envoy's default of 1,024.
    """
    return {
        "thresholds": [
            {
                "max_connections": open_max,
                "max_pending_requests": open_max,
                "max_requests": open_max,
                "retry_budget": ALL_RETRIES,
            }
        ]
    }
