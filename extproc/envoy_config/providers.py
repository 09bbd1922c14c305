"""How Envoy reaches a provider: which headers leave, the API key, the path, and TLS.

Only listed headers leave, so a header that somebody adds in front stays here. The key is a secret (SDS) in a file that
Envoy reads again when it is replaced; it is in no configuration, and Envoy's admin page shows it redacted.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from extproc.config.document import Document
from extproc.config.providers import Provider, address_of
from extproc.domain.contract import TRY_TIMEOUT_HEADER
from extproc.envoy_config.addresses import is_ip

_EXTENSIONS: Final = "type.googleapis.com/envoy.extensions"
_HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_HTTP1: Final[dict[str, Any]] = {"http_protocol_options": {}}

LEAVING_HEADERS: Final = (
    ":authority",
    ":method",
    ":path",
    ":scheme",
    "accept",
    "accept-encoding",
    "anthropic-beta",
    "anthropic-version",
    "content-length",
    "content-type",
    "openai-beta",
    "transfer-encoding",
    TRY_TIMEOUT_HEADER,  # removed by Envoy's router, which reads it
)
"""What a provider needs to know of a request, besides its key."""
HIDDEN_HEADERS: Final = ("alt-svc", "openai-organization", "openai-project", "set-cookie", "strict-transport-security")
"""What a provider says of its account and of connections to it. Clients have neither."""
KEY_FILTER_NAME: Final = "envoy.filters.http.credential_injector"

_KEEP_LISTED: Final = f"""\
-- Removes every header that is not listed: what a provider does not need to know stays here.
local listed = {{}}
for name in string.gmatch("{" ".join(LEAVING_HEADERS)}", "%S+") do listed[name] = true end
function envoy_on_request(handle)
  local others = {{}}
  for name, _ in pairs(handle:headers()) do
    if not listed[name] then others[#others + 1] = name end
  end
  for _, name in ipairs(others) do handle:headers():remove(name) end
end
"""


def provider_filters(name: str, provider: Provider, folder: Path | None) -> list[dict[str, Any]]:
    """The HTTP filters before the router. Args: folder: with the secrets; None: they are in the bootstrap."""
    keep_listed = {
        "name": "llm.listed_headers",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": _KEEP_LISTED},
            "clear_route_cache": False,  # without x-forwarded-proto, Envoy would find no route any more
        },
    }
    if provider.key_file is None:
        return [keep_listed]
    header, prefix = key_header(provider)
    generic = {
        "@type": f"{_EXTENSIONS}.http.injected_credentials.generic.v3.Generic",
        "credential": _secret_source(name, folder),
        "header": header,
        **({"header_value_prefix": prefix} if prefix else {}),
    }
    injector = {
        "name": KEY_FILTER_NAME,
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.http.credential_injector.v3.CredentialInjector",
            "overwrite": True,
            "credential": {"name": "envoy.http.injected_credentials.generic", "typed_config": generic},
        },
    }
    return [keep_listed, injector]


def key_header(provider: Provider) -> tuple[str, str]:
    """Name of the header with the API key, and what stands before the key."""
    return ("authorization", "Bearer ") if provider.api == "openai" else ("x-api-key", "")


def provider_route(provider: Provider) -> dict[str, Any]:
    """The part of a ``RouteAction`` that asks for a path of the provider."""
    address = address_of(provider)
    moved = {}
    if address.root != address.replaced:
        pattern = {"regex": f"^{re.escape(address.replaced)}/"}
        moved = {"regex_rewrite": {"pattern": pattern, "substitution": f"{address.root}/"}}
    return {"host_rewrite_literal": address.authority, **moved}


def provider_connection(provider: Provider) -> dict[str, Any]:
    """The part of a ``Cluster`` that finds a provider, and speaks TLS, and HTTP/2 where the provider does."""
    address = address_of(provider)
    # one address at a time, as what answers behind a name changes; both families, whichever connects first
    found = {} if is_ip(address.host) else {"type": "LOGICAL_DNS", "dns_lookup_family": "ALL"}
    options = {"@type": f"type.googleapis.com/{_HTTP_OPTIONS}"}
    if not address.is_secure:
        return {
            **found,
            "typed_extension_protocol_options": {_HTTP_OPTIONS: options | {"explicit_http_config": _HTTP1}},
        }
    kind = "IP_ADDRESS" if is_ip(address.host) else "DNS"
    context = {
        "@type": f"{_EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
        **({} if is_ip(address.host) else {"sni": address.host}),
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
            "validation_context": {
                "trusted_ca": {"filename": provider.ca_file},
                "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": address.host}}],
            },
        },
    }
    return {
        **found,
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context},
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: options | {"auto_config": {**_HTTP1, "http2_protocol_options": {}}}
        },
    }


def used_providers(document: Document) -> dict[str, Provider]:
    """The providers of versions, by name."""
    named = {version.provider for model in document.models.values() for version in model.versions.values()}
    return {name: provider for name, provider in document.providers.items() if name in named}


def key_secrets(document: Document) -> dict[str, dict[str, Any]]:
    """The secrets of Envoy's configuration, by the names of their files: each says in which file a key is."""
    return {
        secret_file(name): _secret(name, provider.key_file)
        for name, provider in used_providers(document).items()
        if provider.key_file is not None
    }


def static_secrets(document: Document) -> list[dict[str, Any]]:
    """The same in a bootstrap configuration. Envoy reads their files only at its start."""
    return [_secret(name, one.key_file) for name, one in used_providers(document).items() if one.key_file is not None]


def _secret(name: str, key_file: str) -> dict[str, Any]:
    return {"name": secret_name(name), "generic_secret": {"secret": {"filename": key_file}}}


def secret_name(provider: str) -> str:
    """Name of the secret with a provider's key."""
    return f"llm_provider_{provider}"


def secret_file(provider: str) -> str:
    """Name of the file of a secret; a provider's name may have a slash."""
    return f"provider-{quote(provider, safe='')}.yaml"


def _secret_source(name: str, folder: Path | None) -> dict[str, Any]:
    if folder is None:
        return {"name": secret_name(name)}
    path = {"path": str(folder / secret_file(name))}
    return {"name": secret_name(name), "sds_config": {"path_config_source": path, "resource_api_version": "V3"}}
