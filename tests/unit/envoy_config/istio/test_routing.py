"""VirtualService and DestinationRule of a configuration; ``tests/deploy`` compares the routes with our own Envoy's."""

from __future__ import annotations

from collections.abc import Callable

from extproc.config.document import Document
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace, mesh_of
from extproc.envoy_config.istio.routing import (
    destination_rule_spec,
    named_routes,
    processor_rule_spec,
    virtual_service_spec,
)
from tests.unit.envoy_config.istio.test_mesh import IN_GATEWAY, PROCESSOR, versions

Make = Callable[..., Document]
SHARED = "vllm.llm.svc.cluster.local:8000"


def test_a_version_with_several_services_uses_each_alike(document: Make) -> None:
    """And two versions of one server share it."""
    models = versions(SHARED)
    models["chat"]["versions"]["v2"]["endpoints"] = [SHARED, "vllm-b.llm.svc.cluster.local:8000"]
    made = document(models=models)
    mesh = mesh_of(made, MeshPlace.GATEWAY, IN_GATEWAY)
    assert [one.name for one in mesh.servers] == ["vllm", "vllm-b"]
    first, second, *_ = virtual_service_spec(made, mesh)["http"]
    assert [each["destination"]["host"] for each in first["route"]] == ["vllm.llm.svc.cluster.local"]
    assert [each["weight"] for each in second["route"]] == [1, 1]


def test_a_gateway_is_named_and_a_mesh_is_not(document: Make) -> None:
    """Without `gateways`, routes are those of all sidecars that see them: here, of their namespace."""
    made = document(models=versions(), envoy=PROCESSOR)
    spec = virtual_service_spec(made, mesh_of(made, MeshPlace.GATEWAY, IN_GATEWAY))
    assert spec["gateways"] == ["istio-ingress/public"]
    spec = virtual_service_spec(made, mesh_of(made, MeshPlace.SIDECAR, MeshOptions()))
    assert ("gateways" in spec, spec["exportTo"]) == (False, ["."])


def test_what_has_no_version_is_refused_last(document: Make) -> None:
    """The names are those by which the EnvoyFilter finds routes among those of others."""
    made = document(models=versions())
    spec = virtual_service_spec(made, mesh_of(made, MeshPlace.GATEWAY, IN_GATEWAY))
    assert all(route["name"].startswith("llm-extproc/") for route in spec["http"])
    assert spec["http"][-1] == {"name": "llm-extproc/refused", "directResponse": {"status": 404}}


def test_a_request_cannot_eject_a_server(document: Make) -> None:
    """A 500 may be of its making. And the processor is never left out: without it nothing is answered."""
    mesh = mesh_of(document(models=versions(), envoy=PROCESSOR), MeshPlace.GATEWAY, IN_GATEWAY)
    outliers = destination_rule_spec(mesh.servers[0], 7)["trafficPolicy"]["outlierDetection"]
    assert outliers["consecutive5xxErrors"] == 0
    assert mesh.processor is not None
    assert "outlierDetection" not in processor_rule_spec(mesh.processor, 7)["trafficPolicy"]


def test_no_two_routes_have_one_name(document: Make) -> None:
    """A slash may belong to a model or to a version; a patch finds a route by its name alone."""
    version = versions()["chat"]["versions"]["v1"]
    models = {"a": {"versions": {"b/c": version}}, "a/b": {"versions": {"c": version}}}
    made = document(models=models)
    spec = virtual_service_spec(made, mesh_of(made, MeshPlace.GATEWAY, IN_GATEWAY))
    names = [route["name"] for route in spec["http"]]
    assert names[:2] == ["llm-extproc/a/b/c", "llm-extproc/a/b/c (2)"]
    assert len(set(names)) == len(names)
    assert list(named_routes([{"name": "a"}] * 3)) == ["llm-extproc/a", "llm-extproc/a (2)", "llm-extproc/a (3)"]
