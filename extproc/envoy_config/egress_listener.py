"""The internal listeners: one for each version that may answer in place of another.

Only Envoy itself connects to them. Each calls the processor in role egress for its version, and sends the request on to
the version's servers. The role is metadata of the call, which stands in this configuration alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extproc.config.document import Document
from extproc.config.fallback import VersionKey
from extproc.domain.contract import EGRESS_HEADER, TRY_TIMEOUT_HEADER
from extproc.envoy_config.fallback import egress_route, egressed
from extproc.envoy_config.listener import REQUEST_HEADERS_MAX, ROUTER, buffer_limit_bytes, ext_proc
from extproc.envoy_config.local_replies import local_reply_config
from extproc.envoy_config.names import EGRESS_FILTER_NAME, egress_name
from extproc.envoy_config.providers import provider_filters

_EXTENSIONS = "type.googleapis.com/envoy.extensions"
_SILENT_ROUTER = {**ROUTER, "typed_config": {**ROUTER["typed_config"], "suppress_envoy_headers": True}}
"""Else it tells a provider the host that the client named."""
_MORE_HEADERS = 16  # that the first part of Envoy and the processor have added
_HEADERS_KIB = 72  # above the listener's 60, for the same reason
_FAILED_STATUS = 500  # by 503 or 504 Envoy would take the model servers for broken


def egress_listeners(
    document: Document, names: dict[VersionKey, str], folder: Path | None = None
) -> list[dict[str, Any]]:
    """The internal listeners of a configuration; none without a fallback or a provider.

    Args:
        names: of the versions' clusters.
        folder: with the secrets that Envoy watches; None: they are in the bootstrap.
    """
    behind = egressed(document)
    return [_egress_listener(document, key, cluster, folder) for key, cluster in names.items() if key in behind]


def _egress_listener(document: Document, key: VersionKey, cluster: str, folder: Path | None) -> dict[str, Any]:
    return {
        "name": egress_name(cluster),
        "internal_listener": {},
        "per_connection_buffer_limit_bytes": buffer_limit_bytes(document.limits),
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(document, key, cluster, folder),
                    }
                ]
            }
        ],
    }


def _connection_manager(document: Document, key: VersionKey, cluster: str, folder: Path | None) -> dict[str, Any]:
    version = document.models[key[0]].versions[key[1]]
    name = version.provider
    provider = None if name is None else document.providers[name]
    return {
        "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "llm_egress",
        "codec_type": "HTTP1",
        "generate_request_id": False,
        "common_http_protocol_options": {"max_headers_count": REQUEST_HEADERS_MAX + _MORE_HEADERS},
        "max_request_headers_kb": _HEADERS_KIB,
        "stream_idle_timeout": "0s",  # the listener's own applies
        # otherwise a client learns a second later that its answer has broken off
        "delayed_close_timeout": "0s",
        "http_filters": [
            {"name": EGRESS_FILTER_NAME, "typed_config": _ext_proc(document, key)},
            *([] if provider is None or name is None else provider_filters(name, provider, folder)),
            ROUTER if provider is None else _SILENT_ROUTER,
        ],
        "route_config": egress_route(key, cluster, version, provider),
        "local_reply_config": local_reply_config(
            document.limits.request_body_bytes_max, REQUEST_HEADERS_MAX, _FAILED_STATUS
        ),
    }


def _ext_proc(document: Document, key: VersionKey) -> dict[str, Any]:
    """The same call of the same processor, for the request alone."""
    front = ext_proc(document)
    for of_answers in ("response_attributes", "metadata_options"):
        del front[of_answers]
    return {
        **front,
        "stat_prefix": "llm_egress",
        "grpc_service": {
            **front["grpc_service"],
            "initial_metadata": [{"key": EGRESS_HEADER, "value": "/".join(key)}],
        },
        "status_on_error": {"code": "InternalServerError"},
        "processing_mode": {
            "request_header_mode": "SEND",
            "request_body_mode": "BUFFERED",
            "request_trailer_mode": "SKIP",
            "response_header_mode": "SKIP",
            "response_body_mode": "NONE",
            "response_trailer_mode": "SKIP",
        },
        "mutation_rules": {"disallow_is_error": True, "allow_expression": {"regex": f"^{TRY_TIMEOUT_HEADER}$"}},
    }
