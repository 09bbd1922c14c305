"""Providers: model APIs of others, such as OpenAI's or Anthropic's, that a version may stand for.

A version with a ``provider`` has no servers of its own. Envoy reaches the provider, through the version's internal
listener, and adds the API key. The key is in a file on Envoy's machine: this processor never has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from extproc.config.section import EnvoysPath, Section
from extproc.domain.contract import Endpoint

ProviderUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[a-zA-Z0-9._-]+(:[0-9]{1,5})?(/[a-zA-Z0-9._~/-]*)?$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": ("a base URL without user, query or fragment, such as `https://api.openai.com/v1`"),
            "environment": True,
        }
    ),
]

ApiKind = Literal["openai", "anthropic"]

_APIS: Final[Mapping[ApiKind, tuple[Endpoint, ...]]] = {
    "openai": ("chat", "completions", "responses", "embeddings"),
    "anthropic": ("messages", "count_tokens"),
}
"""What an API consists of, by kind."""
_API_ROOT: Final[Mapping[ApiKind, str]] = {"openai": "/v1", "anthropic": ""}
"""The part of our paths for which the path of the base URL stands, as in the client libraries of each."""


class Provider(Section):
    """A model API of somebody else, which `provider` of a version names. Files are paths on Envoy's machine."""

    url: ProviderUrl = Field(
        description=("base URL, as client libraries take it: `https://api.openai.com/v1`, `https://api.anthropic.com`")
    )
    api: ApiKind = Field(
        default="openai",
        description="openai: the key is sent as `authorization: Bearer KEY`. anthropic: as `x-api-key: KEY`",
    )
    apis: tuple[Endpoint, ...] = Field(
        default=(),
        description=(
            "the APIs that it serves; requests of others are never sent there. Default of openai: chat, completions, "
            "responses and embeddings; of anthropic: messages and count_tokens"
        ),
    )
    key_file: EnvoysPath | None = Field(
        default=None, description="file with the API key and nothing else, on Envoy's machine; default: no key is sent"
    )
    ca_file: EnvoysPath = Field(
        default="/etc/ssl/certs/ca-certificates.crt",
        description="CAs in PEM of which one signed its certificate, on Envoy's machine",
    )


class ProviderAddress(NamedTuple):
    """Where a provider is: ``root`` stands for ``replaced``, the beginning of our paths."""

    is_secure: bool
    host: str
    port: int
    root: str
    replaced: str

    @property
    def authority(self) -> str:
        """The ``Host`` of a request."""
        return self.host if self.port == (443 if self.is_secure else 80) else f"{self.host}:{self.port}"


def address_of(provider: Provider) -> ProviderAddress:
    """The parts of a valid URL. Raises: ValueError for a port above 65535, which the pattern allows."""
    parts = urlsplit(provider.url)
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    return ProviderAddress(is_secure, parts.hostname or "", port, parts.path.rstrip("/"), _API_ROOT[provider.api])


def apis_of(provider: Provider) -> tuple[Endpoint, ...]:
    """The APIs that a provider serves."""
    return provider.apis or _APIS[provider.api]


def files_of(provider: Provider) -> Iterator[tuple[str, str]]:
    """Key and path of each file that Envoy reads for a provider."""
    if provider.key_file is not None:
        yield "key_file", provider.key_file
    if address_of(provider).is_secure:
        yield "ca_file", provider.ca_file


@dataclass(frozen=True, slots=True)
class CompiledProvider:
    """What the processor has to know of a provider."""

    name: str
    apis: frozenset[str]
    api: ApiKind = "openai"


def compile_providers(providers: Mapping[str, Provider]) -> dict[str, CompiledProvider]:
    """All of a document, by name."""
    return {name: CompiledProvider(name, frozenset(apis_of(one)), one.api) for name, one in providers.items()}
