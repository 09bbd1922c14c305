"""The cluster that Istio's control plane makes of a ServiceEntry and its DestinationRule.

Written from the behavior of istio/istio, pilot/pkg/networking/core, ``cluster_builder.go`` and ``cluster_tls.go``.
"""

from __future__ import annotations

from typing import Any

from tests.deploy.pilot_routes import DEFAULT_THRESHOLDS, with_traffic_policy

_DISCOVERY = {"STATIC": "STATIC", "DNS": "STRICT_DNS", "DNS_ROUND_ROBIN": "LOGICAL_DNS"}

Block = dict[str, Any]


def external_cluster(entry: Block, rule: Block) -> Block:
    """Envoy's cluster. Args: entry, rule: ``spec`` of the two objects, with one host, port and endpoint."""
    (host,), (port,), (endpoint,) = entry["hosts"], entry["ports"], entry["endpoints"]
    assert rule["host"] == host
    name = f"outbound|{port['number']}||{host}"
    address = {"socket_address": {"address": endpoint["address"], "port_value": port["targetPort"]}}
    cluster = {
        "name": name,
        "type": _DISCOVERY[entry["resolution"]],
        "dns_lookup_family": "V4_ONLY",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "circuit_breakers": {"thresholds": [DEFAULT_THRESHOLDS]},
    }
    return with_traffic_policy(cluster, rule) | _transport_socket(rule["trafficPolicy"]["tls"])


def _transport_socket(tls: Block) -> Block:
    if tls["mode"] == "DISABLE":
        return {}
    assert tls["mode"] == "SIMPLE"
    names = [{"san_type": kind, "matcher": {"exact": each}} for each in tls["subjectAltNames"] for kind in _kinds()]
    context = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        **({"sni": tls["sni"]} if "sni" in tls else {}),
        "common_tls_context": {
            "validation_context": {
                "trusted_ca": {"filename": tls["caCertificates"]},
                "match_typed_subject_alt_names": names,
            }
        },
    }
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}


def _kinds() -> tuple[str, ...]:
    """Istio does not know of which kind a name is."""
    return ("URI", "DNS", "EMAIL", "IP_ADDRESS")
