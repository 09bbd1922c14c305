"""Envoy's configuration as files that it watches, so that versions come and go without a restart.

The bootstrap configuration names the files of one folder; Envoy reads each again when another file is renamed to its
name. What Envoy cannot change while it runs stays in the bootstrap: its admin address, its connection limit, and the
cluster of the processor.

Source: Envoy's ``path_config_source``; measured on 1.40.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from extproc.config.document import Document
from extproc.envoy_config.addresses import listening_address
from extproc.envoy_config.client_identity import jwks_clusters
from extproc.envoy_config.clusters import processor_cluster
from extproc.envoy_config.egress_listener import egress_listeners
from extproc.envoy_config.fallback import INTERNAL_LISTENERS
from extproc.envoy_config.generate import NODE, bootstrap, connection_limit, model_clusters, versions_of
from extproc.envoy_config.listener import hop_listeners, listener
from extproc.envoy_config.names import cluster_names
from extproc.envoy_config.providers import key_secrets
from extproc.envoy_config.routes import route_config

BOOTSTRAP = "envoy.yaml"
LISTENERS, ROUTES, CLUSTERS = "listeners.yaml", "routes.yaml", "clusters.yaml"

_TYPES = "type.googleapis.com/envoy"


class EnvoyResources(NamedTuple):
    """What Envoy watches, as plain data; ``clusters`` and ``internal`` listeners by name, ``secrets`` by file. The
    listeners of trusted hops count as internal: no client reaches them.
    """

    listener: dict[str, Any]
    internal: dict[str, dict[str, Any]]
    routes: dict[str, Any]
    clusters: dict[str, dict[str, Any]]
    secrets: dict[str, dict[str, Any]]


def bootstrap_of(document: Document) -> dict[str, Any]:
    """The bootstrap configuration that `envoy.folder` asks for: whole, or with the rest in that folder.

    Raises: EnvoyConfigError.
    """
    folder = document.envoy.folder
    if folder is None:
        return bootstrap(document)
    resources(document, Path(folder))
    return dynamic_bootstrap(document, Path(folder))


def dynamic_bootstrap(document: Document, folder: Path) -> dict[str, Any]:
    """The bootstrap configuration of an Envoy that watches a folder. Raises: EnvoyConfigError."""
    return {
        "node": NODE,
        "admin": {"address": listening_address(document.envoy.admin, "envoy.admin")},
        **INTERNAL_LISTENERS,  # also without a fallback: one may come later, and Envoy reads this only at its start
        "static_resources": {"clusters": [processor_cluster(document)]},
        "dynamic_resources": {
            "cds_config": watched(folder, CLUSTERS),
            "lds_config": watched(folder, LISTENERS),
        },
        "overload_manager": connection_limit(document),
    }


def resources(document: Document, folder: Path) -> EnvoyResources:
    """The watched resources of a configuration. Raises: EnvoyConfigError."""
    names = cluster_names(tuple(versions_of(document)))
    routes = {"rds": {"route_config_name": "llm", "config_source": watched(folder, ROUTES)}}
    return EnvoyResources(
        listener(document, routes),
        _by_name([*hop_listeners(document, routes), *egress_listeners(document, names, folder)]),
        route_config(document, names),
        _by_name([*model_clusters(document, names), *jwks_clusters(document)]),
        key_secrets(document),
    )


def _by_name(resource_list: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {resource["name"]: resource for resource in resource_list}


def watched(folder: Path, name: str) -> dict[str, Any]:
    """``ConfigSource`` of a file in the folder, which Envoy reads again when another is renamed to its name."""
    return {
        "path_config_source": {"path": str(folder / name)},
        "resource_api_version": "V3",
    }


def response(kind: str, resource_list: list[dict[str, Any]], version: str) -> dict[str, Any]:
    """``DiscoveryResponse``.

    Args:
        kind: the type of the resources, such as ``config.cluster.v3.Cluster``.
        version: Envoy shows it on its admin page once it has taken the resources.
    """
    return {
        "version_info": version,
        "resources": [{"@type": f"{_TYPES}.{kind}", **resource} for resource in resource_list],
    }
