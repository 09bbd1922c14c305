"""The contract of clients, Envoy and this processor: paths, headers, names. Each is defined here only."""

from __future__ import annotations

from typing import Final, Literal

Endpoint = Literal["chat", "completions", "responses", "messages", "count_tokens", "embeddings", "rerank"]
"""The supported APIs, as named in configuration, metrics and logs."""

ENDPOINT_PATHS: Final[dict[Endpoint, str]] = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "count_tokens": "/v1/messages/count_tokens",
    "embeddings": "/v1/embeddings",
    "rerank": "/v1/rerank",
}
MODELS_PATH: Final = "/v1/models"
"""Answered locally in role route."""

UNKNOWN_IDENTITY: Final = "unknown"
"""Team, tier, use case, project or budget code of a request without that header."""
OTHER_IDENTITY: Final = "other"
"""A team, tier or use case that is none of those that are known."""

INTERNAL_HEADER_PREFIX: Final = "x-llm-"
"""Prefix of headers between Envoy and the processor: removed from whatever clients and model servers send."""
MODEL_HEADER: Final = "x-llm-model"
VERSION_HEADER: Final = "x-llm-version"
ROUTE_HEADER: Final = "x-llm-route"
"""Name of the chosen route, for the calls in role egress: it may have a prompt of its own."""
SERVED_VERSION_HEADER: Final = "x-llm-served-version"
ENDPOINT_HEADER: Final = "x-llm-endpoint"
"""IP:PORT of the server that the processor picked; Envoy's load balancer follows it if that server is healthy."""
PICKER_HEADER: Final = "x-gateway-destination-endpoint"
"""The server that an endpoint picker of the Gateway API (Inference Extension) picked. Clients can send it too."""
ROUTES_HEADER: Final = "x-llm-routes"
"""Metadata of Envoy's calls: the versions that its routes know, see ``config.routed``."""
EGRESS_HEADER: Final = "x-llm-egress"
"""Metadata of Envoy's calls: MODEL/VERSION whose model server gets the request next, see ``exchange.egress``."""
HOP_HEADER: Final = "x-llm-hop"
"""Metadata of Envoy's calls: the trusted listener through which the request came."""
IDENTITY_HEADER: Final = "x-llm-identity"
"""Whom the first call has settled, for the calls in role egress. No client can set it, and no model server gets it."""
MARK_HEADER: Final = "x-llm-guarded"
"""What a hop in front has done to a request, signed; see ``exchange.hop_marks``. No model server gets it."""
ATTEMPT_HEADER: Final = "x-llm-attempt"
"""On each answer of an attempt, within Envoy: how it ended, by which Envoy decides whether to try the next version."""
ATTEMPTS_HEADER: Final = "x-llm-attempts"
"""On an answer through a fallback: all attempts, see ``exchange.attempts``."""
TRY_TIMEOUT_HEADER: Final = "x-envoy-upstream-rq-per-try-timeout-ms"
"""Envoy's own: the time until response headers, of one request. [ms]"""
EXCHANGE_ID_HEADER: Final = "x-llm-exchange-id"
"""On every answer: the id under which logs and the review queue have the exchange. Nobody else can set it."""

METADATA_NAMESPACE: Final = "llm_extproc"
"""Namespace of the dynamic metadata for Envoy's access log."""

JWT_NAMESPACE: Final = "envoy.filters.http.jwt_authn"
"""Namespace of what Envoy's JWT filter has found."""
JWT_CLAIMS: Final = "llm_claims_"
"""With the number of a source: the name of a token's claims there."""
JWT_FAILURE: Final = "llm_failure_"
"""Likewise, of why a token was not verified."""

REPLY_DETAILS_PREFIX: Final = "llm_extproc_"
"""Prefix of the ``details`` of our ImmediateResponses, whose bodies Envoy must not rewrite."""
