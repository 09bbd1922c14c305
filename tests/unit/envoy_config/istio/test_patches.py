"""A patch names the context that an istiod reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.config.document import Document
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace, mesh_of
from extproc.envoy_config.istio.patches import in_mesh, patch
from extproc.envoy_config.listener import ext_proc
from tests.unit.envoy_config.istio.test_mesh import GUARD, IN_GATEWAY, PROCESSOR, versions

Make = Callable[..., Document]
CONTEXTS = {
    MeshPlace.GATEWAY: "GATEWAY",
    MeshPlace.SIDECAR: "SIDECAR_OUTBOUND",
    MeshPlace.INBOUND: "SIDECAR_INBOUND",
    MeshPlace.WAYPOINT: "SIDECAR_INBOUND",
}


@pytest.mark.parametrize("place", MeshPlace)
def test_the_context_is_always_named(place: MeshPlace, document: Make) -> None:
    """Without one, Istio adds clusters to outbound proxies and gateways only."""
    made = document(**GUARD) if place is MeshPlace.INBOUND else document(models=versions(), envoy=PROCESSOR)
    mesh = mesh_of(made, place, IN_GATEWAY if place is MeshPlace.GATEWAY else MeshOptions())
    found = patch(mesh, "CLUSTER", {"cluster": {"name": "a"}}, "ADD", {"name": "b"})
    assert found == {
        "applyTo": "CLUSTER",
        "match": {"context": CONTEXTS[place], "cluster": {"name": "a"}},
        "patch": {"operation": "ADD", "value": {"name": "b"}},
    }


def test_a_filter_calls_the_processor_of_the_mesh(document: Make) -> None:
    """All else is as generated."""
    made = document(models=versions(), envoy=PROCESSOR)
    ours = ext_proc(made)
    theirs = in_mesh(ours, mesh_of(made, MeshPlace.GATEWAY, IN_GATEWAY))
    cluster = {"cluster_name": "outbound|50051||llm-extproc.llm.svc.cluster.local"}
    assert theirs["grpc_service"] == {**ours["grpc_service"], "envoy_grpc": cluster}
    assert {key for key in ours if key not in theirs} == {"status_on_error"}
