"""Envoy's way to a provider: path, secrets and TLS. What leaves is tested through a real Envoy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from extproc.config.document import Document
from extproc.config.load import parse_document
from extproc.config.providers import Provider
from extproc.domain.contract import ENDPOINT_PATHS, Endpoint
from extproc.envoy_config.dynamic import resources
from extproc.envoy_config.generate import bootstrap
from extproc.envoy_config.lint import lint
from extproc.envoy_config.providers import provider_route
from tests.unit.config.conftest import MINIMAL

PROVIDERS: dict[str, Any] = {
    "a/b": {"url": "https://api.example.com/v1", "key_file": "/run/keys/one"},
    "a_b": {"url": "https://192.0.2.1", "api": "anthropic", "key_file": "/run/keys/two"},
    "keyless": {"url": "http://127.0.0.1:4000/v1"},
    "unused": {"url": "https://unused.example.com/v1", "key_file": "/run/keys/three"},
}


def document() -> Document:
    """A version at each provider, and one of one's own."""
    price = "price: { prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 }"
    versions = "".join(
        f"      {name}: {{ weight: 1, provider: {name}, served_model: far, {price} }}\n"
        for name in ("a/b", "a_b", "keyless")
    )
    text = MINIMAL.replace("filters:", f"{versions}filters:", 1)
    return parse_document(f"providers: {json.dumps(PROVIDERS)}\n{text}", "x.yaml")


@pytest.mark.parametrize(
    ("url", "api", "endpoint", "path"),
    [
        ("https://api.openai.com/v1", "openai", "chat", "/v1/chat/completions"),
        ("https://api.openai.com/v1/", "openai", "responses", "/v1/responses"),
        ("https://openrouter.ai/api/v1", "openai", "chat", "/api/v1/chat/completions"),
        ("https://example.com/v1beta/openai", "openai", "embeddings", "/v1beta/openai/embeddings"),
        ("https://example.com", "openai", "completions", "/completions"),
        ("https://api.anthropic.com", "anthropic", "messages", "/v1/messages"),
        ("https://example.com/anthropic", "anthropic", "count_tokens", "/anthropic/v1/messages/count_tokens"),
    ],
)
def test_the_path_of_an_api(url: str, api: str, endpoint: Endpoint, path: str) -> None:
    """OpenAI's base URLs end before the name of the API, Anthropic's before the version."""
    rewrite = provider_route(Provider.model_validate({"url": url, "api": api})).get("regex_rewrite")
    ours = ENDPOINT_PATHS[endpoint]
    assert path == (re.sub(rewrite["pattern"]["regex"], rewrite["substitution"], ours) if rewrite else ours)


def test_where_the_keys_are() -> None:
    """A secret with a file of its own for each key that is used; without a folder they are in the bootstrap."""
    watched = resources(document(), Path("/envoy"))
    files = {name: secret["generic_secret"]["secret"]["filename"] for name, secret in watched.secrets.items()}
    assert files == {"provider-a%2Fb.yaml": "/run/keys/one", "provider-a_b.yaml": "/run/keys/two"}
    told = json.dumps(list(watched.internal.values()))
    assert all(f"/envoy/{name}" in told for name in files)
    static = bootstrap(document())
    names = [secret["name"] for secret in static["static_resources"]["secrets"]]
    assert names == ["llm_provider_a/b", "llm_provider_a_b"]
    assert "sds_config" not in json.dumps(static)
    assert not lint(static)


def test_who_is_trusted() -> None:
    """The certificate is for the host of the URL; an address has no SNI."""
    clusters = resources(document(), Path("/envoy")).clusters
    contexts = {
        name: cluster["transport_socket"]["typed_config"]
        for name, cluster in clusters.items()
        if "transport_socket" in cluster
    }
    by_sni = {context.get("sni"): context["common_tls_context"]["validation_context"] for context in contexts.values()}
    assert by_sni.keys() == {"api.example.com", None}
    for host, (kind, name) in {
        "api.example.com": ("DNS", "api.example.com"),
        None: ("IP_ADDRESS", "192.0.2.1"),
    }.items():
        assert by_sni[host]["match_typed_subject_alt_names"] == [{"san_type": kind, "matcher": {"exact": name}}]
        assert by_sni[host]["trusted_ca"] == {"filename": "/etc/ssl/certs/ca-certificates.crt"}


def test_unread_requests_never_go_there() -> None:
    """Nothing removes what must not leave from them; where all versions are at providers, there is no way for them."""
    routes = resources(document(), Path("/envoy")).routes["virtual_hosts"][0]["routes"]
    (unread,) = [route for route in routes if route["name"] == "unread GET /health"]
    assert unread["route"]["cluster"] == "tiny-chat__v1"
    far = document().model_dump(mode="json", exclude_unset=True)
    del far["models"]["tiny-chat"]["versions"]["v1"]
    only_far = parse_document(json.dumps(far), "x.yaml")
    names = [route["name"] for route in resources(only_far, Path("/envoy")).routes["virtual_hosts"][0]["routes"]]
    assert names[-2:] == ["unknown-version", "refused"]
