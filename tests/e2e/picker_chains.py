"""Envoy with an endpoint picker behind our filter, in the forms that implementations of the InferencePool give it.

- Istio: one filter of the canonical name that does nothing, and settings of that name on the routes to pools; the
  cluster takes the server from the metadata or the header, and another one where there is none.
- Envoy AI Gateway: a filter for each pool, turned off on all other routes; the cluster has no servers of its own, and
  goes where the header says.

Written from istio/istio (pilot/pkg/networking/core/route, pilot/pkg/xds/filters) and envoyproxy/ai-gateway
(internal/extensionserver). Both run in the Envoy that the tests have, not in theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from extproc.demo.installation import Change
from extproc.domain.contract import PICKER_HEADER, SERVED_VERSION_HEADER
from extproc.envoy_config.names import CANONICAL_FILTER_NAME, FILTER_NAME

_TYPES: Final = "type.googleapis.com"
_FILTERS: Final = f"{_TYPES}/envoy.extensions.filters.http.ext_proc.v3"
_EXT_PROC: Final = f"{_FILTERS}.ExternalProcessor"
_PER_ROUTE: Final = f"{_FILTERS}.ExtProcPerRoute"
_POLICIES: Final = "envoy.extensions.load_balancing_policies"
_CLUSTER: Final = "endpoint_picker"
POOL_FILTER_NAME: Final = f"{CANONICAL_FILTER_NAME}/endpointpicker/pool_llm_ext_proc"
_DUPLEX: Final = {
    "request_header_mode": "SEND",
    "request_body_mode": "FULL_DUPLEX_STREAMED",
    "request_trailer_mode": "SEND",
    "response_header_mode": "SEND",
    "response_body_mode": "FULL_DUPLEX_STREAMED",
    "response_trailer_mode": "SEND",
}
_SKIP: Final = {"request_header_mode": "SKIP", "response_header_mode": "SKIP"}

Block = dict[str, Any]


class Chain(StrEnum):
    """Whose form it is."""

    ISTIO = "istio"
    AI_GATEWAY = "ai-gateway"


def connection_manager(configuration: Block) -> Block:
    """Of the listener for clients, with its filters and routes."""
    listener = configuration["static_resources"]["listeners"][0]
    found: Block = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def routes_of(configuration: Block) -> list[Block]:
    """Of the only virtual host."""
    (host,) = connection_manager(configuration)["route_config"]["virtual_hosts"]
    found: list[Block] = host["routes"]
    return found


def with_picker(chain: Chain, socket: Path, ports: Mapping[str, int], *, fails_open: bool = False) -> Change:
    """Edits the generated configuration: each version becomes a pool of all model servers, with the picker before it.

    Args: socket: the picker's. ports: of the model servers. fails_open: without the picker, requests are to go on.
    """

    def change(configuration: Block) -> None:
        resources = configuration["static_resources"]
        pools = {route["route"]["cluster"] for route in routes_of(configuration) if "route" in route}
        _add_filter(chain, connection_manager(configuration)["http_filters"], fails_open)
        for route in routes_of(configuration):
            settings = _per_route(chain, fails_open, is_to_pool="route" in route)
            route.setdefault("typed_per_filter_config", {}).update(settings)
            if "route" in route:  # as a filter of an HTTPRoute does
                header = {"key": SERVED_VERSION_HEADER, "value": route["name"]}
                route["response_headers_to_add"] = [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
        others = [one for one in resources["clusters"] if one["name"] not in pools]
        resources["clusters"] = [*others, *(_pool(chain, name, ports) for name in pools), _picker_cluster(socket)]

    return change


def _add_filter(chain: Chain, filters: list[Block], fails_open: bool) -> None:
    """Right behind ours: the picker scores the prompt that the model gets."""
    (at,) = [index for index, one in enumerate(filters) if one["name"] == FILTER_NAME]
    name, cluster, modes = CANONICAL_FILTER_NAME, "none", _SKIP
    if chain is Chain.AI_GATEWAY:
        name, cluster, modes = POOL_FILTER_NAME, _CLUSTER, _DUPLEX
    config = {
        "@type": _EXT_PROC,
        "grpc_service": {"envoy_grpc": {"cluster_name": cluster}},
        "message_timeout": "1s",
        "failure_mode_allow": fails_open,
        "processing_mode": modes,
        "metadata_options": {"receiving_namespaces": {"untyped": ["envoy.lb"]}},
    }
    filters.insert(at + 1, {"name": name, "typed_config": config})


def _per_route(chain: Chain, fails_open: bool, *, is_to_pool: bool) -> Block:
    if chain is Chain.AI_GATEWAY:
        return {} if is_to_pool else {POOL_FILTER_NAME: {"@type": _PER_ROUTE, "disabled": True}}
    return {CANONICAL_FILTER_NAME: picker_settings(fails_open)} if is_to_pool else {}


def picker_settings(fails_open: bool = False) -> Block:
    """What Istio says on a route to a pool."""
    overrides = {
        "grpc_service": {"envoy_grpc": {"cluster_name": _CLUSTER}},
        "processing_mode": _DUPLEX,
        "failure_mode_allow": fails_open,
    }
    return {"@type": _PER_ROUTE, "overrides": overrides}


def _pool(chain: Chain, name: str, ports: Mapping[str, int]) -> Block:
    if chain is Chain.AI_GATEWAY:
        return {
            "name": name,
            "type": "ORIGINAL_DST",
            "lb_policy": "CLUSTER_PROVIDED",
            "connect_timeout": "1s",
            "original_dst_lb_config": {"use_http_header": True, "http_header_name": PICKER_HEADER},
        }
    override = _policy(
        "override_host",
        "OverrideHost",
        override_host_sources=[
            {"metadata": {"key": "envoy.lb", "path": [{"key": PICKER_HEADER}]}},
            {"header": PICKER_HEADER},
        ],
        fallback_policy={"policies": [_policy("random", "Random")]},
    )
    return {
        "connect_timeout": "1s",
        "lb_policy": "LOAD_BALANCING_POLICY_CONFIG",
        "load_balancing_policy": {"policies": [override]},
        **_static(name, [{"socket_address": {"address": "127.0.0.1", "port_value": port}} for port in ports.values()]),
    }


def _policy(name: str, message: str, **fields: Any) -> Block:
    typed = {"@type": f"{_TYPES}/{_POLICIES}.{name}.v3.{message}", **fields}
    return {"typed_extension_config": {"name": f"envoy.load_balancing_policies.{name}", "typed_config": typed}}


def _picker_cluster(socket: Path) -> Block:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    http2 = {"@type": f"{_TYPES}/{options}", "explicit_http_config": {"http2_protocol_options": {}}}
    return {
        "typed_extension_protocol_options": {options: http2},
        **_static(_CLUSTER, [{"pipe": {"path": str(socket)}}]),
    }


def _static(name: str, addresses: list[Block]) -> Block:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}} for address in addresses]}]
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}}
