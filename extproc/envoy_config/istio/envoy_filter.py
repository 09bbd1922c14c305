"""The EnvoyFilter: what Istio's own objects cannot say.

Istio passes over a patch that matches nothing in silence. So each place that a patch names is one that istiod always
makes, and requests find no route to a model without the processor.

Source: istio/istio, pilot/pkg/networking/core/envoyfilter.
"""

from __future__ import annotations

from typing import Any, Final

from extproc.config.document import Document
from extproc.config.fallback import chain_hashes, chains_of
from extproc.config.routed import route_statement
from extproc.domain.contract import INTERNAL_HEADER_PREFIX, ROUTES_HEADER
from extproc.envoy_config.clusters import processor_cluster
from extproc.envoy_config.generate import versions_of
from extproc.envoy_config.istio.fallback import fallback_patches, fallback_routes
from extproc.envoy_config.istio.mesh import Mesh, MeshPlace
from extproc.envoy_config.istio.patches import in_mesh, patch, target_refs
from extproc.envoy_config.listener import buffer_limit_bytes, ext_proc, header_removal, seconds
from extproc.envoy_config.names import FILTER_NAME

_MANAGER: Final = "envoy.filters.network.http_connection_manager"
_ROUTER: Final = "envoy.filters.http.router"
_MANAGER_TYPE: Final = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
REMOVED_PREFIXES: Final = (
    INTERNAL_HEADER_PREFIX,
    "x-envoy-hedge-",
    "x-envoy-max-retries",
    "x-envoy-retry-",
    "x-envoy-upstream-",
)
"""Of requests, before their first route. Not all of ``x-envoy-``: proxies of a mesh tell each other who they are."""


def envoy_filter_spec(document: Document, mesh: Mesh, routes: list[dict[str, Any]]) -> dict[str, Any]:
    """``spec`` of the EnvoyFilter. Args: routes: ``http`` of the VirtualService.

    Raises: EnvoyConfigError, see ``generate.versions_of``.
    """
    patches = [_buffer(document, mesh, listener) for listener in _buffering_listeners(mesh)]
    if mesh.processor is None:
        patches.append(_cluster(document, mesh))
    for listener in _listeners(mesh):
        if mesh.place is not MeshPlace.INBOUND:
            patches.append(_header_removal(mesh, listener))
        patches.append(_filter(document, mesh, listener))
    if mesh.place is MeshPlace.INBOUND:
        patches.append(_inbound_route(document, mesh))
    if _shares_its_listener(mesh):
        patches += [*_routes(document, mesh, routes), *fallback_patches(document, mesh)]
    proxies = target_refs(mesh) or {"workloadSelector": {"labels": dict(mesh.labels)}}
    return {**proxies, "configPatches": patches}


def referenced_services(mesh: Mesh) -> dict[str, str]:
    """Annotations: where istiod gives proxies the clusters of their routes only, this Service is one more."""
    return {} if mesh.processor is None else {"envoyfilter.istio.io/referenced-services": mesh.processor.host}


def _shares_its_listener(mesh: Mesh) -> bool:
    """Whether requests for others pass the same filters. In a waypoint istiod patches no routes."""
    return mesh.place in (MeshPlace.GATEWAY, MeshPlace.SIDECAR)


def _listeners(mesh: Mesh) -> list[dict[str, Any]]:
    """How a patch of filters finds the listeners that requests for models pass."""
    match mesh.place:
        case MeshPlace.GATEWAY:
            return [{}]
        case MeshPlace.SIDECAR:
            return [{"portNumber": port} for port in sorted({one.port for one in mesh.servers})]
        case MeshPlace.INBOUND:
            return [{"portNumber": mesh.model_port}]
        case MeshPlace.WAYPOINT:  # else the one that ends the tunnels of clients would be meant as well
            return [{"name": "main_internal"}]


def _buffering_listeners(mesh: Mesh) -> list[dict[str, Any]]:
    """Likewise, of a patch of listeners: a pod's ports are all redirected to one, which has another."""
    return [{"name": "virtualInbound"}] if mesh.place is MeshPlace.INBOUND else _listeners(mesh)


def _buffer(document: Document, mesh: Mesh, listener: dict[str, Any]) -> dict[str, Any]:
    value = {"per_connection_buffer_limit_bytes": buffer_limit_bytes(document.limits)}
    return patch(mesh, "LISTENER", {"listener": listener} if listener else {}, "MERGE", value)


def _cluster(document: Document, mesh: Mesh) -> dict[str, Any]:
    return patch(mesh, "CLUSTER", {}, "ADD", processor_cluster(document))


def _header_removal(mesh: Mesh, listener: dict[str, Any]) -> dict[str, Any]:
    """Else a client chooses its version: the first route is found before the processor is asked."""
    match = {"listener": {**listener, "filterChain": {"filter": {"name": _MANAGER}}}}
    config = {"@type": _MANAGER_TYPE, "early_header_mutation_extensions": [header_removal(REMOVED_PREFIXES)]}
    return patch(mesh, "NETWORK_FILTER", match, "MERGE", {"name": _MANAGER, "typed_config": config})


def _filter(document: Document, mesh: Mesh, listener: dict[str, Any]) -> dict[str, Any]:
    """Last before the router, so that only who is authenticated and authorized reaches the processor."""
    anchor = {"name": _MANAGER, "subFilter": {"name": _ROUTER}}
    match = {"listener": {**listener, "filterChain": {"filter": anchor}}}
    value = {"name": FILTER_NAME, **_disabled(mesh), "typed_config": _config(document, mesh)}
    return patch(mesh, "HTTP_FILTER", match, "INSERT_BEFORE", value)


def _disabled(mesh: Mesh) -> dict[str, bool]:
    return {"disabled": True} if _shares_its_listener(mesh) else {}


def _config(document: Document, mesh: Mesh) -> dict[str, Any]:
    """The generated filter. The routes are those of a VirtualService, which has no metadata for their list."""
    config = in_mesh(ext_proc(document), mesh)
    stated = route_statement(versions_of(document), chain_hashes(chains_of(document)))
    for each in config["grpc_service"].get("initial_metadata", ()):
        if each["key"] == ROUTES_HEADER:
            each["value"] = stated
    return config


def _inbound_route(document: Document, mesh: Mesh) -> dict[str, Any]:
    """Istio's listeners limit no silence of a stream. The only route there is that to the pod itself."""
    match = {"routeConfiguration": {"vhost": {"name": f"inbound|http|{mesh.model_port}"}}}
    return patch(mesh, "HTTP_ROUTE", match, "MERGE", {"route": _idle(document)})


def _idle(document: Document) -> dict[str, Any]:
    return {"idle_timeout": seconds(document.envoy.stream_idle_ms)}


def _routes(document: Document, mesh: Mesh, routes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The filter is on for each route that we add: which filters run is decided by the first, before the processor has
    chosen.
    """
    enabled = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}
    to_fallback, idle = fallback_routes(document), _idle(document)
    patches = []
    for route in routes:
        value = to_fallback.get(route["name"], {})
        if value or "route" in route:
            value = {**value, "route": {**value.get("route", {}), **idle}}
        match = {"routeConfiguration": {"vhost": {"route": {"name": route["name"]}}}}
        value = {**value, "typed_per_filter_config": {FILTER_NAME: enabled}}
        patches.append(patch(mesh, "HTTP_ROUTE", match, "MERGE", value))
    return patches
