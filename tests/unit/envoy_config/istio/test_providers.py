"""The objects of a provider, and the filter with its key."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from extproc.config.document import Document
from extproc.config.providers import Provider
from extproc.envoy_config.istio import providers
from extproc.envoy_config.istio.mesh import MeshPlace, mesh_of
from tests.unit.envoy_config.istio.test_mesh import IN_GATEWAY, PROCESSOR, versions

Make = Callable[..., Document]
names = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}", fullmatch=True)


def objects_of(document: Make, **provider: Any) -> dict[str, dict[str, Any]]:
    """``spec`` of each object, by its kind."""
    made = document(providers={"cloud": provider}, models=versions(endpoints=[], provider="cloud"), envoy=PROCESSOR)
    found = providers.provider_objects(made, mesh_of(made, MeshPlace.GATEWAY, IN_GATEWAY))
    assert {one.manifest["metadata"]["namespace"] for one in found} == {"istio-ingress"}
    return {one.manifest["kind"]: one.manifest["spec"] for one in found}


def test_a_provider_has_a_host_of_its_own(document: Make) -> None:
    """On a port that is HTTP in any mesh, so that applications reach the provider as before."""
    found = objects_of(document, url="https://api.example.com:8443/v1")
    entry, rule = found["ServiceEntry"], found["DestinationRule"]
    assert entry["hosts"] == [rule["host"]] == ["cloud.providers.llm-extproc.internal"]
    assert (entry["ports"][0]["number"], entry["ports"][0]["targetPort"]) == (80, 8443)
    assert entry["endpoints"] == [{"address": "api.example.com"}]
    assert entry["exportTo"] == rule["exportTo"] == ["."]


def test_the_certificate_must_be_the_providers(document: Make) -> None:
    """Its name, signed by the CAs of the configuration."""
    tls = objects_of(document, url="https://api.example.com", ca_file="/etc/ca.pem")["DestinationRule"]["trafficPolicy"]
    assert tls["tls"] == {
        "mode": "SIMPLE",
        "caCertificates": "/etc/ca.pem",
        "subjectAltNames": ["api.example.com"],
        "sni": "api.example.com",
    }


def test_an_address_is_not_looked_up(document: Make) -> None:
    """And has no name to send."""
    found = objects_of(document, url="https://192.0.2.7/v1")
    assert found["ServiceEntry"]["resolution"] == "STATIC"
    tls = found["DestinationRule"]["trafficPolicy"]["tls"]
    assert ("sni" in tls, tls["subjectAltNames"]) == (False, ["192.0.2.7"])


def test_plain_http_stays_plain(document: Make) -> None:
    """Istio would try mTLS by itself."""
    found = objects_of(document, url="http://192.0.2.7/v1")
    assert found["ServiceEntry"]["ports"][0]["targetPort"] == 80
    assert found["DestinationRule"]["trafficPolicy"]["tls"] == {"mode": "DISABLE"}


@given(names, names)
def test_every_name_is_a_label_of_dns(name: str, other: str) -> None:
    """And two names are two labels."""
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", providers._label(name))
    assert (providers._label(name) == providers._label(other)) == (name == other)


def test_a_path_is_quoted() -> None:
    """Nothing in it becomes a part of the program."""
    provider = Provider(url="https://api.example.com/v1")
    code = providers.key_filter(provider, 'a") os.exit() --\\')["typed_config"]["default_source_code"]["inline_string"]
    assert r'io.open("a\") os.exit() --\\")' in code
