"""A load balancer in front of several nodes: an Envoy that reads its endpoints from a file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from extproc.server.sockets.free_ports import free_ports

_CLUSTER = "nodes"
_TYPE = "type.googleapis.com/envoy"


def front_of(endpoints: Path) -> tuple[dict[str, Any], str]:
    """Returns: its bootstrap configuration, and its address for clients."""
    listen, admin = free_ports(2)
    manager = {
        "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}.extensions.filters.http.router.v3.Router"},
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "retry_policy": {"retry_on": "connect-failure,refused-stream,reset-before-request"},
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": _CLUSTER, "timeout": "0s"}}],
                }
            ]
        },
    }
    configuration = {
        "node": {"id": "front", "cluster": "front"},
        "admin": {"address": _address("127.0.0.1", admin)},
        "static_resources": {
            "listeners": [
                {
                    "name": "front",
                    "address": _address("127.0.0.1", listen),
                    "filter_chains": [
                        {
                            "filters": [
                                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
                            ]
                        }
                    ],
                }
            ],
            "clusters": [
                {
                    "name": _CLUSTER,
                    "type": "EDS",
                    "eds_cluster_config": {"eds_config": {"path_config_source": {"path": str(endpoints)}}},
                    "circuit_breakers": {"thresholds": [{"max_connections": 4_096, "max_retries": 4_096}]},
                }
            ],
        },
    }
    return configuration, f"http://127.0.0.1:{listen}"


def write_endpoints(file: Path, urls: Sequence[str]) -> None:
    """Name the nodes; Envoy notices that the file was moved there."""
    hosts = [(url.hostname or "", url.port or 0) for url in map(urlsplit, urls)]
    assignment = {
        "@type": f"{_TYPE}.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": _CLUSTER,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(*host)}} for host in hosts]}],
    }
    written = file.with_suffix(".new")
    written.write_text(json.dumps({"resources": [assignment]}))
    os.replace(written, file)


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
