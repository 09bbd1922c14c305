"""What Envoy Gateway makes of our objects, in small: a listener, its filters and routes, and clusters.

Written from the behavior of Envoy Gateway 1.9 (https://github.com/envoyproxy/gateway, internal/gatewayapi and
internal/xds/translator, with what its tests expect) for the fields that we write. A field that is not known here is an
error. Envoy Gateway itself sends this by xDS, endpoints apart from clusters, and has an access log and TLS besides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tests.deploy.manifests import Manifest, one

_TYPE: Final = "type.googleapis.com/envoy"
_MANAGER: Final = f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_EXT_PROC: Final = f"{_TYPE}.extensions.filters.http.ext_proc.v3.ExternalProcessor"
_MUTATION: Final = f"{_TYPE}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
_ENABLED: Final = {"@type": f"{_TYPE}.config.route.v3.FilterConfig", "config": {}}
_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_POLICIES: Final = "envoy.extensions.load_balancing_policies"
BUFFER_BYTES: Final = 32_768
TIMEOUT: Final = "15s"  # of Envoy, where nothing is said
_MODES: Final = {"Buffered": "BUFFERED", "Streamed": "STREAMED"}
SHOP: Final = "shop.example.com"
"""A host of others on the same listener, whose route calls nobody."""

Block = dict[str, Any]
ServicePort = tuple[str, str, int]
"""Namespace, name and port of a Service."""


def gateway_proxy(objects: list[Manifest], services: Mapping[ServicePort, list[Block]]) -> Block:
    """Static configuration of the proxy of a Gateway.

    Args:
        services: Envoy's addresses of the servers behind each Service.
    """
    routes, clusters, filters = [], [], []
    for extension in (each for each in objects if each["kind"] == "EnvoyExtensionPolicy"):
        filters.append(_ext_proc(extension))
        clusters.append(_processor_cluster(extension, objects, services))
    for route in (each for each in objects if each["kind"] == "HTTPRoute"):
        for index, rule in enumerate(route["spec"]["rules"]):
            cluster = f"httproute/{route['metadata']['namespace']}/{route['metadata']['name']}/rule/{index}"
            traffic = _selecting(route, objects, "BackendTrafficPolicy")
            if "backendRefs" in rule:
                addresses = [
                    address for each in rule["backendRefs"] for address in _servers(each, route, objects, services)
                ]
                clusters.append(_backend_cluster(cluster, addresses, traffic["spec"] if traffic else {}))
            for number, match in enumerate(rule["matches"]):
                made = _route(f"{cluster}/match/{number}", match, rule, cluster, objects, traffic)
                if (calling := _selecting(route, objects, "EnvoyExtensionPolicy")) is not None:
                    made["typed_per_filter_config"] = {_filter_name(calling): _ENABLED}
                routes.append(made)
    routes.sort(key=_precedence, reverse=True)
    return {
        "static_resources": {
            "listeners": [_listener(objects, _hosts(objects, routes), filters)],
            "clusters": clusters,
        }
    }


def manager_of(proxy: Block) -> Block:
    """The connection manager of the only listener."""
    found: Block = proxy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def _filter_name(policy: Manifest) -> str:
    return f"envoy.filters.http.ext_proc/{_policy_name(policy)}/extproc/0"


def _policy_name(policy: Manifest) -> str:
    return f"envoyextensionpolicy/{policy['metadata']['namespace']}/{policy['metadata']['name']}"


def _selecting(route: Manifest, objects: list[Manifest], kind: str) -> Manifest | None:
    """The policy that selects a route by its labels."""
    for policy in (each for each in objects if each["kind"] == kind):
        (selector,) = policy["spec"]["targetSelectors"]
        assert selector["kind"] == "HTTPRoute"
        same = policy["metadata"]["namespace"] == route["metadata"]["namespace"]
        if same and selector["matchLabels"].items() <= route["metadata"]["labels"].items():
            return policy
    return None


# --- listener and filters ------------------------------------------------------------------------------------------


def _listener(objects: list[Manifest], hosts: list[Block], filters: list[Block]) -> Block:
    buffered, early = BUFFER_BYTES, {}
    for client in (each["spec"] for each in objects if each["kind"] == "ClientTrafficPolicy"):
        buffered = int(client["connection"]["bufferLimit"])
        removed = [
            {"remove_on_match": {"key_matcher": {each["type"].lower(): each["value"]}}}
            for each in client["headers"]["earlyRequestHeaders"]["removeOnMatch"]
        ]
        mutation = {"name": "early", "typed_config": {"@type": _MUTATION, "mutations": removed}}
        early = {"early_header_mutation_extensions": [mutation]}
    manager = {
        "@type": _MANAGER,
        "stat_prefix": "http-10080",
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "server_header_transformation": "PASS_THROUGH",
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        "http2_protocol_options": {
            "initial_connection_window_size": 1_048_576,
            "initial_stream_window_size": 65_536,
            "max_concurrent_streams": 100,
        },
        **early,
        "http_filters": [
            *filters,
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": f"{_TYPE}.extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            },
        ],
        "route_config": {"name": "http-10080", "ignore_port_in_host_matching": True, "virtual_hosts": hosts},
    }
    return {
        "name": "llm",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 10080}},
        "per_connection_buffer_limit_bytes": buffered,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _ext_proc(policy: Manifest) -> Block:
    (calls,) = policy["spec"]["extProc"]
    mode = calls["processingMode"]
    config = {
        "@type": _EXT_PROC,
        "grpc_service": {
            "envoy_grpc": {"cluster_name": f"{_policy_name(policy)}/0"},
            "timeout": "10s",
            "retry_policy": _retry_policy(calls["backendSettings"]["retry"]),
        },
        "failure_mode_allow": calls["failOpen"],
        "status_on_error": {"code": calls["statusOnError"]},
        "message_timeout": _seconds(calls["messageTimeout"]),
        "allow_mode_override": mode["allowModeOverride"],
        "processing_mode": {
            "request_header_mode": "SEND" if "request" in mode else "SKIP",
            "request_body_mode": _MODES[mode["request"]["body"]],
            "request_trailer_mode": "SKIP",
            "response_header_mode": "SEND" if "response" in mode else "SKIP",
            "response_body_mode": _MODES[mode["response"]["body"]],
            "response_trailer_mode": "SKIP",
        },
        "response_attributes": mode["response"]["attributes"],
        "metadata_options": {"receiving_namespaces": {"untyped": calls["metadata"]["writableNamespaces"]}},
    }
    return {"name": _filter_name(policy), "disabled": True, "typed_config": config}


# --- routes --------------------------------------------------------------------------------------------------------


def _hosts(objects: list[Manifest], routes: list[Block]) -> list[Block]:
    """A virtual host for each hostname, and that of others."""
    names = {name for each in objects if each["kind"] == "HTTPRoute" for name in each["spec"].get("hostnames", ["*"])}
    header = {"header": {"key": "x-seen", "value": "%REQ(x-llm-version)% %REQ(x-shop)%"}}
    shop = {
        "name": "shop",
        "match": {"prefix": "/"},
        "direct_response": {"status": 200, "body": {"inline_string": "a shop"}},
        "response_headers_to_add": [header],
    }
    hosts = [{"name": name, "domains": [name], "routes": routes} for name in sorted(names)]
    return [*hosts, {"name": SHOP, "domains": [SHOP], "routes": [shop]}]


def _precedence(route: Block) -> tuple[bool, int, int]:
    """Exact paths before prefixes, longer ones before shorter, then the number of headers; a method counts as one."""
    match = route["match"]
    return "path" in match, len(match.get("path", match.get("prefix"))), len(match["headers"])


def _route(
    name: str, match: Block, rule: Block, cluster: str, objects: list[Manifest], traffic: Manifest | None
) -> Block:
    made: Block = {"name": name, "match": _match(match)}
    for each in rule["filters"]:
        if each["type"] == "ResponseHeaderModifier":
            made["response_headers_to_add"] = [
                {
                    "header": {"key": header["name"], "value": header["value"]},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                }
                for header in each["responseHeaderModifier"]["set"]
            ]
        else:
            found = one(objects, "HTTPRouteFilter", each["extensionRef"]["name"])
            made["direct_response"] = {"status": found["spec"]["directResponse"]["statusCode"]}
    if "backendRefs" in rule:
        made["route"] = {"cluster": cluster, **_action(traffic)}
    return made


def _match(match: Block) -> Block:
    path = match["path"]
    assert path["type"] == "Exact" or path["value"] == "/"
    found: Block = {"path" if path["type"] == "Exact" else "prefix": path["value"]}
    headers = []
    if "method" in match:
        headers.append({"name": ":method", "string_match": {"exact": match["method"]}})
    for each in match.get("headers", ()):
        if each.get("type", "Exact") == "Exact":
            wanted: Block = {"exact": each["value"]}
        else:
            wanted = {"safe_regex": {"regex": each["value"]}}
        headers.append({"name": each["name"], "string_match": wanted})
    return {**found, "headers": headers}


def _action(traffic: Manifest | None) -> Block:
    """Timeouts and retries; without a policy those of Envoy."""
    if traffic is None:
        return {"timeout": TIMEOUT}
    timeout = traffic["spec"]["timeout"]["http"]
    return {
        "timeout": _seconds(timeout["requestTimeout"]),
        "idle_timeout": _seconds(timeout["streamIdleTimeout"]),
        "retry_policy": {"host_selection_retry_max_attempts": 5, **_retry_policy(traffic["spec"]["retry"])},
    }


def _retry_policy(retry: Block) -> Block:
    back_off = retry["perRetry"]["backOff"]
    return {
        "retry_on": ",".join(retry["retryOn"]["triggers"]),
        "num_retries": retry["numRetries"],
        "retry_back_off": {
            "base_interval": _seconds(back_off["baseInterval"]),
            "max_interval": _seconds(back_off["maxInterval"]),
        },
    }


def _seconds(duration: str) -> str:
    """``1s500ms`` in Envoy's form."""
    found = re.fullmatch(r"(?:(\d+)s)?(?:(\d+)ms)?", duration)
    assert found is not None
    return f"{int(found[1] or 0) + int(found[2] or 0) / 1_000:g}s"


# --- clusters ------------------------------------------------------------------------------------------------------


def _servers(
    reference: Block, owner: Manifest, objects: list[Manifest], services: Mapping[ServicePort, list[Block]]
) -> list[Block]:
    """Addresses of a reference; one to another namespace needs a ReferenceGrant there."""
    namespace = reference.get("namespace", owner["metadata"]["namespace"])
    if namespace != owner["metadata"]["namespace"]:
        granted = [
            source
            for each in objects
            if each["kind"] == "ReferenceGrant" and each["metadata"]["namespace"] == namespace
            for source in each["spec"]["from"]
        ]
        wanted = {"kind": owner["kind"], "namespace": owner["metadata"]["namespace"]}
        assert any(wanted.items() <= source.items() for source in granted), f"no ReferenceGrant in {namespace}"
    if reference.get("kind") == "Backend":
        (endpoint,) = one(objects, "Backend", reference["name"])["spec"]["endpoints"]
        return [{"pipe": {"path": endpoint["unix"]["path"]}}]
    return services[namespace, reference["name"], reference["port"]]


def _processor_cluster(policy: Manifest, objects: list[Manifest], services: Mapping[ServicePort, list[Block]]) -> Block:
    (calls,) = policy["spec"]["extProc"]
    (reference,) = calls["backendRefs"]
    addresses = _servers(reference, policy, objects, services)
    windows = {"initial_connection_window_size": 1_048_576, "initial_stream_window_size": 65_536}
    options = {
        "@type": f"type.googleapis.com/{_OPTIONS}",
        "explicit_http_config": {"http2_protocol_options": windows},
    }
    return {
        **_cluster(f"{_policy_name(policy)}/0", addresses, calls["backendSettings"]),
        "lb_policy": "LEAST_REQUEST",
        "typed_extension_protocol_options": {_OPTIONS: options},
    }


def _backend_cluster(name: str, addresses: list[Block], traffic: Block) -> Block:
    made = _cluster(name, addresses, traffic)
    balancer = traffic.get("loadBalancer", {})
    least = _policy("least_request", "LeastRequest")
    if "endpointOverride" in balancer:
        sources = balancer["endpointOverride"]["extractFrom"]
        least = _policy(
            "override_host", "OverrideHost", override_host_sources=sources, fallback_policy={"policies": [least]}
        )
    made |= {"lb_policy": "LOAD_BALANCING_POLICY_CONFIG", "load_balancing_policy": {"policies": [least]}}
    if "healthCheck" in traffic:
        passive = traffic["healthCheck"]["passive"]
        made["outlier_detection"] = {
            "consecutive_gateway_failure": passive["consecutiveGatewayErrors"],
            "enforcing_consecutive_gateway_failure": 100,
            "consecutive_5xx": passive["consecutive5XxErrors"],
            "interval": passive["interval"],
            "base_ejection_time": passive["baseEjectionTime"],
            "max_ejection_percent": passive["maxEjectionPercent"],
        }
    return made


def _policy(name: str, message: str, **fields: Any) -> Block:
    typed = {"@type": f"type.googleapis.com/{_POLICIES}.{name}.v3.{message}", **fields}
    return {"typed_extension_config": {"name": f"envoy.load_balancing_policies.{name}", "typed_config": typed}}


def _cluster(name: str, addresses: list[Block], traffic: Block) -> Block:
    breaker = traffic.get("circuitBreaker", {})
    thresholds = {
        "max_retries": breaker.get("maxParallelRetries", 1_024),
        "max_connections": breaker.get("maxConnections", 1_024),
        "max_pending_requests": breaker.get("maxPendingRequests", 1_024),
        "max_requests": breaker.get("maxParallelRequests", 1_024),
    }
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": traffic.get("timeout", {}).get("tcp", {}).get("connectTimeout", "10s"),
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "ignore_health_on_host_removal": True,
        "circuit_breakers": {"thresholds": [thresholds]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}} for address in addresses]}],
        },
    }
