"""AuthorizationPolicy and PeerAuthentication: nobody reaches a model server, or a shared processor, around the guard.

All policies deny. What they name is refused whatever other policies allow, and they take nothing from others.
Source: Istio's API security.istio.io/v1. A client without mTLS has no namespace, so that ``notNamespaces`` means it.
"""

from __future__ import annotations

from typing import Any, Final

from extproc.envoy_config.istio.mesh import Mesh, MeshPlace

_READ_BY_OTHERS: Final = ("/health", "/load", "/metrics", "/ping")
"""Of vLLM, for probes and Prometheus: no text of a user is in them."""


def inbound_policy_spec(mesh: Mesh) -> dict[str, Any]:
    """``spec`` of the policy for pods with a guard: no port but the one that has the filter."""
    rule = {"to": [{"operation": {"notPorts": [str(mesh.model_port)]}}]}
    return {"selector": {"matchLabels": dict(mesh.labels)}, "action": "DENY", "rules": [rule]}


def strict_tls_spec(mesh: Mesh) -> dict[str, Any]:
    """``spec`` of the PeerAuthentication for the same pods: who asks has an identity, and no prompt is in the clear."""
    return {"selector": {"matchLabels": dict(mesh.labels)}, "mtls": {"mode": "STRICT"}}


def policies_by_namespace(mesh: Mesh) -> dict[str, dict[str, Any]]:
    """``spec`` of the policy in each namespace that has model servers or the processor.

    They are for all pods of the namespace, by the port: the configuration does not know how pods are labeled, and a
    label that is forgotten would leave a pod open.
    """
    rules: dict[str, list[dict[str, Any]]] = {}
    if mesh.place is not MeshPlace.SIDECAR:
        for namespace in dict.fromkeys(one.namespace for one in mesh.servers):
            rules.setdefault(namespace, []).append(_only_from_proxies(mesh, mesh.model_port, _open_paths(mesh)))
    if mesh.processor is not None:
        rules.setdefault(mesh.processor.namespace, []).append(_only_from_proxies(mesh, mesh.processor.port))
    return {namespace: {"action": "DENY", "rules": listed} for namespace, listed in rules.items()}


def _open_paths(mesh: Mesh) -> tuple[str, ...]:
    """None in ambient mode, where what guards a pod knows connections, and no paths."""
    return () if mesh.place is MeshPlace.WAYPOINT else _READ_BY_OTHERS


def _only_from_proxies(mesh: Mesh, port: int, open_paths: tuple[str, ...] = ()) -> dict[str, Any]:
    operation = {"ports": [str(port)], **({"notPaths": list(open_paths)} if open_paths else {})}
    return {"from": [{"source": _others(mesh)}], "to": [{"operation": operation}]}


def _others(mesh: Mesh) -> dict[str, Any]:
    """Everybody but the proxies: by their namespace; of a waypoint, by the account that Istio made for it."""
    if mesh.place is MeshPlace.WAYPOINT:
        return {"notPrincipals": [f"*/ns/{mesh.namespace}/sa/{mesh.gateway}"]}
    return {"notNamespaces": [mesh.namespace]}
