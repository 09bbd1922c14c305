"""What pilot makes of a VirtualService and a DestinationRule, for the parts that we write.

Written from the behavior of istio/istio, pilot/pkg/networking/core/route and cluster_traffic_policy.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_PREVIOUS_HOSTS = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"

Block = dict[str, Any]
ClusterName = Callable[[str, int], str]
"""Of a host and a port."""


def routes_of(virtual_service: Block, cluster_name: ClusterName) -> list[Block]:
    """Envoy's routes for the ``spec`` of a VirtualService; those behind one that takes all requests are left out."""
    routes: list[Block] = []
    for http in virtual_service["http"]:
        for match in http.get("match", [{}]):
            routes.append(_route(http, match, cluster_name))
        if "match" not in http:
            break
    return routes


DEFAULT_THRESHOLDS = dict.fromkeys(
    ("max_connections", "max_pending_requests", "max_requests", "max_retries"), 4_294_967_295
)
"""Of every cluster of istiod: pilot/pkg/networking/core, ``getDefaultCircuitBreakerThresholds``."""


def with_traffic_policy(cluster: Block, rule: Block) -> Block:
    """A cluster with the ``trafficPolicy`` of its host's DestinationRule."""
    policy = rule["trafficPolicy"]
    pool = policy["connectionPool"]
    thresholds = DEFAULT_THRESHOLDS | {
        "max_connections": pool["tcp"]["maxConnections"],
        "max_pending_requests": pool["http"]["http1MaxPendingRequests"],
        "max_requests": pool["http"]["http2MaxRequests"],
    }
    cluster = {
        **cluster,
        "connect_timeout": pool["tcp"]["connectTimeout"],
        "circuit_breakers": {"thresholds": [thresholds]},
    }
    if "loadBalancer" in policy:
        cluster["lb_policy"] = policy["loadBalancer"]["simple"]
    if "outlierDetection" in policy:
        outliers = policy["outlierDetection"]
        cluster["outlier_detection"] = {
            "consecutive_gateway_failure": outliers["consecutiveGatewayErrors"],
            "enforcing_consecutive_gateway_failure": 100,
            "enforcing_consecutive_5xx": 100 if outliers["consecutive5xxErrors"] else 0,
            "enforcing_success_rate": 0,
            "interval": outliers["interval"],
            "base_ejection_time": outliers["baseEjectionTime"],
            "max_ejection_percent": outliers["maxEjectionPercent"],
        }
        if outliers.get("splitExternalLocalOriginErrors"):
            failures = outliers["consecutiveLocalOriginFailures"]
            cluster["outlier_detection"] |= {
                "split_external_local_origin_errors": True,
                "enforcing_consecutive_local_origin_failure": 100 if failures else 0,
                "enforcing_local_origin_success_rate": 0,
            }
    return cluster


def _route(http: Block, match: Block, cluster_name: ClusterName) -> Block:
    route: Block = {"name": http["name"], "match": _match(match)}
    added = http.get("headers", {}).get("response", {}).get("set", {})
    if added:
        route["response_headers_to_add"] = [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in added.items()
        ]
    if "directResponse" in http:
        return {**route, "direct_response": {"status": http["directResponse"]["status"]}}
    retries = http["retries"]
    action: Block = {
        "timeout": "0s",
        "retry_policy": {
            "retry_on": retries["retryOn"],
            "num_retries": retries["attempts"],
            "host_selection_retry_max_attempts": 5,
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {"@type": _PREVIOUS_HOSTS},
                }
            ],
        },
        **_clusters(http["route"], cluster_name),
    }
    return {**route, "route": action}


def _match(match: Block) -> Block:
    """A header without a value is one that is there, whatever its value."""
    found: Block = {"path": match["uri"]["exact"]} if "uri" in match else {"prefix": "/"}
    headers = {**match.get("headers", {}), **({":method": match["method"]} if "method" in match else {})}
    matchers = [
        {"name": name, **({"string_match": value} if value else {"present_match": True})}
        for name, value in headers.items()
    ]
    return {**found, **({"headers": matchers} if matchers else {})}


def _clusters(destinations: list[Block], cluster_name: ClusterName) -> Block:
    named = [
        (cluster_name(each["destination"]["host"], each["destination"]["port"]["number"]), each.get("weight", 100))
        for each in destinations
    ]
    if len(named) == 1:
        return {"cluster": named[0][0]}
    return {"weighted_clusters": {"clusters": [{"name": name, "weight": weight} for name, weight in named]}}
