"""A patch of an EnvoyFilter, and for which of a proxy's parts istiod takes it."""

from __future__ import annotations

from typing import Any, Final

from extproc.envoy_config.istio.mesh import Mesh, MeshPlace
from extproc.envoy_config.names import PROCESSOR_CLUSTER

_CONTEXTS: Final = {
    MeshPlace.GATEWAY: "GATEWAY",
    MeshPlace.SIDECAR: "SIDECAR_OUTBOUND",
    MeshPlace.INBOUND: "SIDECAR_INBOUND",
    MeshPlace.WAYPOINT: "SIDECAR_INBOUND",  # no istiod up to 1.31 reads the context WAYPOINT
}


def patch(mesh: Mesh, kind: str, match: dict[str, Any], operation: str, value: dict[str, Any]) -> dict[str, Any]:
    """An entry of ``configPatches``. Its context is always named: else Istio adds clusters to outbound proxies only."""
    return {
        "applyTo": kind,
        "match": {"context": _CONTEXTS[mesh.place], **match},
        "patch": {"operation": operation, "value": value},
    }


def target_refs(mesh: Mesh) -> dict[str, Any]:
    """``targetRefs`` of a waypoint; empty for other places, whose proxies are selected by the labels of their pods."""
    if mesh.place is not MeshPlace.WAYPOINT:
        return {}
    return {"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": mesh.gateway}]}


def in_mesh(config: dict[str, Any], mesh: Mesh) -> dict[str, Any]:
    """A generated ext_proc filter with the processor's cluster of the mesh.

    There is no ``status_on_error``: an istiod whose Envoy API is older than the field drops the whole patch.
    """
    kept = {key: value for key, value in config.items() if key != "status_on_error"}
    cluster = PROCESSOR_CLUSTER if mesh.processor is None else mesh.processor.outbound_cluster
    return {**kept, "grpc_service": {**config["grpc_service"], "envoy_grpc": {"cluster_name": cluster}}}
