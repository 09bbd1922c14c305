"""Providers in a mesh: a ServiceEntry and a DestinationRule for each, and a filter of the gateway that adds its key.

Istio's Envoy has no credential injector, and it refuses a whole listener for one filter that it lacks. It does have
Lua, which reads the key from a file in the gateway's pod, and again after a while.

The ServiceEntry has a host of its own, and port 80. With the provider's name and port 443, Istio's proxies of the same
namespace would expect plain HTTP where applications speak TLS to the provider themselves.

Source: istio/proxy, bazel/extension_config/extensions_build_config.bzl; Istio's API networking.istio.io/v1.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any, Final

from extproc.config.document import Document
from extproc.config.fallback import VersionKey
from extproc.config.providers import Provider, address_of
from extproc.envoy_config.addresses import is_ip
from extproc.envoy_config.clusters import PROVIDER_CONNECT_TIMEOUT
from extproc.envoy_config.generate import versions_of
from extproc.envoy_config.istio.mesh import Mesh
from extproc.envoy_config.istio.routing import connection_pool, ejection
from extproc.envoy_config.kubernetes_objects import KubernetesObject, manifest_of
from extproc.envoy_config.providers import key_header, used_providers
from extproc.envoy_config.services import KubernetesService

_DOMAIN: Final = "providers.llm-extproc.internal"
_PORT: Final = 80
_LABEL_CHARS_MAX: Final = 63
_KEY_AGE_MS: Final = 10_000
_KEY_BYTES_MAX: Final = 8_192

_ADD_KEY: Final = """\
-- Adds the API key of a provider. Its file is read again after a while, as its content may be replaced.
local key, read_at
local function current(now)
  if not key or now - read_at >= {age_ms} then
    local file = io.open({path})
    key = file and (file:read({bytes_max}) or ""):match("%S+")
    if file then file:close() end
    read_at = now
  end
  return key
end
function envoy_on_request(handle)
  local key = current(handle:timestamp())
  if not key then handle:respond({{[":status"] = "401"}}, "") end
  handle:headers():replace("{header}", "{prefix}" .. key)
end
"""


def provider_services(document: Document, mesh: Mesh) -> dict[VersionKey, KubernetesService]:
    """The host of Istio's registry for each version at a provider."""
    return {
        key: _service(version.provider, mesh)
        for key, version in versions_of(document).items()
        if version.provider is not None
    }


def provider_objects(document: Document, mesh: Mesh) -> list[KubernetesObject]:
    """ServiceEntry and DestinationRule of each provider that a version names."""
    found = []
    for name, provider in used_providers(document).items():
        service = _service(name, mesh)
        for kind, spec, reason in (
            ("ServiceEntry", _entry(service, provider), f"Provider {name}: where it is."),
            (
                "DestinationRule",
                _rule(service, provider, document.envoy.open_exchanges_max),
                f"Provider {name}: TLS to it, and whose certificate it must have.",
            ),
        ):
            manifest = manifest_of("networking.istio.io/v1", kind, f"llm-provider-{service.name}", mesh.namespace, spec)
            found.append(KubernetesObject(manifest, reason))
    return found


def key_filter(provider: Provider, key_file: str) -> dict[str, Any]:
    """The HTTP filter that adds a provider's key. Without one it answers 401, as the credential injector does."""
    header, prefix = key_header(provider)
    code = _ADD_KEY.format(
        age_ms=_KEY_AGE_MS,
        path=json.dumps(key_file, ensure_ascii=False),
        bytes_max=_KEY_BYTES_MAX,
        header=header,
        prefix=prefix,
    )
    return {
        "name": "llm.provider_key",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": code},
            "clear_route_cache": False,  # else Envoy would look for a route again, without the headers that it needs
        },
    }


def _service(name: str, mesh: Mesh) -> KubernetesService:
    label = _label(name)
    return KubernetesService(f"{label}.{_DOMAIN}", _PORT, label, mesh.namespace)


def _label(name: str) -> str:
    """The name as a label of DNS; a changed one gets a checksum, so that ``a.b`` and ``a-b`` stay distinct."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if plain == name:
        return name
    checksum = f"{zlib.crc32(name.encode()):08x}"
    return f"{plain[: _LABEL_CHARS_MAX - len(checksum) - 1].rstrip('-')}-{checksum}"


def _entry(service: KubernetesService, provider: Provider) -> dict[str, Any]:
    address = address_of(provider)
    return {
        "hosts": [service.host],
        "exportTo": ["."],
        "location": "MESH_EXTERNAL",
        # one address at a time, as what answers behind a name changes
        "resolution": "STATIC" if is_ip(address.host) else "DNS_ROUND_ROBIN",
        "ports": [{"number": _PORT, "name": "http", "protocol": "HTTP", "targetPort": address.port}],
        "endpoints": [{"address": address.host}],
    }


def _rule(service: KubernetesService, provider: Provider, open_max: int) -> dict[str, Any]:
    """Without ``sni``, Istio has sent the name of its cluster: https://github.com/istio/istio/issues/50997."""
    address = address_of(provider)
    names = {} if is_ip(address.host) else {"sni": address.host}
    tls = {"mode": "SIMPLE", "caCertificates": provider.ca_file, "subjectAltNames": [address.host], **names}
    return {
        "host": service.host,
        "exportTo": ["."],
        "trafficPolicy": {
            "connectionPool": connection_pool(open_max, PROVIDER_CONNECT_TIMEOUT),
            "outlierDetection": ejection(has_fallback=True),
            "tls": tls if address.is_secure else {"mode": "DISABLE"},
        },
    }
