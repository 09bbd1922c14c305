"""VirtualService and DestinationRules: the routes and clusters of our own Envoy in Istio's words.

They are translated from the routes that ``envoy_config.routes`` makes, so order, matches and what is refused are the
same. The processor chooses a version by its weight or a pin, and a route sends the request to its Services.

Source: Istio's API networking.istio.io/v1. No ``timeout``: its schema refuses 0s, and without one there is none.
"""

from __future__ import annotations

from typing import Any, Final

from extproc.config.document import Document
from extproc.domain.contract import SERVED_VERSION_HEADER
from extproc.envoy_config.clusters import EJECTION, quick_ejection
from extproc.envoy_config.generate import versions_of
from extproc.envoy_config.istio.mesh import Mesh, MeshPlace
from extproc.envoy_config.names import cluster_names
from extproc.envoy_config.retries import UNREACHED
from extproc.envoy_config.routes import route_config
from extproc.envoy_config.services import KubernetesService, version_services

ROUTE_PREFIX: Final = "llm-extproc/"
"""Of the names of routes, by which the EnvoyFilter finds them among those of others."""
_RETRIES: Final = {"attempts": 2, "retryOn": UNREACHED}


def virtual_service_spec(document: Document, mesh: Mesh) -> dict[str, Any]:
    """``spec`` of the VirtualService. Raises: EnvoyConfigError."""
    names = cluster_names(tuple(versions_of(document)))
    keys = {cluster: key for key, cluster in names.items()}
    services = version_services(document)
    (host,) = route_config(document, names)["virtual_hosts"]
    routes = []
    for name, route in named_routes(host["routes"]).items():
        action = _refusal(route)
        key = keys.get(route.get("route", {}).get("cluster"))
        if key is not None:
            action = _to_version("/".join(key), services[key])
        routes.append({"name": name, **_match(route["match"]), **action})
    # without a gateway, a VirtualService is for every sidecar that sees it, and most have no filter
    of_whom = {"gateways": [mesh.gateway]} if mesh.place is MeshPlace.GATEWAY else {"exportTo": ["."]}
    return {"hosts": list(mesh.hosts), **of_whom, "http": routes}


def named_routes(routes: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Routes of our own Envoy by their names in a VirtualService, each of which patches find by its name alone.

    A model ``a/b`` with a version ``c`` and a model ``a`` with a version ``b/c`` have one name in our own.
    """
    named: dict[str, dict[str, Any]] = {}
    for route in routes:
        name, number = ROUTE_PREFIX + route["name"], 1
        while name in named:
            number += 1
            name = f"{ROUTE_PREFIX}{route['name']} ({number})"
        named[name] = route
    return named


def destination_rule_spec(service: KubernetesService, open_max: int, *, has_fallback: bool = False) -> dict[str, Any]:
    """``spec`` of the DestinationRule for model servers: limits and ejection as in our own clusters.

    Args:
        open_max: ``envoy.open_exchanges_max``.
        has_fallback: another version can answer, so that a server is left out sooner, and for a shorter time.
    """
    return {
        "host": service.host,
        "trafficPolicy": {
            "loadBalancer": {"simple": "LEAST_REQUEST"},
            "connectionPool": connection_pool(open_max),
            "outlierDetection": ejection(has_fallback=has_fallback),
        },
    }


def ejection(*, has_fallback: bool) -> dict[str, Any]:
    """``outlierDetection``: our own in Istio's words. Only refusals and gateway failures count, as everywhere.

    A request may cause a 500, and one client must not eject a server for all others.
    """
    ours = quick_ejection(3) if has_fallback else EJECTION
    split = {"splitExternalLocalOriginErrors": True, "consecutiveLocalOriginFailures": 0}
    return {
        "consecutiveGatewayErrors": ours["consecutive_gateway_failure"],
        "consecutive5xxErrors": 0,
        "interval": ours["interval"],
        "baseEjectionTime": ours["base_ejection_time"],
        "maxEjectionPercent": ours["max_ejection_percent"],
        **(split if ours.get("split_external_local_origin_errors") else {}),
    }


def processor_rule_spec(service: KubernetesService, open_max: int) -> dict[str, Any]:
    """``spec`` of the DestinationRule for a shared processor: Istio's own limits are far above what it can take."""
    return {"host": service.host, "trafficPolicy": {"connectionPool": connection_pool(open_max)}}


def connection_pool(open_max: int, connect_timeout: str = "1s") -> dict[str, Any]:
    """``connectionPool``. Retries have no limit in Istio."""
    return {
        "tcp": {"maxConnections": open_max, "connectTimeout": connect_timeout},
        "http": {"http1MaxPendingRequests": open_max, "http2MaxRequests": open_max},
    }


def _match(match: dict[str, Any]) -> dict[str, Any]:
    """The list ``match`` of a route; none for all requests."""
    found: dict[str, Any] = {"uri": {"exact": match["path"]}} if "path" in match else {}
    headers = {}
    for header in match.get("headers", ()):
        wanted = {} if header.get("present_match") else {"exact": header["string_match"]["exact"]}
        if header["name"] == ":method":
            found["method"] = wanted
        else:
            headers[header["name"]] = wanted
    if headers:
        found["headers"] = headers
    return {"match": [found]} if found else {}


def _refusal(route: dict[str, Any]) -> dict[str, Any]:
    """As in our own Envoy; for a version with a fallback, what holds until a patch leads there, see ``fallback``."""
    return {"directResponse": {"status": route.get("direct_response", {"status": 503})["status"]}}


def _to_version(version: str, services: tuple[KubernetesService, ...]) -> dict[str, Any]:
    """To its Services, each as often as the others. The header is true since the route leads nowhere else."""
    destinations = [{"destination": {"host": one.host, "port": {"number": one.port}}} for one in services]
    share = {"weight": 1} if len(services) > 1 else {}
    return {
        "route": [{**destination, **share} for destination in destinations],
        "retries": dict(_RETRIES),
        "headers": {"response": {"set": {SERVED_VERSION_HEADER: version}}},
    }
