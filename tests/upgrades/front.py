"""A load balancer in front of several nodes: an Envoy that reads its endpoints from a file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from extproc.demo.installation import LOOPBACK
from extproc.envoy_config.addresses import socket_address
from extproc.envoy_config.listener import ROUTER
from extproc.envoy_config.retries import UNREACHED
from extproc.server.sockets.free_ports import free_ports

_CLUSTER = "nodes"
_TYPE = "type.googleapis.com/envoy"


def front_of(endpoints: Path) -> tuple[dict[str, Any], str]:
    """Returns: its bootstrap configuration, and its address for clients."""
    listen, admin = free_ports(2)
    manager = {
        "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "http_filters": [ROUTER],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "retry_policy": {"retry_on": UNREACHED},
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": _CLUSTER, "timeout": "0s"}}],
                }
            ]
        },
    }
    configuration = {
        "node": {"id": "front", "cluster": "front"},
        "admin": {"address": socket_address(f"{LOOPBACK}:{admin}")},
        "static_resources": {
            "listeners": [
                {
                    "name": "front",
                    "address": socket_address(f"{LOOPBACK}:{listen}"),
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
    return configuration, f"http://{LOOPBACK}:{listen}"


def write_endpoints(file: Path, urls: Sequence[str]) -> None:
    """Name the nodes; Envoy notices that the file was moved there."""
    hosts = [urlsplit(url).netloc for url in urls]
    assignment = {
        "@type": f"{_TYPE}.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": _CLUSTER,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket_address(host)}} for host in hosts]}],
    }
    written = file.with_suffix(".new")
    written.write_text(json.dumps({"resources": [assignment]}))
    os.replace(written, file)
