"""Endpoints are Services by their full names, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.services import service_at
from tests.thorough import examples

KEY = "models.chat.versions.v1.endpoints"
LABELS = st.from_regex("[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)


def test_a_service_is_found() -> None:
    """Name and namespace, whatever the domain of the cluster."""
    found = service_at("vllm-v1.llm.svc.corp.example:8000", KEY)
    assert (found.name, found.namespace, found.port) == ("vllm-v1", "llm", 8000)
    assert found.outbound_cluster == "outbound|8000||vllm-v1.llm.svc.corp.example"


@given(LABELS, LABELS, st.integers(1, 65_535))
@settings(max_examples=examples(50))
def test_what_was_put_together_is_taken_apart(name: str, namespace: str, port: int) -> None:
    """Any names that Kubernetes allows."""
    found = service_at(f"{name}.{namespace}.svc.cluster.local:{port}", KEY)
    assert (found.name, found.namespace, found.port) == (name, namespace, port)


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ("10.0.0.7:8000", "'10.0.0.7' is an IP address"),
        ("[::1]:8000", "'::1' is an IP address"),
        ("vllm-v1:8000", "'vllm-v1' is not the full name of a Service"),
        ("vllm-v1.llm:8000", "'vllm-v1.llm' is not the full name of a Service"),
        ("vllm-v1.llm.svc:8000", "is not the full name of a Service"),
        ("api.example.com:443", "'api.example.com' is not the full name of a Service"),
    ],
)
def test_what_is_none_is_told_with_what_to_write(endpoint: str, told: str) -> None:
    """With its key, and the form that there should be, with its own port."""
    with pytest.raises(EnvoyConfigError) as raised:
        service_at(endpoint, KEY)
    assert str(raised.value).startswith(f"{KEY}: ")
    assert told in str(raised.value)
    assert f"NAME.NAMESPACE.svc.cluster.local:{endpoint.rpartition(':')[2]}" in str(raised.value)
