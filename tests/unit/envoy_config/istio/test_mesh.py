"""What a place takes from the configuration, and each contradiction with how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from extproc.config.document import Document
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace, mesh_of
from tests.unit.envoy_config.conftest import PRICE

GATEWAY, SIDECAR, INBOUND, WAYPOINT = MeshPlace
PROCESSOR = {"processor": {"address": "llm-extproc.llm.svc.cluster.local:50051"}}
IN_GATEWAY = MeshOptions(gateway="istio-ingress/public")
GUARD = {"role": "guard", "guard_version": "chat/v1", "filters": [{"filter": "meter"}]}

Make = Callable[..., Document]


def versions(v1: str = "vllm-v1.llm.svc.cluster.local:8000", **more: Any) -> dict[str, Any]:
    """The models of a document: two versions, of which the first has another endpoint or key."""
    second = {"weight": 1, "endpoints": ["vllm-v2.llm.svc.cluster.local:8000"], "price": PRICE}
    return {"chat": {"versions": {"v1": {"weight": 1, "endpoints": [v1], "price": PRICE, **more}, "v2": second}}}


AT_PROVIDER = {
    "providers": {"cloud": {"url": "https://api.example.com/v1"}},
    "models": versions(endpoints=[], provider="cloud"),
}


def test_a_gateway_needs_its_name_alone(document: Make) -> None:
    """All else has a default, or is in the configuration."""
    mesh = mesh_of(document(models=versions(), envoy=PROCESSOR), GATEWAY, IN_GATEWAY)
    assert (mesh.namespace, mesh.hosts, mesh.labels) == ("istio-ingress", ("*",), {"istio": "ingressgateway"})
    assert ([one.name for one in mesh.servers], mesh.model_port) == (["vllm-v1", "vllm-v2"], 8000)
    assert mesh.processor is not None
    assert mesh.processor.port == 50051


def test_what_is_named_counts(document: Make) -> None:
    """Each option in the place of its default."""
    options = MeshOptions("edge", {"a": "b"}, "istio-ingress/public", ("llm.example.com",), 8080)
    mesh = mesh_of(document(models=versions()), GATEWAY, options)
    assert (mesh.namespace, mesh.labels, mesh.hosts) == ("edge", {"a": "b"}, ("llm.example.com",))
    assert (mesh.model_port, mesh.processor) == (8080, None)


def test_a_client_asks_the_services_of_all_versions(document: Make) -> None:
    """So that none of them is a way around the routes."""
    for place in (SIDECAR, WAYPOINT):
        mesh = mesh_of(document(models=versions(), envoy=PROCESSOR), place, MeshOptions())
        assert mesh.hosts == ("vllm-v1.llm.svc.cluster.local", "vllm-v2.llm.svc.cluster.local")
        assert mesh.namespace == "llm"


def test_an_inbound_proxy_needs_nothing(document: Make) -> None:
    """The port is that of the version's endpoint, which is in the same pod."""
    mesh = mesh_of(document(**GUARD), INBOUND, MeshOptions())
    assert (mesh.namespace, mesh.model_port, mesh.labels) == ("", 8001, {"llm-extproc.dev/sidecar": "true"})


CONTRADICTIONS: dict[str, tuple[MeshPlace, MeshOptions, dict[str, Any], str]] = {
    "a version is chosen where there is none to choose": (INBOUND, MeshOptions(), {}, "role: .* Set `role: guard`"),
    "nothing is chosen in a gateway": (GATEWAY, IN_GATEWAY, GUARD, "role: .* Set `role: route`"),
    "no gateway": (GATEWAY, MeshOptions(), {}, "--gateway: expected NAMESPACE/NAME .*kubectl get gateways"),
    "a gateway without namespace": (GATEWAY, MeshOptions(gateway="public"), {}, "--gateway: .*, not 'public'"),
    "a gateway with two slashes": (GATEWAY, MeshOptions(gateway="a/b/c"), {}, "--gateway: .*, not 'a/b/c'"),
    "a waypoint with its namespace": (
        WAYPOINT,
        MeshOptions(gateway="llm/waypoint"),
        {"envoy": PROCESSOR},
        "--gateway: expected the name of a waypoint, .* for `--namespace`",
    ),
    "a gateway of a sidecar": (SIDECAR, IN_GATEWAY, {}, "--gateway: .* Name the pods by `--selector`"),
    "labels of a waypoint": (WAYPOINT, MeshOptions(labels={"a": "b"}), {"envoy": PROCESSOR}, "--selector: .*--gateway"),
    "a filter of a sidecar from elsewhere": (
        SIDECAR,
        MeshOptions(without_filter=True),
        {},
        "--without-filter: only the filter of a gateway .* Leave it out",
    ),
    "a filter from elsewhere and a fallback": (
        GATEWAY,
        MeshOptions(gateway="istio-ingress/public", without_filter=True),
        {"models": {"chat": {**versions()["chat"], "fallback": {"to": ["v2"]}}}, "envoy": PROCESSOR},
        "fallback, providers: .* In the Helm chart set `integration: none`",
    ),
    "a filter from elsewhere and a processor in the pod": (
        GATEWAY,
        MeshOptions(gateway="istio-ingress/public", without_filter=True),
        {},
        "envoy.processor.address: .* calls a Service",
    ),
    "a processor of other pods without its Service": (
        GATEWAY,
        IN_GATEWAY,
        {"server": {"listen": "0.0.0.0:50051"}},
        "envoy.processor.address: not set, .* call 0.0.0.0:50051 in its own pod. Name the Service",
    ),
    "hosts of a sidecar": (SIDECAR, MeshOptions(hosts=("a",)), {}, "--host: .* Leave it out"),
    "a processor in a waypoint's pod": (
        WAYPOINT,
        MeshOptions(),
        {},
        "envoy.processor.address: .* Service, for example",
    ),
    "an address": (GATEWAY, IN_GATEWAY, {"models": versions("10.0.0.7:8000")}, "v1.endpoints: .* IP address"),
    "a processor's address": (
        GATEWAY,
        IN_GATEWAY,
        {"envoy": {"processor": {"address": "10.0.0.7:50051"}}},
        "envoy.processor.address: '10.0.0.7' is an IP address",
    ),
    "TLS of our own": (
        GATEWAY,
        IN_GATEWAY,
        {"server": {"tls": {"certificate_file": "/a.pem", "key_file": "/b.pem"}}},
        "server.tls: .* Remove the section",
    ),
    "several ports": (
        GATEWAY,
        IN_GATEWAY,
        {"models": versions("vllm-v1.llm.svc.cluster.local:8001")},
        r"several ports \(8000, 8001\).* by `--model-port`",
    ),
    "several namespaces": (
        SIDECAR,
        MeshOptions(),
        {"models": versions("vllm-v1.blue.svc.cluster.local:8000")},
        r"several namespaces \(blue, llm\). Choose by `--namespace`",
    ),
    "a server by a header": (GATEWAY, IN_GATEWAY, {"models": versions(pick="load")}, "pick: .*`pick: least_request`"),
    "a fallback in a waypoint": (
        WAYPOINT,
        MeshOptions(),
        {"envoy": PROCESSOR, "models": {"chat": {**versions()["chat"], "fallback": {"to": ["v2"]}}}},
        "fallback: .* in a gateway, with `--for istio-gateway`",
    ),
    "a provider's key with clients": (
        SIDECAR,
        MeshOptions(),
        AT_PROVIDER | {"envoy": PROCESSOR},
        "v1.provider: its key .* in a gateway, with `--for istio-gateway`",
    ),
    "a provider in a waypoint": (
        WAYPOINT,
        MeshOptions(),
        AT_PROVIDER | {"envoy": PROCESSOR},
        "v1.provider: no patch .* in a gateway, with `--for istio-gateway`",
    ),
    "a provider without the filter": (
        GATEWAY,
        IN_GATEWAY._replace(without_filter=True),
        AT_PROVIDER | {"envoy": PROCESSOR},
        "fallback, providers: .* `integration: none`",
    ),
    "spans of a pod with one version": (
        INBOUND,
        MeshOptions(telemetry=True),
        GUARD,
        "--telemetry: .* where versions are chosen",
    ),
    "a listener for a hop": (
        GATEWAY,
        IN_GATEWAY,
        {
            "identity": {
                "sources": [{"source": "trusted_hop"}],
                "trusted_hops": [{"hop": "listener", "listen": "127.0.0.1:1"}],
            }
        },
        "identity.trusted_hops: .* `hop: signed`",
    ),
    "certificates": (
        GATEWAY,
        IN_GATEWAY,
        {"identity": {"sources": [{"source": "client_certificate", "callers": [{"san": "spiffe://a", "team": "a"}]}]}},
        "identity.sources: `client_certificate` .* Use API keys",
    ),
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_contradiction_is_told_with_how_to_mend_it(what: str, document: Make) -> None:
    """Before anything is printed."""
    place, options, changes, told = CONTRADICTIONS[what]
    with pytest.raises(EnvoyConfigError, match=told):
        mesh_of(document(**{"models": versions(), **changes}), place, options)
