"""What a Gateway takes from the configuration, and each contradiction with how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from extproc.config.document import Document
from extproc.envoy_config.envoy_gateway.place import GatewayOptions, gateway_place
from extproc.envoy_config.errors import EnvoyConfigError
from tests.unit.envoy_config.istio.test_mesh import GUARD, PROCESSOR, versions

Make = Callable[..., Document]

PUBLIC = GatewayOptions(gateway="infra/public")
SOCKET = {"listen": "unix:/run/extproc.sock", "metrics": "127.0.0.1:9464"}
CERTIFICATES = {"source": "client_certificate", "callers": [{"san": "spiffe://a", "team": "a"}]}


def test_a_gateway_needs_its_name_alone(document: Make) -> None:
    """All else has a default, or is in the configuration."""
    place = gateway_place(document(models=versions(), envoy=PROCESSOR), PUBLIC)
    assert (place.namespace, place.gateway_namespace, place.gateway_name) == ("llm", "infra", "public")
    assert ([one.name for one in place.servers], place.hosts) == (["vllm-v1", "vllm-v2"], ())
    assert place.processor is not None
    assert place.sockets == ()


def test_without_a_service_the_processor_is_in_the_pod(document: Make) -> None:
    """By its socket, or that of each worker."""
    place = gateway_place(document(models=versions(), server=SOCKET), PUBLIC)
    assert (place.processor, place.sockets) == (None, ("/run/extproc.sock",))
    place = gateway_place(document(models=versions(), server={**SOCKET, "workers": 2}), PUBLIC)
    assert place.sockets == ("/run/extproc.sock.0", "/run/extproc.sock.1")


def test_what_is_named_counts(document: Make) -> None:
    """Each option in the place of its default."""
    place = gateway_place(document(models=versions(), envoy=PROCESSOR), PUBLIC._replace(namespace="edge", hosts=("a",)))
    assert (place.namespace, place.hosts) == ("edge", ("a",))


CONTRADICTIONS: dict[str, tuple[GatewayOptions, dict[str, Any], str]] = {
    "no gateway": (GatewayOptions(), {}, "--gateway: expected NAMESPACE/NAME .*kubectl get gateways.gateway"),
    "a gateway without namespace": (GatewayOptions(gateway="public"), {}, "--gateway: .*, not 'public'"),
    "nothing is chosen": (PUBLIC, GUARD, "role: .* Set `role: route`"),
    "TLS to the processor": (
        PUBLIC,
        {"server": {"listen": "0.0.0.0:1", "tls": {"certificate_file": "a", "key_file": "b"}}},
        "server.tls: .* Remove the section",
    ),
    "certificates": (
        PUBLIC,
        {"identity": {"sources": [CERTIFICATES]}},
        "identity.sources: `client_certificate` ",
    ),
    "a hop by its listener": (
        PUBLIC,
        {
            "identity": {
                "sources": [{"source": "trusted_hop"}],
                "trusted_hops": [{"hop": "listener", "listen": "127.0.0.1:1"}],
            }
        },
        "identity.trusted_hops: .* Use `hop: signed`",
    ),
    "another version in its place": (
        PUBLIC,
        {"models": {"chat": {**versions()["chat"], "fallback": {"to": ["v1", "v2"]}}}},
        "fallback: .* Remove `fallback`",
    ),
    "a server outside": (
        PUBLIC,
        {"models": versions("10.0.0.7:8000")},
        "models.chat.versions.v1.endpoints: '10.0.0.7' is an IP address",
    ),
    "a provider": (
        PUBLIC,
        {
            "providers": {"cloud": {"url": "https://api.example.com/v1"}},
            "models": versions(endpoints=[], provider="cloud"),
        },
        "v1.provider: .* as a Service",
    ),
    "several namespaces": (
        PUBLIC,
        {"models": versions("vllm-v1.other.svc.cluster.local:8000"), "envoy": PROCESSOR},
        "models: the endpoints are in several namespaces .llm, other.. Choose by `--namespace`",
    ),
    "a port of the pod": (PUBLIC, {"server": {"listen": "127.0.0.1:50051"}}, "server.listen: .* Use a Unix socket"),
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_what_contradicts_is_told_with_how_to_mend_it(document: Make, what: str) -> None:
    """With its key, or its option."""
    options, changes, told = CONTRADICTIONS[what]
    with pytest.raises(EnvoyConfigError, match=told):
        gateway_place(document(**{"models": versions(), **changes}), options)
