"""The contract of clients, Envoy and this processor: paths, headers, names. Each is defined here only."""

from __future__ import annotations

from typing import Literal

Endpoint = Literal["chat", "completions", "responses", "messages", "count_tokens", "embeddings", "rerank"]
"""The supported APIs, as named in configuration, metrics and logs."""

ENDPOINT_PATHS: dict[Endpoint, str] = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "count_tokens": "/v1/messages/count_tokens",
    "embeddings": "/v1/embeddings",
    "rerank": "/v1/rerank",
}
MODELS_PATH = "/v1/models"
"""Answered locally in role route."""

UNKNOWN_IDENTITY = "unknown"
"""Team, tier, use case, project or budget code of a request without that header."""
OTHER_IDENTITY = "other"
"""A team, tier or use case that is none of those that are known."""

INTERNAL_HEADER_PREFIX = "x-llm-"
"""Prefix of headers between Envoy and the processor: removed from whatever clients and model servers send."""
MODEL_HEADER = "x-llm-model"
VERSION_HEADER = "x-llm-version"
SERVED_VERSION_HEADER = "x-llm-served-version"
ENDPOINT_HEADER = "x-llm-endpoint"
"""HOST:PORT of the server that the processor picked; Envoy's load balancer follows it if that server is healthy."""
ROUTES_HEADER = "x-llm-routes"
"""Metadata of Envoy's calls: the versions that its routes know, see ``config.routed``."""
EXCHANGE_ID_HEADER = "x-llm-exchange-id"
"""On every answer: the id under which logs and the review queue have the exchange. Nobody else can set it."""

METADATA_NAMESPACE = "llm_extproc"
"""Namespace of the dynamic metadata for Envoy's access log."""

REPLY_DETAILS_PREFIX = "llm_extproc_"
"""Prefix of the ``details`` of our ImmediateResponses, whose bodies Envoy must not rewrite."""
