"""The manifests of each place: valid by Istio's own definitions, accepted by the real Envoy, and no patch misses."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.config.document import Document
from extproc.config.fallback import Fallback
from extproc.envoy_config.envoy_process import validation_error
from extproc.envoy_config.generate import versions_of
from extproc.envoy_config.istio.manifests import mesh_objects
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace
from extproc.envoy_config.lint import lint
from extproc.envoy_config.names import FILTER_NAME, cluster_names
from extproc.envoy_config.routes import route_config
from extproc.server.operations.config_files import read_config
from tests.deploy.custom_resources import rule_problems, schema_problems
from tests.deploy.manifests import BASE, Manifest, one
from tests.deploy.mesh_proxies import managers, proxy
from tests.deploy.mesh_stack import OPTIONS, PROCESSOR_CLUSTER, server_host
from tests.deploy.pilot import PatchMissed
from tests.deploy.pilot_access import Connection, denies
from tests.deploy.pilot_routes import routes_of
from tests.e2e.harness import require_envoy
from tests.unit.server.authority import Authority

DEFINITIONS = Path(__file__).parent / "crds"
ROUTING_CONFIG = Path(__file__).parent / "mesh.yaml"
ROUTING = (MeshPlace.GATEWAY, MeshPlace.SIDECAR, MeshPlace.WAYPOINT)
ADDRESS = {"socket_address": {"address": "127.0.0.1", "port_value": 8001}}
ROUTER = "envoy.filters.http.router"

Block = dict[str, Any]

by_place = pytest.mark.parametrize("place", ROUTING)


def objects_of(place: MeshPlace, *, has_fallback: bool = False) -> list[Manifest]:
    """The objects of a place, to be changed at will."""
    document = _document(BASE / "config" / "config.yaml" if place is MeshPlace.INBOUND else ROUTING_CONFIG)
    if has_fallback:
        (model,) = document.models.values()
        fallback = Fallback(to=("v1", "v2"))
        document = document.model_copy(
            update={"models": {"tiny-chat": model.model_copy(update={"fallback": fallback})}}
        )
    return [copy.deepcopy(one.manifest) for one in mesh_objects(document, place, OPTIONS.get(place, MeshOptions()))]


def proxy_of(place: MeshPlace, objects: list[Manifest]) -> Block:
    """The proxy with them."""
    servers = {(server_host(name), 8000): ADDRESS for name in ("v1", "v2")}
    return proxy(place, objects, servers, {PROCESSOR_CLUSTER: ADDRESS})


def _document(file: Path) -> Document:
    return read_config(file).loaded.document


def definition_of(manifest: Manifest) -> Path:
    """The definition of an object's kind."""
    group = manifest["apiVersion"].partition("/")[0]
    kind = manifest["kind"].lower()
    plural = f"{kind.removesuffix('y')}ies" if kind.endswith("y") else f"{kind}s"
    return DEFINITIONS / f"{plural}.{group}.yaml"


# --- schemas -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", MeshPlace)
def test_every_object_is_valid(place: MeshPlace) -> None:
    """By Istio's own definitions, with unknown fields refused."""
    for manifest in objects_of(place):
        assert schema_problems(definition_of(manifest), manifest) == []


@pytest.mark.parametrize("place", MeshPlace)
def test_no_rule_refuses_an_object(place: MeshPlace) -> None:
    """The rules in CEL of the same definitions."""
    for manifest in objects_of(place):
        assert rule_problems(definition_of(manifest), manifest) == []


def test_what_a_rule_refuses_is_found() -> None:
    """A time limit of nothing, which Istio's documentation allows, and two ways to name pods."""
    virtual_service = one(objects_of(MeshPlace.GATEWAY), "VirtualService")
    virtual_service["spec"]["http"][0]["timeout"] = "0s"
    assert rule_problems(definition_of(virtual_service), virtual_service) == [
        "$.spec.http[0].timeout: must be a valid duration greater than 1ms"
    ]
    envoy_filter = one(objects_of(MeshPlace.WAYPOINT), "EnvoyFilter")
    envoy_filter["spec"]["workloadSelector"] = {"labels": {"a": "b"}}
    (problem,) = rule_problems(definition_of(envoy_filter), envoy_filter)
    assert problem.startswith("$.spec: ")


# --- in a proxy ----------------------------------------------------------------------------------------------------


@by_place
def test_the_real_envoy_accepts_the_proxy(place: MeshPlace, tmp_path: Path) -> None:
    """And so does our own lint: no unknown cluster, no missing limit, nothing that fails open."""
    require_envoy()
    bootstrap = proxy_of(place, objects_of(place))
    file = tmp_path / "envoy.yaml"
    file.write_text(json.dumps(bootstrap))
    assert validation_error(file) is None
    assert lint(bootstrap) == []


@pytest.mark.parametrize("place", [MeshPlace.GATEWAY, MeshPlace.SIDECAR])
def test_so_it_is_with_a_fallback(place: MeshPlace, tmp_path: Path) -> None:
    """Valid for Istio and for Envoy, and no patch misses."""
    require_envoy()
    objects = objects_of(place, has_fallback=True)
    for manifest in objects:
        definition = definition_of(manifest)
        assert schema_problems(definition, manifest) == rule_problems(definition, manifest) == []
    file = tmp_path / "envoy.yaml"
    file.write_text(json.dumps(proxy_of(place, objects)))
    assert validation_error(file) is None


@pytest.mark.parametrize("url", ["https://api.example.com/v1", "https://192.0.2.7:8443/v1", "http://192.0.2.7"])
def test_so_it_is_with_a_provider(url: str, tmp_path: Path) -> None:
    """By name and by address."""
    require_envoy()
    (tmp_path / "ca.pem").write_bytes(Authority().pem)
    data = yaml.safe_load(ROUTING_CONFIG.read_text())
    data["providers"] = {"cloud": {"url": url, "key_file": "/keys/cloud", "ca_file": str(tmp_path / "ca.pem")}}
    for removed in ("endpoints", "weight"):
        del data["models"]["tiny-chat"]["versions"]["v2"][removed]
    data["models"]["tiny-chat"]["versions"]["v2"] |= {"provider": "cloud", "served_model": "m", "weight": 20}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(data))
    place = MeshPlace.GATEWAY
    objects = [one.manifest for one in mesh_objects(_document(file), place, OPTIONS[place])]
    assert {"ServiceEntry", "DestinationRule"} <= {each["kind"] for each in objects}
    for manifest in objects:
        definition = definition_of(manifest)
        assert schema_problems(definition, manifest) == rule_problems(definition, manifest) == []
    bootstrap = proxy(place, objects, {(server_host("v1"), 8000): ADDRESS}, {PROCESSOR_CLUSTER: ADDRESS})
    file.write_text(json.dumps(bootstrap))
    assert validation_error(file) is None
    assert lint(bootstrap) == []


@by_place
def test_so_is_a_telemetry(place: MeshPlace) -> None:
    """Printed only where it is asked for: of several for a proxy Istio takes one."""
    options = OPTIONS[place]._replace(telemetry=True)
    objects = [each.manifest for each in mesh_objects(_document(ROUTING_CONFIG), place, options)]
    manifest = one(objects, "Telemetry")
    definition = definition_of(manifest)
    assert schema_problems(definition, manifest) == rule_problems(definition, manifest) == []
    assert "Telemetry" not in {each["kind"] for each in objects_of(place)}


@by_place
def test_the_filter_is_last_before_the_router(place: MeshPlace) -> None:
    """Behind what authenticates and authorizes; nowhere else is it."""
    found = managers(proxy_of(place, objects_of(place)))
    with_filter = {
        prefix: [each["name"] for each in manager["http_filters"]]
        for prefix, manager in found.items()
        if FILTER_NAME in [each["name"] for each in manager["http_filters"]]
    }
    (names,) = with_filter.values()
    assert names[-2:] == [FILTER_NAME, ROUTER]
    assert len(with_filter) < len(found) or place is MeshPlace.GATEWAY


@pytest.mark.parametrize("place", [MeshPlace.GATEWAY, MeshPlace.SIDECAR])
def test_routes_of_others_are_not_touched(place: MeshPlace) -> None:
    """Ours enable the filter, each of them."""
    (manager, *_) = managers(proxy_of(place, objects_of(place))).values()
    enabling = {
        route["name"]
        for host in manager["route_config"]["virtual_hosts"]
        for route in host["routes"]
        if FILTER_NAME in route.get("typed_per_filter_config", {})
    }
    ours = {http["name"] for http in one(objects_of(place), "VirtualService")["spec"]["http"]}
    assert enabling == ours


@by_place
@pytest.mark.parametrize("index", range(3))
def test_a_patch_that_finds_no_place_is_found(place: MeshPlace, index: int) -> None:
    """Each patch of what all requests pass: in another context, it would be missing."""
    objects = objects_of(place)
    one(objects, "EnvoyFilter")["spec"]["configPatches"][index]["match"]["context"] = "SIDECAR_INBOUND"
    if place is MeshPlace.WAYPOINT:
        one(objects, "EnvoyFilter")["spec"]["configPatches"][index]["match"]["listener"]["name"] = "virtualInbound"
    with pytest.raises(PatchMissed):
        proxy_of(place, objects)


MISSES: dict[str, Callable[[Block], object]] = {
    "a route that is named otherwise": lambda spec: spec["configPatches"][-1]["match"]["routeConfiguration"]["vhost"][
        "route"
    ].update(name="refused"),
    "a filter that is not there": lambda spec: spec["configPatches"][2]["match"]["listener"]["filterChain"]["filter"][
        "subFilter"
    ].update(name="envoy.filters.http.ext_proc"),
    "a port that no listener has": lambda spec: spec["configPatches"][2]["match"]["listener"].update(portNumber=8081),
}


@pytest.mark.parametrize("what", MISSES)
def test_a_patch_of_a_gateway_that_misses_is_found(what: str) -> None:
    """A misspelled name would leave a gateway unguarded, or without routes."""
    objects = objects_of(MeshPlace.GATEWAY)
    MISSES[what](one(objects, "EnvoyFilter")["spec"])
    with pytest.raises(PatchMissed):
        proxy_of(MeshPlace.GATEWAY, objects)


# --- the routes of our own Envoy -----------------------------------------------------------------------------------


@by_place
def test_the_routes_are_those_of_our_own_envoy(place: MeshPlace) -> None:
    """What Istio makes of them matches the same requests, in the same order, and leads to the same version."""
    document = _document(ROUTING_CONFIG)
    names = cluster_names(tuple(versions_of(document)))
    clusters = {f"{server_host(version)}:8000": name for (_, version), name in names.items()}
    (ours,) = route_config(document, names)["virtual_hosts"]
    spec = one(objects_of(place), "VirtualService")["spec"]
    theirs = routes_of(spec, lambda host, port: clusters[f"{host}:{port}"])

    def gist(route: Block) -> tuple[str, Block, object]:
        action = route["route"]["cluster"] if "route" in route else route["direct_response"]["status"]
        headers = sorted(route["match"].pop("headers", []), key=lambda header: str(header["name"]))
        return route["name"].removeprefix("llm-extproc/"), {**route["match"], "headers": headers}, action

    assert [gist(route) for route in theirs] == [gist(route) for route in ours["routes"]]


# --- who may ask ---------------------------------------------------------------------------------------------------


def policy(place: MeshPlace, namespace: str | None = None) -> Block:
    """The policy in a namespace."""
    (found,) = [
        each["spec"]
        for each in objects_of(place)
        if each["kind"] == "AuthorizationPolicy" and namespace in (None, each["metadata"].get("namespace"))
    ]
    result: Block = found
    return result


def test_nobody_but_the_gateway_reaches_model_servers() -> None:
    """Nor the processor, whose clients could forge what is metered. Probes and Prometheus go on."""
    refused = policy(MeshPlace.GATEWAY, "llm")
    for port in (8000, 50051):
        assert denies(refused, Connection(port, namespace="apps", account="shop"))
        assert denies(refused, Connection(port, namespace="istio-ingress-evil", account="a"))
        assert denies(refused, Connection(port))
        assert not denies(refused, Connection(port, namespace="istio-ingress", account="gateway"))
    assert not denies(refused, Connection(8000, "/metrics", "monitoring", "prometheus"))
    assert denies(refused, Connection(8000, "/metrics/../v1/models", "monitoring", "prometheus"))
    assert not denies(refused, Connection(9090, namespace="apps", account="shop"))


def test_nobody_but_the_waypoint_reaches_model_servers() -> None:
    """By its account, since it is in the namespace of the model servers."""
    refused = policy(MeshPlace.WAYPOINT, "llm")
    assert not denies(refused, Connection(8000, namespace="llm", account="waypoint"))
    for account in ("default", "not-waypoint", ""):
        assert denies(refused, Connection(8000, namespace="llm", account=account))
    assert denies(refused, Connection(8000, namespace="apps", account="waypoint"))
    assert denies(refused, Connection(8000, "/metrics", "monitoring", "prometheus"))


def test_a_clients_own_sidecar_protects_no_model_server() -> None:
    """Whoever owns the pod can go around its proxy. So there is a policy for the processor alone."""
    refused = policy(MeshPlace.SIDECAR, "llm")
    assert denies(refused, Connection(50051, namespace="other", account="a"))
    assert not denies(refused, Connection(8000, namespace="other", account="a"))


def test_a_pod_with_a_guard_has_one_port() -> None:
    """What its proxy sees of others is refused, whoever asks."""
    refused = policy(MeshPlace.INBOUND)
    assert not denies(refused, Connection(8000))
    for port in (8001, 9464, 50051):
        assert denies(refused, Connection(port, namespace="llm", account="vllm"))
