"""Fallback in Envoy: retries that move on to another version, with a second call of the processor for each attempt.

    listener llm -> llm.extproc (guards, once) -> route of the chosen version -> cluster VERSION__fallback
        priority 0: internal listener VERSION__egress -> llm.egress (model, prompt) -> cluster VERSION
        priority 1: internal listener OTHER__egress   -> llm.egress (model, prompt) -> cluster OTHER

Behind an internal listener every failure before the first byte is an answer: the retry policy in front can tell them
apart by a header, and a server that fails is ejected there, so that the next request goes to the other version at once.

Source: Envoy's internal listeners, retry policy and outlier detection; measured on 1.40.
"""

from __future__ import annotations

from typing import Any, Final

from extproc.config.document import Document, Version
from extproc.config.fallback import FallbackChain, VersionKey, chains_of, is_at_provider
from extproc.config.providers import Provider
from extproc.domain.contract import ATTEMPT_HEADER, ATTEMPTS_HEADER, REPLY_DETAILS_PREFIX
from extproc.envoy_config.clusters import APPLIED_AT_ONCE, circuit_breakers, quick_ejection
from extproc.envoy_config.names import chain_name, egress_name
from extproc.envoy_config.providers import HIDDEN_HEADERS, provider_route
from extproc.envoy_config.retries import UNREACHED, other_host

INTERNAL_LISTENERS: Final = {
    "bootstrap_extensions": [
        {
            "name": "envoy.bootstrap.internal_listener",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener"
            },
        }
    ]
}
"""Envoy has no internal listeners without this part of its bootstrap configuration."""

_EXTENSIONS = "type.googleapis.com/envoy.extensions"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_FAILURES_MAX = 5
_ALWAYS = ("context_length_exceeded", "version_unavailable")
"""Attempts that were not sent to their model server."""
_WITH_PROVIDER = ("provider_forbidden", "api_not_served", "credential")
"""Likewise, and those that a provider refused for the sake of its key."""

_NOTE_ATTEMPT = f"""\
-- Runs for each attempt. Its answer says how it ended ({ATTEMPT_HEADER}), and how all did ({ATTEMPTS_HEADER}).
local function reason(flags, details, status, provider)
  if details:find("^{REPLY_DETAILS_PREFIX}") then
    return status == "421" and details:sub({len(REPLY_DETAILS_PREFIX) + 1}) or "processor"
  end
  if details:find("^ext_proc") then return "processor" end
  if details:find("inject_credential") or details == "lua_response" then return "credential" end
  if details == "via_upstream" then
    if status == "429" then return "rate_limit" end
    if provider ~= "" and (status == "401" or status == "403") then return "credential" end
    if status == "502" or status == "503" or status == "504" then return "gateway_error" end
    return "answered"
  end
  if flags:find("UT") then return "timeout" end
  if flags:find("UF") or flags:find("UH") or flags:find("UO") or flags:find("NC") then return "connect_failure" end
  if flags:find("U") then return "reset" end
  return "answered"
end
function envoy_on_response(handle)
  local headers = handle:headers()
  local mark = headers:get("{ATTEMPT_HEADER}") or ""
  local flags, details, version, server, provider = mark:match("^(%S+) (%S+) (%S+) ?(%S*) ?(%S*)$")
  if not version then return end
  local why = reason(flags, details, headers:get(":status") or "", provider)
  local data = handle:streamInfo():dynamicMetadata()
  local before = data:get("llm_attempts")
  local made = before and before["made"] .. "," or ""
  made = made .. version .. "=" .. why .. "=" .. ((headers:get("retry-after") or ""):match("^%d+$") or "")
  if provider == "" and server ~= "" then made = made .. "=" .. server end
  data:set("llm_attempts", "made", made)
  headers:replace("{ATTEMPT_HEADER}", why)
  headers:replace("{ATTEMPTS_HEADER}", made)
end
"""


def egressed(document: Document) -> set[VersionKey]:
    """The versions that may answer in place of another, or have others that may."""
    return {key for chain in chains_of(document) for key in chain.versions}


def chain_cluster(names: dict[VersionKey, str], chain: FallbackChain, open_max: int) -> dict[str, Any]:
    """Cluster of a version with a fallback: one priority for each version of its chain."""
    name = chain_name(names[chain.chosen], chain.route)
    endpoints = [
        {
            "priority": priority,
            "lb_endpoints": [
                {
                    "endpoint": {
                        "address": {"envoy_internal_address": {"server_listener_name": egress_name(names[key])}}
                    },
                    "metadata": {"filter_metadata": {"envoy.lb": {"version": "/".join(key)}}},
                }
            ],
        }
        for priority, key in enumerate(chain.versions)
    ]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        **APPLIED_AT_ONCE,
        "circuit_breakers": circuit_breakers(open_max),
        "outlier_detection": quick_ejection(_FAILURES_MAX),
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
                "explicit_http_config": {"http_protocol_options": {}},
                "http_filters": [
                    {
                        "name": "llm.attempts",
                        "typed_config": {
                            "@type": f"{_EXTENSIONS}.filters.http.lua.v3.Lua",
                            "default_source_code": {"inline_string": _NOTE_ATTEMPT},
                        },
                    },
                    {
                        "name": "envoy.filters.http.upstream_codec",
                        "typed_config": {"@type": f"{_EXTENSIONS}.filters.http.upstream_codec.v3.UpstreamCodec"},
                    },
                ],
            }
        },
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }


def next_version(document: Document, chain: FallbackChain) -> dict[str, Any]:
    """``RetryPolicy`` of a route whose version has a fallback: each retry goes to the next version."""
    has_provider = any(is_at_provider(document, key) for key in chain.versions)
    reasons = (*chain.on, *_ALWAYS, *(_WITH_PROVIDER if has_provider else ()))
    return {
        # what the internal listener itself does not answer has not been sent to a model
        "retry_on": f"{UNREACHED},retriable-headers",
        "retriable_headers": [{"name": ATTEMPT_HEADER, "string_match": {"exact": reason}} for reason in reasons],
        "num_retries": len(chain.versions) - 1,
        "retry_back_off": {"base_interval": "0.01s", "max_interval": "0.05s"},
        **other_host(),
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {
                "@type": f"{_EXTENSIONS}.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                "update_frequency": 1,
            },
        },
    }


def egress_route(key: VersionKey, cluster: str, version: Version, provider: Provider | None) -> dict[str, Any]:
    """``RouteConfiguration`` of an internal listener: to the version's servers, with a mark on every answer.

    Where no server was asked, as where the processor has replied, the mark has nothing in the place of its address.
    """
    told = f"%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% {'/'.join(key)} %UPSTREAM_HOST%"
    mark = told if provider is None else f"{told} provider"
    return {
        "name": egress_name(cluster),
        "virtual_hosts": [
            {
                "name": "egress",
                "domains": ["*"],
                "response_headers_to_add": [
                    {
                        "header": {"key": ATTEMPT_HEADER, "value": mark},
                        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                    }
                ],
                **({} if provider is None else {"response_headers_to_remove": list(HIDDEN_HEADERS)}),
                "routes": [
                    {
                        "name": "/".join(key),
                        "match": {"prefix": "/"},
                        "route": {
                            "cluster": cluster,
                            "timeout": "0s",
                            **(_other_server(version) if provider is None else provider_route(provider)),
                        },
                    }
                ],
            }
        ],
    }


def _other_server(version: Version) -> dict[str, Any]:
    """Another server of the version, if one cannot be reached."""
    if len(version.endpoints) == 1:
        return {}
    return {
        "retry_policy": {
            "retry_on": UNREACHED,
            "num_retries": 1,
            "retry_back_off": {"base_interval": "0.01s", "max_interval": "0.05s"},
            **other_host(),
        }
    }
