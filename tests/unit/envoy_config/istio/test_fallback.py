"""Fallback as patches; ``tests/deploy`` runs it in the real Envoy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extproc.config.document import Document
from extproc.envoy_config.fallback import egressed
from extproc.envoy_config.istio.fallback import fallback_patches, fallback_routes
from extproc.envoy_config.istio.manifests import mesh_objects
from extproc.envoy_config.istio.mesh import MeshPlace, mesh_of
from extproc.envoy_config.istio.routing import virtual_service_spec
from tests.unit.envoy_config.istio.test_mesh import IN_GATEWAY, PROCESSOR, versions

Make = Callable[..., Document]


def helped(document: Make, **more: Any) -> Document:
    """Two versions, each of which answers in place of the other."""
    models = versions()
    models["chat"] |= {"fallback": {"to": ["v1", "v2"]}}
    models["chat"]["versions"]["v2"] |= more
    return document(models=models, envoy=PROCESSOR)


def test_each_version_has_a_listener_and_a_cluster(document: Make) -> None:
    """They lead to Istio's clusters, and call the processor by its own."""
    made = helped(document)
    found = fallback_patches(made, mesh_of(made, MeshPlace.GATEWAY, IN_GATEWAY))
    added = [(one["applyTo"], one["patch"]["operation"], one["patch"]["value"]["name"]) for one in found]
    assert added == [
        ("LISTENER", "ADD", "chat__v1__egress"),
        ("LISTENER", "ADD", "chat__v2__egress"),
        ("CLUSTER", "ADD", "chat__v1__fallback"),
        ("CLUSTER", "ADD", "chat__v2__fallback"),
    ]
    manager = found[0]["patch"]["value"]["filter_chains"][0]["filters"][0]["typed_config"]
    (host,) = manager["route_config"]["virtual_hosts"]
    assert host["routes"][0]["route"]["cluster"] == "outbound|8000||vllm-v1.llm.svc.cluster.local"
    egress = manager["http_filters"][0]["typed_config"]
    processor = "outbound|50051||llm-extproc.llm.svc.cluster.local"
    assert egress["grpc_service"]["envoy_grpc"] == {"cluster_name": processor}
    assert "status_on_error" not in egress


def test_a_version_with_several_services_uses_each(document: Make) -> None:
    """As a VirtualService does."""
    hosts = ["vllm-a.llm.svc.cluster.local", "vllm-b.llm.svc.cluster.local"]
    made = helped(document, endpoints=[f"{host}:8000" for host in hosts])
    _, second, *_ = fallback_patches(made, mesh_of(made, MeshPlace.GATEWAY, IN_GATEWAY))
    manager = second["patch"]["value"]["filter_chains"][0]["filters"][0]["typed_config"]
    action = manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
    assert "cluster" not in action
    clusters = action["weighted_clusters"]["clusters"]
    assert clusters == [{"name": f"outbound|8000||{host}", "weight": 1} for host in hosts]


def test_without_the_patch_a_version_answers_503(document: Make) -> None:
    """Istio leaves out what it cannot apply; the first call does not insert a prompt where a second one follows."""
    made = helped(document)
    spec = virtual_service_spec(made, mesh_of(made, MeshPlace.GATEWAY, IN_GATEWAY))
    refusing = [http["name"] for http in spec["http"] if http.get("directResponse") == {"status": 503}]
    assert refusing == [*fallback_routes(made), "llm-extproc/unknown-version"]


def test_a_server_that_fails_is_left_out_sooner(document: Make) -> None:
    """Since another one can answer."""
    for made, interval in ((helped(document), "1s"), (document(models=versions(), envoy=PROCESSOR), "5s")):
        rules = [each.manifest for each in mesh_objects(made, MeshPlace.GATEWAY, IN_GATEWAY)]
        policies = [each["spec"]["trafficPolicy"] for each in rules if each["kind"] == "DestinationRule"]
        assert [each["outlierDetection"]["interval"] for each in policies if "outlierDetection" in each] == [
            interval
        ] * 2


def test_without_a_fallback_there_is_nothing(document: Make) -> None:
    """No listener, no cluster, no route."""
    made = document(models=versions(), envoy=PROCESSOR)
    assert not egressed(made)
    assert fallback_patches(made, mesh_of(made, MeshPlace.GATEWAY, IN_GATEWAY)) == []
    assert fallback_routes(made) == {}
