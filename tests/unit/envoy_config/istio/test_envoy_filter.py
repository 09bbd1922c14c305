"""The patches of each place; ``tests/deploy`` applies them to proxies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extproc.config.document import Document
from extproc.config.routed import parse_statement
from extproc.envoy_config.istio.envoy_filter import envoy_filter_spec, referenced_services
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace, mesh_of
from tests.unit.envoy_config.istio.test_mesh import GUARD, IN_GATEWAY, PROCESSOR, versions

Make = Callable[..., Document]


def patches(document: Document, place: MeshPlace, kind: str) -> list[Any]:
    """The patches of a kind."""
    mesh = mesh_of(document, place, IN_GATEWAY if place is MeshPlace.GATEWAY else MeshOptions())
    found = envoy_filter_spec(document, mesh, [{"name": "llm-extproc/refused"}])["configPatches"]
    return [each for each in found if each["applyTo"] == kind]


def test_every_port_of_a_service_has_the_filter(document: Make) -> None:
    """A client's proxy has a listener for each."""
    made = document(models=versions("vllm-v1.llm.svc.cluster.local:80"), envoy=PROCESSOR)
    mesh = mesh_of(made, MeshPlace.SIDECAR, MeshOptions(model_port=8000))
    found = envoy_filter_spec(made, mesh, [])["configPatches"]
    for kind in ("LISTENER", "NETWORK_FILTER", "HTTP_FILTER"):
        assert [each["match"]["listener"]["portNumber"] for each in found if each["applyTo"] == kind] == [80, 8000]


def test_the_filter_states_the_routes(document: Make) -> None:
    """A VirtualService cannot; in role guard there is none."""
    (patch,) = patches(document(models=versions()), MeshPlace.GATEWAY, "HTTP_FILTER")
    (stated,) = patch["patch"]["value"]["typed_config"]["grpc_service"]["initial_metadata"]
    assert stated["key"] == "x-llm-routes"
    assert set(parse_statement(stated["value"])) == {"chat/v1", "chat/v2"}
    (patch,) = patches(document(**GUARD), MeshPlace.INBOUND, "HTTP_FILTER")
    assert "initial_metadata" not in patch["patch"]["value"]["typed_config"]["grpc_service"]


def test_a_shared_processor_is_asked_by_the_meshs_own_cluster(document: Make) -> None:
    """So mTLS is the mesh's, and a gateway that gets few clusters gets this one."""
    shared, own = document(models=versions(), envoy=PROCESSOR), document(models=versions())
    assert patches(shared, MeshPlace.GATEWAY, "CLUSTER") == []
    assert len(patches(own, MeshPlace.GATEWAY, "CLUSTER")) == 1
    mesh = mesh_of(shared, MeshPlace.GATEWAY, IN_GATEWAY)
    assert list(referenced_services(mesh).values()) == ["llm-extproc.llm.svc.cluster.local"]
    assert referenced_services(mesh_of(own, MeshPlace.GATEWAY, IN_GATEWAY)) == {}


def test_where_others_pass_the_filter_is_off_until_a_route_of_ours(document: Make) -> None:
    """In a waypoint it is on: Istio patches no routes there."""
    made = document(models=versions(), envoy=PROCESSOR)
    is_off = {}
    for place in (MeshPlace.GATEWAY, MeshPlace.SIDECAR, MeshPlace.WAYPOINT):
        (patch,) = patches(made, place, "HTTP_FILTER")
        is_off[place] = (patch["patch"]["value"].get("disabled", False), len(patches(made, place, "HTTP_ROUTE")))
    assert is_off == {
        MeshPlace.GATEWAY: (True, 1),
        MeshPlace.SIDECAR: (True, 1),
        MeshPlace.WAYPOINT: (False, 0),
    }
