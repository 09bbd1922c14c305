"""Proxies of a mesh in small: what istiod makes for each place, with our objects applied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from extproc.envoy_config.fallback import INTERNAL_LISTENERS
from extproc.envoy_config.istio.mesh import MeshPlace
from tests.deploy.manifests import Manifest, one
from tests.deploy.pilot import patched
from tests.deploy.pilot_external import external_cluster
from tests.deploy.pilot_routes import DEFAULT_THRESHOLDS, routes_of, with_traffic_policy
from tests.deploy.pilot_tracing import trace

CONTEXTS = {
    MeshPlace.GATEWAY: "GATEWAY",
    MeshPlace.SIDECAR: "SIDECAR_OUTBOUND",
    MeshPlace.INBOUND: "SIDECAR_INBOUND",
    MeshPlace.WAYPOINT: "SIDECAR_INBOUND",
}
_FILES = {
    MeshPlace.GATEWAY: "gateway.yaml",
    MeshPlace.SIDECAR: "outbound.yaml",
    MeshPlace.INBOUND: "inbound.yaml",
    MeshPlace.WAYPOINT: "waypoint.yaml",
}
_HTTP2 = {
    "typed_extension_protocol_options": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
}

Block = dict[str, Any]
ServicePort = tuple[str, int]
"""Host and port of a Service."""


def skeleton(place: MeshPlace) -> Block:
    """What istiod makes without any of our objects, in the bootstrap configuration that every proxy of Istio has.

    Chains share nothing, as they do in Envoy.
    """
    text = (Path(__file__).parent / "proxies" / _FILES[place]).read_text()
    return {**INTERNAL_LISTENERS, **json.loads(json.dumps(yaml.safe_load(text)))}


def proxy(
    place: MeshPlace, objects: list[Manifest], servers: Mapping[ServicePort, Block], others: Mapping[str, Block]
) -> Block:
    """The bootstrap configuration of a proxy that routes.

    Args:
        servers: Envoy's address of each Service of model servers.
        others: addresses of what speaks gRPC, by the names of clusters: the processor, unless the EnvoyFilter adds it,
            and where spans go.
    Raises: PatchMissed, when a patch finds no place.
    """
    bootstrap = skeleton(place)
    resources = bootstrap["static_resources"]
    rules = {each["spec"]["host"]: each["spec"] for each in objects if each["kind"] == "DestinationRule"}
    for (host, port), address in servers.items():
        cluster = _cluster(_cluster_name(place, host, port), address)
        resources["clusters"].append(with_traffic_policy(cluster, rules[host]))
    entries = [each["spec"] for each in objects if each["kind"] == "ServiceEntry"]
    resources["clusters"] += [external_cluster(entry, rules[entry["hosts"][0]]) for entry in entries]
    resources["clusters"] += [_cluster(name, address) | _HTTP2 for name, address in others.items()]
    virtual_service = one(objects, "VirtualService")["spec"]
    _route(place, resources, virtual_service)
    for each in objects:
        if each["kind"] == "Telemetry":
            tunnel = "connect_terminate"  # of clients of a waypoint, with requests inside
            trace([one for prefix, one in managers(bootstrap).items() if prefix != tunnel], each["spec"])
    return patched(one(objects, "EnvoyFilter"), bootstrap, CONTEXTS[place])


def managers(bootstrap: Block) -> dict[str, Block]:
    """The connection managers, by their ``stat_prefix``."""
    found = {}
    for listener in bootstrap["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            for each in chain["filters"]:
                found[each["typed_config"]["stat_prefix"]] = each["typed_config"]
    return found


def _cluster_name(place: MeshPlace, host: str, port: int) -> str:
    return f"inbound-vip|{port}|http|{host}" if place is MeshPlace.WAYPOINT else f"outbound|{port}||{host}"


def _cluster(name: str, address: Block) -> Block:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        "circuit_breakers": {"thresholds": [DEFAULT_THRESHOLDS]},
    }


def _route(place: MeshPlace, resources: Block, virtual_service: Block) -> None:
    """The virtual hosts of a VirtualService, first as more special ones are."""
    routes = routes_of(virtual_service, lambda host, port: _cluster_name(place, host, port))
    if place is MeshPlace.GATEWAY:
        hosts = [{"name": f"{host}:80", "domains": [host], "routes": routes} for host in virtual_service["hosts"]]
    elif place is MeshPlace.SIDECAR:
        hosts = [
            {"name": f"{host}:8000", "domains": [host, f"{host}:8000"], "routes": routes}
            for host in virtual_service["hosts"]
        ]
    else:
        hosts = [{"name": "inbound|http|8000", "domains": ["*"], "routes": routes}]
    listener = resources["listeners"][-1 if place is MeshPlace.WAYPOINT else 0]
    config = listener["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]
    config["virtual_hosts"] = json.loads(json.dumps(hosts)) + config["virtual_hosts"]
