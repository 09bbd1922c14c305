"""A law: for any configuration, a gateway of the mesh routes as our own Envoy does."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.document import Document
from extproc.config.fallback import VersionKey
from extproc.envoy_config.generate import versions_of
from extproc.envoy_config.istio.manifests import mesh_objects
from extproc.envoy_config.istio.mesh import MeshPlace
from extproc.envoy_config.names import cluster_names
from extproc.envoy_config.routes import route_config
from tests.deploy.mesh_proxies import managers, proxy
from tests.deploy.mesh_stack import OPTIONS, PROCESSOR
from tests.thorough import examples
from tests.unit.envoy_config.conftest import PRICE

NAMES = ("a", "b", "a/b", "b/c", "c", "v1.0", "v1_0", "default", "refused")
"""Of models and versions: a slash may belong to either, and some are also names of routes."""
HOSTS = tuple(f"vllm-{number}.llm.svc.cluster.local" for number in range(3))
ADDRESS = {"socket_address": {"address": "127.0.0.1", "port_value": 8001}}
SERVED = "x-llm-served-version"

Block = dict[str, Any]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Models with versions on one to three Services, some with a fallback."""
    models: Block = {}
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)):
        versions: Block = {}
        for version in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)):
            hosts = draw(st.lists(st.sampled_from(HOSTS), min_size=1, max_size=2, unique=True))
            endpoints = [f"{host}:8000" for host in hosts]
            versions[version] = {"weight": draw(st.integers(0, 2)), "endpoints": endpoints, "price": PRICE}
        helped = {"fallback": {"to": list(versions)}} if draw(st.booleans()) else {}
        models[name] = {"versions": versions, **helped}
    mode = draw(st.sampled_from(["enforce", "shadow"]))
    data = {
        "models": models,
        "envoy": {"processor": {"address": PROCESSOR}},
        "filters": [{"filter": "version", "mode": mode}],
    }
    return Document.model_validate(data, strict=False)


def in_the_gateway(document: Document) -> list[Block]:
    """The routes of the gateway, with all patches."""
    place = MeshPlace.GATEWAY
    objects = [one.manifest for one in mesh_objects(document, place, OPTIONS[place])]
    services = {each["spec"]["host"] for each in objects if each["kind"] == "DestinationRule"} & set(HOSTS)
    servers = {(host, 8000): ADDRESS for host in services}
    (manager, *_) = managers(proxy(place, objects, servers, {})).values()
    routes: list[Block] = manager["route_config"]["virtual_hosts"][0]["routes"]
    return routes


def matched(route: Block) -> tuple[Block, list[Block]]:
    """What a route is for, in whatever order its headers are written."""
    match = dict(route["match"])
    return match, sorted(match.pop("headers", []), key=lambda header: str(header["name"]))


def outcome(route: Block) -> tuple[str, object]:
    """Where a route leads."""
    if "direct_response" in route:
        return "refused", route["direct_response"]["status"]
    action = route["route"]
    if "weighted_clusters" in action:
        return "servers", sorted(each["name"] for each in action["weighted_clusters"]["clusters"])
    return "servers", [action["cluster"]]


def expected(document: Document, route: Block, keys: dict[str, VersionKey]) -> tuple[str, object]:
    """Where the same route of our own Envoy leads, in the names of the mesh."""
    if "direct_response" in route:
        return "refused", route["direct_response"]["status"]
    key = keys.get(route["route"]["cluster"])
    if key is None:
        return "servers", [route["route"]["cluster"]]
    endpoints = document.models[key[0]].versions[key[1]].endpoints
    return "servers", sorted(f"outbound|8000||{one.rpartition(':')[0]}" for one in endpoints)


@given(documents())
@settings(max_examples=examples(60), deadline=None)
def test_a_gateway_routes_as_our_own_envoy(document: Document) -> None:
    """The same requests, in the same order, to the same servers, with the same retries of a fallback."""
    names = cluster_names(tuple(versions_of(document)))
    keys = {cluster: key for key, cluster in names.items()}
    (ours,) = route_config(document, names)["virtual_hosts"]
    theirs = in_the_gateway(document)
    assert [matched(route) for route in theirs] == [matched(route) for route in ours["routes"]]
    assert [outcome(route) for route in theirs] == [expected(document, route, keys) for route in ours["routes"]]
    for route, own in zip(theirs, ours["routes"], strict=True):
        if "route" in own and own["route"]["cluster"] not in keys:
            assert route["route"]["retry_policy"] == own["route"].get("retry_policy", ours["retry_policy"])
        if "route" in own:
            (header,) = route["response_headers_to_add"]
            assert header["header"]["key"] == SERVED
            key = keys.get(own["route"]["cluster"])
            assert header["header"]["value"] == (
                "%UPSTREAM_METADATA(envoy.lb:version)%" if key is None else "/".join(key)
            )
