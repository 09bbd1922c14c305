"""Where a provider is, and what it serves, by its base URL as client libraries take it."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.config.providers import Provider, address_of, apis_of


def provider(**keys: Any) -> Provider:
    """A section."""
    return Provider.model_validate(keys)


@pytest.mark.parametrize(
    ("url", "is_secure", "host", "port", "authority"),
    [
        ("https://api.openai.com/v1", True, "api.openai.com", 443, "api.openai.com"),
        ("https://API.example.com:8443", True, "api.example.com", 8443, "api.example.com:8443"),
        ("http://127.0.0.1:4000/v1", False, "127.0.0.1", 4000, "127.0.0.1:4000"),
        ("http://gateway/v1", False, "gateway", 80, "gateway"),
    ],
)
def test_the_host(url: str, is_secure: bool, host: str, port: int, authority: str) -> None:
    """The port is left out where it is that of the scheme, as clients do."""
    address = address_of(provider(url=url))
    assert (address.is_secure, address.host, address.port, address.authority) == (is_secure, host, port, authority)


def test_what_it_serves() -> None:
    """By its kind, or as the section says."""
    assert apis_of(provider(url="https://a/v1")) == ("chat", "completions", "responses", "embeddings")
    assert apis_of(provider(url="https://a", api="anthropic")) == ("messages", "count_tokens")
    assert apis_of(provider(url="https://a/v1", apis=("chat",))) == ("chat",)
