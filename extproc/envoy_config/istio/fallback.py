"""Fallback and providers in a mesh: the internal listeners and clusters of our own Envoy, as patches.

Proxies of Istio have what internal listeners need in their bootstrap configuration. In the VirtualService the route of
a version with a fallback, or at a provider, answers 503, and a patch leads it to the internal listeners. Where the
patch is missing, no request goes to a model without its prompt, which only the second call of the processor inserts.

Source: istio/istio, tools/packaging/common/envoy_bootstrap.json; ``envoy_config.fallback``.
"""

from __future__ import annotations

import copy
from typing import Any

from extproc.config.document import Document
from extproc.config.fallback import VersionKey, chains_of
from extproc.envoy_config.egress_listener import egress_listeners
from extproc.envoy_config.fallback import chain_cluster
from extproc.envoy_config.generate import versions_of
from extproc.envoy_config.istio.mesh import Mesh
from extproc.envoy_config.istio.patches import in_mesh, patch
from extproc.envoy_config.istio.providers import key_filter, provider_services
from extproc.envoy_config.istio.routing import named_routes
from extproc.envoy_config.names import EGRESS_FILTER_NAME, cluster_names, egress_name
from extproc.envoy_config.providers import KEY_FILTER_NAME
from extproc.envoy_config.routes import route_config
from extproc.envoy_config.services import KubernetesService, version_services


def fallback_patches(document: Document, mesh: Mesh) -> list[dict[str, Any]]:
    """Patches that add the internal listeners, and the clusters in front of them; none without fallback or provider.

    Raises: EnvoyConfigError.
    """
    names = cluster_names(tuple(versions_of(document)))
    services = {names[key]: found for key, found in version_services(document).items()}
    services |= {names[key]: (found,) for key, found in provider_services(document, mesh).items()}
    keys = _key_filters(document, names)
    listeners = [_in_mesh(one, mesh, services, keys) for one in egress_listeners(document, names)]
    open_max = document.envoy.open_exchanges_max
    clusters = [chain_cluster(names, chain, open_max) for chain in chains_of(document)]
    return [
        *(patch(mesh, "LISTENER", {}, "ADD", listener) for listener in listeners),
        *(patch(mesh, "CLUSTER", {}, "ADD", cluster) for cluster in clusters),
    ]


def fallback_routes(document: Document) -> dict[str, dict[str, Any]]:
    """What makes the routes of versions with a fallback lead to it, by its name in the VirtualService."""
    names: dict[VersionKey, str] = cluster_names(tuple(versions_of(document)))
    (host,) = route_config(document, names)["virtual_hosts"]
    return {
        name: {
            "route": {"retry_policy": host["retry_policy"], **route["route"]},
            "response_headers_to_add": host["response_headers_to_add"],
        }
        for name, route in named_routes(host["routes"]).items()
        if "route" in route and route["route"]["cluster"] not in names.values()
    }


def _key_filters(document: Document, names: dict[VersionKey, str]) -> dict[str, dict[str, Any]]:
    """The filter that adds a provider's key, by the name of the internal listener of a version there."""
    found = {}
    for key, version in versions_of(document).items():
        provider = document.providers.get(version.provider or "")
        if provider is not None and provider.key_file is not None:
            found[egress_name(names[key])] = key_filter(provider, provider.key_file)
    return found


def _in_mesh(
    listener: dict[str, Any],
    mesh: Mesh,
    services: dict[str, tuple[KubernetesService, ...]],
    keys: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """The listener with clusters and filters of Istio.

    Args:
        services: of versions, by the names of clusters in our own Envoy.
        keys: filters that add a provider's key, by the names of listeners.
    """
    changed = copy.deepcopy(listener)
    manager = changed["filter_chains"][0]["filters"][0]["typed_config"]
    for each in manager["http_filters"]:
        if each["name"] == EGRESS_FILTER_NAME:
            each["typed_config"] = in_mesh(each["typed_config"], mesh)
        elif each["name"] == KEY_FILTER_NAME:
            each.update(keys[listener["name"]])
    for host in manager["route_config"]["virtual_hosts"]:
        for route in host["routes"]:
            route["route"].update(_clusters(services[route["route"].pop("cluster")]))
    return changed


def _clusters(services: tuple[KubernetesService, ...]) -> dict[str, Any]:
    """The part of a ``RouteAction`` that leads to Services, to each as often as to the others."""
    if len(services) == 1:
        return {"cluster": services[0].outbound_cluster}
    return {"weighted_clusters": {"clusters": [{"name": one.outbound_cluster, "weight": 1} for one in services]}}
