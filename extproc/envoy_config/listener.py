"""The listener: HTTP connection manager, the ext_proc filter and the access log."""

from __future__ import annotations

from typing import Any

from extproc.config.document import Document, Limits, Role
from extproc.config.fallback import chains_of
from extproc.config.forwarding import excluded_headers
from extproc.domain.contract import (
    EXCHANGE_ID_HEADER,
    HOP_HEADER,
    INTERNAL_HEADER_PREFIX,
    METADATA_NAMESPACE,
    ROUTES_HEADER,
)
from extproc.envoy_config.addresses import listening_address
from extproc.envoy_config.client_identity import (
    client_tls,
    forwarded_namespaces,
    jwt_filters,
    told_certificates,
    trusted_listeners,
)
from extproc.envoy_config.early_replies import skipped_without_request
from extproc.envoy_config.local_replies import local_reply_config
from extproc.envoy_config.names import (
    FILTER_NAME,
    PROCESSOR_CLUSTER,
    ROUTES_STATED,
)
from extproc.envoy_config.retries import processor_retries

_TYPE = "type.googleapis.com/envoy"
ROUTER: dict[str, Any] = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": f"{_TYPE}.extensions.filters.http.router.v3.Router"},
}
_BUFFER_STEP_BYTES = 65_536
_HTTP2_STREAM_WINDOW_BYTES = 65_535  # minimum required by HTTP/2
_HTTP2_CONNECTION_WINDOW_BYTES = 1_048_576
REQUEST_HEADERS_MAX = 128
"""Includes about eight headers that Envoy and the processor add. Envoy's default of 100 is too low for clients behind
several proxies.
"""


def listener(document: Document, routes: dict[str, Any]) -> dict[str, Any]:
    """The listener for clients, HTTP/1.1 and HTTP/2.

    Args: routes: the key of the connection manager that has the routes, or says where they are.
    """
    address = listening_address(document.envoy.listen, "envoy.listen")
    return _listener("llm", address, client_tls(document), _connection_manager(document, routes), document.limits)


def hop_listeners(document: Document, routes: dict[str, Any]) -> list[dict[str, Any]]:
    """The same for each trusted hop that has a listener of its own, in order, without TLS.

    Args: routes: as above.
    """
    return [
        _listener(
            f"llm_hop_{number}",
            listening_address(listen, "identity.trusted_hops"),
            {},
            _connection_manager(document, routes, listen),
            document.limits,
        )
        for number, listen in enumerate(trusted_listeners(document))
    ]


def _listener(
    name: str, address: dict[str, Any], tls: dict[str, Any], manager: dict[str, Any], limits: Limits
) -> dict[str, Any]:
    return {
        "name": name,
        "address": address,
        "per_connection_buffer_limit_bytes": buffer_limit_bytes(limits),
        "filter_chains": [
            {
                "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
                **tls,
            }
        ],
    }


def buffer_limit_bytes(limits: Limits) -> int:
    """Envoy's buffer limit for bodies held for the processor, in both directions [bytes].

    Above the processor's own limits, rounded up to 64 KiB, so that the processor rejects, with an API error.
    """
    largest = max(limits.request_body_bytes_max, limits.response_body_bytes_max)
    return (largest // _BUFFER_STEP_BYTES + 1) * _BUFFER_STEP_BYTES


def _connection_manager(document: Document, routes: dict[str, Any], hop: str = "") -> dict[str, Any]:
    return {
        "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "llm",
        "codec_type": "AUTO",
        "use_remote_address": True,
        **told_certificates(document),
        "generate_request_id": True,
        # normalize paths: the path that the processor checked is the one that the model server reads
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {
            "headers_with_underscores_action": "REJECT_REQUEST",
            "max_headers_count": REQUEST_HEADERS_MAX,
        },
        # some proxies use it (nginx by default); Envoy re-frames it as HTTP/1.1, and closes after one response
        "http_protocol_options": {"accept_http_10": True},
        # Envoy's own windows (16 MiB per stream) deliver more than its buffer limit at once, past the limit's 413
        "http2_protocol_options": {
            "initial_stream_window_size": _HTTP2_STREAM_WINDOW_BYTES,
            "initial_connection_window_size": _HTTP2_CONNECTION_WINDOW_BYTES,
        },
        "request_headers_timeout": "10s",
        "stream_idle_timeout": seconds(document.envoy.stream_idle_ms),
        "early_header_mutation_extensions": [header_removal(_prefixes_of_others(document))],
        "http_filters": [
            *jwt_filters(document),
            skipped_without_request(FILTER_NAME, ext_proc(document, hop)),
            ROUTER,
        ],
        **routes,
        "local_reply_config": local_reply_config(document.limits.request_body_bytes_max, REQUEST_HEADERS_MAX),
        "access_log": [_access_log(bool(chains_of(document)))],
    }


def _prefixes_of_others(document: Document) -> tuple[str, ...]:
    """Clients must not choose a version (``x-llm-``), nor retries that are billed twice (``x-envoy-``).

    Behind a hop whose marks are checked, the processor removes the first kind, as in a mesh: it needs the mark, and
    this Envoy has one route.
    """
    checks_marks = document.hops is not None and document.role is Role.GUARD
    return ("x-envoy-",) if checks_marks else (INTERNAL_HEADER_PREFIX, "x-envoy-")


def header_removal(prefixes: tuple[str, ...]) -> dict[str, Any]:
    """Removes headers of requests, by the beginnings of their names, before the first route lookup."""
    return {
        "name": "strip_internal_headers",
        "typed_config": {
            "@type": f"{_TYPE}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in prefixes],
        },
    }


def ext_proc(document: Document, hop: str = "") -> dict[str, Any]:
    """The filter that calls the processor. Args: hop: the trusted listener in which it stands; empty: none."""
    return {
        "@type": f"{_TYPE}.extensions.filters.http.ext_proc.v3.ExternalProcessor",
        "stat_prefix": "llm_extproc",
        "grpc_service": {
            "envoy_grpc": {"cluster_name": PROCESSOR_CLUSTER},
            "timeout": "0s",
            "retry_policy": processor_retries(),
            **_stated(document.role, hop),
        },
        "failure_mode_allow": False,
        "status_on_error": {"code": "ServiceUnavailable"},
        "message_timeout": seconds(document.envoy.message_timeout_ms),
        "max_message_timeout": seconds(document.envoy.long_message_timeout_ms),
        "allow_mode_override": True,
        "processing_mode": {
            "request_header_mode": "SEND",
            "request_body_mode": "BUFFERED",
            "request_trailer_mode": "SKIP",
            "response_header_mode": "SEND",
            "response_body_mode": "STREAMED",
            "response_trailer_mode": "SEND",
        },
        "forward_rules": _forward_rules(document),
        # the first lets the processor distinguish a model server's response from an Envoy error
        "response_attributes": ["response.code_details", "upstream.address"],
        # a rejected mutation is an internal bug, and must not be dropped silently
        "mutation_rules": {"disallow_is_error": True},
        "metadata_options": {
            **forwarded_namespaces(document),
            "receiving_namespaces": {"untyped": [METADATA_NAMESPACE]},
        },
    }


def _stated(role: Role, hop: str) -> dict[str, Any]:
    """With each call, so that the processor chooses no version that the routes of this Envoy do not have, and knows
    through which listener a request came.
    """
    stated = [] if role is Role.GUARD else [{"key": ROUTES_HEADER, "value": ROUTES_STATED}]
    if hop:
        stated.append({"key": HOP_HEADER, "value": hop})
    return {"initial_metadata": stated} if stated else {}


def _forward_rules(document: Document) -> dict[str, Any]:
    exact, prefixes = excluded_headers(document)
    patterns = [*({"exact": header} for header in exact), *({"prefix": prefix} for prefix in prefixes)]
    return {"disallowed_headers": {"patterns": patterns}}


def _access_log(has_fallback: bool) -> dict[str, Any]:
    """One JSON line per exchange, without bodies, query strings or credentials."""
    made = {"attempts_made": "%DYNAMIC_METADATA(llm_attempts:made)%"} if has_fallback else {}
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": f"{_TYPE}.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {
                "json_format": {
                    "time": "%START_TIME%",
                    "request_id": "%REQ(X-REQUEST-ID)%",
                    "exchange": f"%RESP({EXCHANGE_ID_HEADER})%",
                    "method": "%REQ(:METHOD)%",
                    "path": "%PATH(NQ):256%",
                    "status": "%RESPONSE_CODE%",
                    "flags": "%RESPONSE_FLAGS%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                    "duration_ms": "%DURATION%",
                    "first_byte_ms": "%RESPONSE_DURATION%",
                    "request_bytes": "%BYTES_RECEIVED%",
                    "response_bytes": "%BYTES_SENT%",
                    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
                    **made,
                    "cluster": "%UPSTREAM_CLUSTER%",
                    "served_version": "%UPSTREAM_METADATA(envoy.lb:version)%",
                    "llm": f"%DYNAMIC_METADATA({METADATA_NAMESPACE})%",
                }
            },
        },
    }


def seconds(milliseconds: int) -> str:
    """Duration in Envoy's format: 250 -> ``0.25s``."""
    whole, rest = divmod(milliseconds, 1_000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".") + "s"
