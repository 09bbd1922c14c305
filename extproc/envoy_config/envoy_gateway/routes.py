"""HTTPRoutes: the routes of our own Envoy in the words of the Gateway API.

They are translated from the routes that ``envoy_config.routes`` makes. The Gateway API sorts rules by path, method and
number of headers, whatever their order. That decides as our own order does: a version has two headers, an unknown one
has one, and a path that passes unread is none for which the processor chooses a version.

Source: Gateway API 1.6, HTTPRoute; Envoy Gateway 1.9, internal/gatewayapi/sort.go.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from typing import Any, Final

from extproc.config.document import Document
from extproc.domain.contract import SERVED_VERSION_HEADER
from extproc.envoy_config.envoy_gateway.place import GatewayPlace
from extproc.envoy_config.generate import versions_of
from extproc.envoy_config.names import cluster_names
from extproc.envoy_config.routes import route_config
from extproc.envoy_config.services import KubernetesService, version_services

NAME: Final = "llm-extproc"
RULES_MAX: Final = 16
"""Of an HTTPRoute, by its definition."""
_NAME_CHARS_MAX: Final = 200
_EXTENSION: Final = "gateway.envoyproxy.io"
_METHOD: Final = ":method"


def http_routes(document: Document, place: GatewayPlace) -> dict[str, dict[str, Any]]:
    """``spec`` of each HTTPRoute by its name: one for each version, and what requests without one need.

    Raises: EnvoyConfigError.
    """
    names = cluster_names(tuple(versions_of(document)))
    keys = {cluster: key for key, cluster in names.items()}
    services = version_services(document)
    (host,) = route_config(document, names)["virtual_hosts"]
    of_versions: dict[str, list[dict[str, Any]]] = {}
    others = []
    for route in host["routes"]:
        key = keys.get(route.get("route", {}).get("cluster"))
        rule = {"matches": [_match(route["match"])]}
        if key is None:
            others.append({**rule, **_refusal(route["direct_response"]["status"])})
            continue
        rule |= _to_version("/".join(key), services[key], place)
        if "headers" in route["match"] and "path" not in route["match"]:
            of_versions.setdefault(names[key], []).append(rule)
        else:
            others.append(rule)
    chunks = [others[at : at + RULES_MAX] for at in range(0, len(others), RULES_MAX)]
    # a dot, which no version's name has
    named = {f"{NAME}.{number}" if number > 1 else NAME: chunk for number, chunk in enumerate(chunks, 1)}
    for cluster, name in version_names(tuple(of_versions)).items():
        named[name] = of_versions[cluster]
    return {name: {**_attached(place), "rules": rules} for name, rules in named.items()}


def version_names(clusters: tuple[str, ...]) -> dict[str, str]:
    """Name of the HTTPRoute of each version by that of its cluster in our own Envoy, each of its own."""
    plain = {cluster: _plain(cluster) for cluster in clusters}
    taken = Counter(plain.values())
    return {
        cluster: f"{NAME}-{name}" if taken[name] == 1 else f"{NAME}-{name}-{zlib.crc32(cluster.encode()):08x}"
        for cluster, name in plain.items()
    }


def _plain(cluster: str) -> str:
    return re.sub("[^a-z0-9]+", "-", cluster.lower()[:_NAME_CHARS_MAX]).strip("-") or "version"


def refusal_name(status: int) -> str:
    """Name of the HTTPRouteFilter that answers with a status."""
    return f"{NAME}-{status}"


def refusal_spec(status: int) -> dict[str, Any]:
    """Its ``spec``."""
    return {"directResponse": {"statusCode": status}}


def _attached(place: GatewayPlace) -> dict[str, Any]:
    parent = {"name": place.gateway_name, "namespace": place.gateway_namespace}
    return {"parentRefs": [parent], **({"hostnames": list(place.hosts)} if place.hosts else {})}


def _match(match: dict[str, Any]) -> dict[str, Any]:
    path = {"type": "Exact", "value": match["path"]} if "path" in match else {"type": "PathPrefix", "value": "/"}
    found: dict[str, Any] = {"path": path}
    headers = []
    for header in match.get("headers", ()):
        if header["name"] == _METHOD:
            found["method"] = header["string_match"]["exact"]
        elif header.get("present_match"):
            headers.append({"name": header["name"], "type": "RegularExpression", "value": ".*"})
        else:
            headers.append({"name": header["name"], "value": header["string_match"]["exact"]})
    return {**found, **({"headers": headers} if headers else {})}


def _refusal(status: int) -> dict[str, Any]:
    reference = {"group": _EXTENSION, "kind": "HTTPRouteFilter", "name": refusal_name(status)}
    return {"filters": [{"type": "ExtensionRef", "extensionRef": reference}]}


def _to_version(version: str, services: tuple[KubernetesService, ...], place: GatewayPlace) -> dict[str, Any]:
    """To its Services, each as often as the others. The header is true since the route leads nowhere else."""
    header = {"set": [{"name": SERVED_VERSION_HEADER, "value": version}]}
    return {
        "filters": [{"type": "ResponseHeaderModifier", "responseHeaderModifier": header}],
        "backendRefs": [_reference(one, place) for one in services],
    }


def _reference(service: KubernetesService, place: GatewayPlace) -> dict[str, Any]:
    elsewhere = {"namespace": service.namespace} if service.namespace != place.namespace else {}
    return {"name": service.name, **elsewhere, "port": service.port}
